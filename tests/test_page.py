"""The page of a study: whole, escaped, alone on the disk, and with the figures of the frames."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import page_results as made
import pytest
from page_parsed import Page, from_outside

from adapterstilts.experiment.judgement import Judged
from adapterstilts.experiment.typology import against_gain
from adapterstilts.report.page import write_page
from adapterstilts.report.page._blocks import Words
from adapterstilts.report.page._drawing import Size, picture
from adapterstilts.report.page._study import Study
from adapterstilts.report.page._words import signed, time
from adapterstilts.report.page.efficiency import versus
from adapterstilts.report.page.headline import warnings
from adapterstilts.report.page.records import certificates
from adapterstilts.report.page.retained import distance

SECTIONS = [
    *("headline", "matrix", "versus", "cost", "languages", "seeds", "selection", "search", "retention", "layers"),
    *("distance", "certificates", "configuration", "environment", "holes", "command", "data"),
]


def written(tmp_path: Path, study=None, judged=None, distances=None) -> str:
    study = study or made.results()
    return write_page(study, judged or made.judged(study), tmp_path / "page.html", distances).read_text(
        encoding="utf-8"
    )


def nothing_judged() -> Judged:
    judged = made.judged(made.results())
    return Judged(*(getattr(judged, name).iloc[:0] for name in ("gains", "against_reference", "kept", "selection")))


@pytest.fixture(scope="module")
def judged():
    return made.judged(made.results())


@pytest.fixture(scope="module")
def text(tmp_path_factory, judged) -> str:
    study = made.results()
    return written(tmp_path_factory.mktemp("page"), study, judged, against_gain(study))


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_every_element_is_closed_where_it_was_opened(page):
    assert page.wrong == []


def test_no_name_stands_for_two_parts_of_the_page(page):
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) > len(SECTIONS)
    assert sorted(names) == sorted(set(names))


def test_every_part_that_the_page_refers_to_is_there(text, page):
    names = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    used = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    used |= {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
    assert len(used) > len(SECTIONS)
    assert used - names == set()


def test_nothing_is_fetched(text):
    assert from_outside(text) == []
    assert "http:" not in text
    assert "https:" not in text


@pytest.mark.parametrize(
    "part",
    [
        '<link rel="stylesheet" href="#a">',
        '<script src="https://example.org/a.js"></script>',
        '<svg><use xlink:href="other.svg#a"/></svg>',
        "<style>@import 'a.css';</style>",
        "<p style=\"background: url('a.png')\"></p>",
        '<p onclick="x()"></p>',
        "<iframe></iframe>",
    ],
)
def test_what_would_be_fetched_is_found(part):
    assert from_outside(f"<html>{part}</html>")


def test_the_page_forbids_itself_to_fetch(page):
    policies = [one["content"] for tag, one in page.elements if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"]


def test_sections_come_in_their_order_and_each_says_how_to_read_it(page):
    assert [attributes["id"] for tag, attributes in page.elements if tag == "section"] == SECTIONS
    assert sum("reading" in attributes.get("class", "") for _, attributes in page.elements) == len(SECTIONS)


def test_text_of_others_is_text(text, page):
    assert "<script>alert" not in text
    assert "<script>alert('about')</script>" in page.texts[""]
    assert [tag for tag, _ in page.elements].count("script") == 2


def test_hostile_names_stay_names(tmp_path):
    study = made.results()
    name = "</script ><b id='x' onclick=1>&amp;$a$"
    frames = {
        one: getattr(study, one).replace("mnli", name) for one in ("scores", "costs", "holes", "retained", "layers")
    }
    ways = tuple(name if way == "mnli" else way for way in study.ways)
    study = replace(study, **frames, ways=ways, same_rows=frozenset({(name, "xnli")}), environment={name: name})
    text = written(tmp_path, study, nothing_judged())
    hostile = Page(text)
    assert hostile.wrong == []
    assert "<" not in re.search(r'<script id="figures"[^>]*>(.*?)</script>', text, re.S)[1]
    assert not [tag for tag, attributes in hostile.elements if tag == "b" or "onclick" in attributes]
    assert name in hostile.texts["environment"]
    assert {row[0].text for row in hostile.tables["matrix"][0].rows} == set(ways)


@pytest.mark.parametrize("method", made.METHODS)
def test_a_map_has_the_figures_of_the_judgement(page, judged, method):
    lines = judged.gains[(judged.gains.method == method) & (judged.gains.languages == "zero-shot")]
    table = page.called("matrix", method)
    shown = {(row[0].text, target): row[1 + place] for row in table.rows for place, target in enumerate(made.TARGETS)}
    assert len(lines) == len(shown) == 9
    assert {True, False} == set(judged.gains.p_holm.dropna() < 0.05)
    for one in lines.to_dict("records"):
        cell = shown[one["way"], one["target"]]
        if one["why"]:
            continue
        wanted = f"{one['score']:.1f}" + ("*" if one["same_rows"] else "")
        if one["way"] != made.BASELINE:
            clear = " ●" if one["p_holm"] < 0.05 else ""
            wanted += f" {signed(one['difference'])}{clear} {signed(one['low'])} to {signed(one['high'])}"
        assert cell.text.removesuffix(" 2 of 3 seeds") == wanted
        assert float(cell.attributes["data-sort"]) == one["score"]


def test_a_gain_is_blue_a_loss_is_orange_and_the_largest_has_the_full_colour(page, judged):
    gains = judged.gains[judged.gains.languages == "zero-shot"].dropna(subset=["difference"])
    largest = gains.loc[gains.difference.abs().idxmax()]
    colours = {}
    for method in made.METHODS:
        for row in page.called("matrix", method).rows:
            for target, cell in zip(made.TARGETS, row[1:], strict=False):
                style = re.search(r"background-color:#(..)(..)(..)", cell.attributes.get("style", ""))
                colours[method, row[0].text, target] = style and [int(part, 16) for part in style.groups()]
    for one in gains.to_dict("records"):
        red, _, blue = colours[one["method"], one["way"], one["target"]]
        assert (blue > red) == (one["difference"] > 0)
    assert colours[largest.method, largest.way, largest.target] == [107, 174, 214]
    assert colours["full", "none", "xnli"] is None


def test_the_mean_of_a_row_leaves_out_the_targets_own_data(page, judged):
    gains = judged.gains[(judged.gains.method == "full") & (judged.gains.languages == "zero-shot")]
    wanted = gains[(gains.way == "mnli") & (gains.target != "xnli")].difference.mean()
    assert page.called("matrix", "full").row("mnli")["mean difference without *"].text == signed(wanted)


def test_holes_are_shown_wherever_a_figure_is_missing(page):
    method, way, target = made.MISSING
    cell = page.called("matrix", method).row(way)[target]
    assert (cell.text, cell.attributes["class"], cell.attributes["title"]) == ("hole*", "heat hole", made.REASON)
    assert page.called("holes", "Missing runs").row(method, way, target)["seeds"].text == "0, 1, 2"
    assert page.called("holes", "Missing runs").row(*made.FAILED[:3])["why"].text == "not run"
    runs = page.called("seeds", "Mean zero-shot score of every run")
    assert runs.row(*made.FAILED[:3])["seed 2"].text == "hole"
    assert page.called("matrix", "lora").row("mnli")["xnli"].text.endswith("2 of 3 seeds")
    assert f"4 holes of 81 runs, not in any mean: 3 {made.REASON}; 1 not run." in page.texts["headline"]


def test_shares_and_differences_to_the_reference_are_those_of_the_judgement(page, judged):
    table = page.called("versus", "Every method beside the reference")
    kept = judged.kept.set_index(["method", "way", "target"])
    for one in judged.against_reference.to_dict("records"):
        row = table.row(one["method"], one["way"], one["target"])
        mark = " ●" if one["p_holm"] < 0.05 else ""
        assert row["difference to full"].text == signed(one["difference"]) + mark
        if one["way"] != made.BASELINE:
            share = kept.loc[one["method"], one["way"], one["target"]]
            assert row["share of gain kept"].text == (share.why or f"{100 * share.share:.0f} %")


def test_costs_are_means_over_seeds_with_the_search(page):
    row = page.called("cost", "What every score has cost: means over seeds").row("lora", "mnli", "xnli")
    wanted = made.cost("lora", "mnli", "xnli")
    assert row["trained"].text == "24.6k"
    assert float(row["time in all"].attributes["data-sort"]) == wanted[2] + wanted[3]
    assert row["of it search"].text == time(wanted[3])


def test_scores_by_language_and_their_mean_are_those_of_the_scores(page):
    scores = made.results().scores
    own = scores[(scores.method == "lora") & (scores.way == "mnli") & (scores.target == "xnli")]
    table = next(one for one in page.tables["languages"] if one.caption == "lora")  # of the first target, xnli
    for language in made.ZERO_SHOT:
        assert table.row(language)["mnli"].text == f"{own[own.language == language].score.mean():.1f}"
    assert table.rows[-1][0].text == "mean zero-shot, shown"
    means = own[own.language != "en"].groupby("language").score.mean()
    assert table.rows[-1][2].text == f"{means.mean():.1f}"
    assert table.row("en taught")["mnli"].text == f"{own[own.language == 'en'].score.mean():.1f}"


def test_every_run_is_in_the_table_and_in_a_picture(page, text):
    study = made.results()
    runs = study.scores[study.scores.language != "en"].groupby(["method", "way", "target", "seed"]).score.mean()
    table = page.called("seeds", "Mean zero-shot score of every run")
    for (method, way, target, seed), score in runs.items():
        assert table.row(method, way, target)[f"seed {seed}"].text == f"{score:.1f}"
    strips = text[text.index('id="seeds"') : text.index('id="selection"')]
    signs = len(re.findall(r"<use ", strips))
    ticks = len(re.findall(r"<g><g><use |<g><use ", strips))
    assert signs - ticks >= len(runs)


def test_the_headline_counts_cells_without_the_targets_own_data(page, judged):
    gains = judged.gains[(judged.gains.method == "lora") & (judged.gains.languages == "zero-shot")]
    counted = gains[~gains.same_rows].dropna(subset=["difference"])
    up, down = ((counted.p_holm < 0.05) & (sign * counted.difference > 0) for sign in (1, -1))
    best = counted.loc[counted.difference.idxmax()]
    assert (
        f"With lora, the mean difference is {signed(counted.difference.mean())} points over {len(counted)} cells, the "
        f"largest {signed(best.difference)} ({signed(best.low)} to {signed(best.high)}), {best.way} on {best.target}; "
        f"{up.sum()} gain clearly, {down.sum()} lose clearly."
    ) in page.texts["headline"]


def test_fewer_than_three_seeds_give_ranges_and_nothing_is_called_clear(tmp_path):
    study = made.results((0, 1))
    few = Page(written(tmp_path, study))
    assert "2 seeds: fewer than 3 give ranges, no intervals" in few.texts["headline"]
    assert "gain clearly" not in few.texts["headline"]
    cells = [cell.text for table in few.tables["matrix"][:3] for row in table.rows for cell in row]
    assert any("range +" in cell for cell in cells)
    assert not any("●" in cell for cell in cells)


def test_a_study_without_results_keeps_all_its_sections(tmp_path):
    empty = Page(written(tmp_path, made.empty(made.results()), nothing_judged()))
    assert empty.wrong == []
    assert [attributes["id"] for tag, attributes in empty.elements if tag == "section"] == SECTIONS
    assert "There are no scores yet." in empty.texts["matrix"]
    assert "None: every run of the study is there." in empty.texts["holes"]
    assert "No earlier task was scored again." in empty.texts["retention"]
    assert empty.tables == {}


def test_a_mini_base_is_said_to_be_no_evidence():
    study = made.results()
    frames = {one: getattr(study, one).assign(base="xlm-roberta-large") for one in ("scores", "holes")}
    large = replace(study, **frames)
    said, unsaid = (warnings(Study(one, nothing_judged(), None)) for one in (study, large))
    assert [text for text in said if "no evidence about XLM-R" in text]
    assert [text for text in unsaid if "no evidence about XLM-R" in text] == []


def test_a_study_of_one_method_has_no_reference(judged):
    [block] = versus(Study(replace(made.results(), reference=None), judged, None)).blocks
    assert block == Words(["The study names no method to hold others against."])


def test_distances_are_left_out_with_a_note_where_nobody_gave_any(page, judged):
    [block] = distance(Study(made.results(), judged, None)).blocks
    assert block == Words(["No distances of languages were given, so this is left out."])
    assert page.called("distance", "Rank correlations").row("full", "mnli", "all together")["languages"].text == "4"


def test_a_check_that_did_not_hold_is_not_counted_as_held(judged):
    study = made.results()
    [(place, certificate)] = study.certificates.items()
    broken = {**certificate, "checks": {**certificate["checks"], "sum": {"largest": 1.0, "allowed": 1e-6}}}
    [block] = certificates(Study(replace(study, certificates={place: broken}), judged, None)).blocks
    assert block.title == "mnli+squad, lora: merge of 2 members, 1 of 2 checks held"


def test_certificates_tell_members_and_checks_without_a_path(text, page):
    assert page.called("certificates", "Checks of mnli+squad, lora").row("sum")["allowed"].text == "1e-06"
    assert page.called("certificates", "Members of mnli+squad, lora").row("squad")["weight"].text == "0.5"
    assert "2 of 2 checks held" in page.texts["certificates"]
    assert "/home/somebody" not in text


def test_settings_that_differ_are_shown_and_others_counted(page):
    methods = page.called("configuration", "Between methods, on “none”")
    assert methods.row("method.r")["lora"].text == "8"
    assert methods.row("method.r")["full"].text == "–"
    ways = page.called("configuration", "full, lora, bottleneck")
    assert ways.row("mnli", "way")["here"].text == "mnli"
    assert "1 setting the same everywhere" in page.texts["configuration"]


def test_the_figures_inside_the_page_are_the_frames(text):
    found = json.loads(re.search(r'<script id="figures" type="application/json">(.*?)</script>', text, re.S)[1])
    study = made.results()
    wanted = study.scores.drop(columns="folder")
    scores = found["frames"]["scores"]
    assert scores["columns"] == list(wanted.columns)
    assert scores["rows"][7][:-4] == wanted.iloc[7].tolist()[:-4]
    assert [row[scores["columns"].index("score")] for row in scores["rows"]] == pytest.approx(wanted.score.tolist())
    gains = found["frames"]["gains"]
    assert sum(row[gains["columns"].index("score")] is None for row in gains["rows"]) == 2
    assert found["about"] == study.about


def test_the_same_study_gives_the_same_bytes(text, tmp_path):
    code = (
        "import page_results as m; from pathlib import Path; from adapterstilts.report.page import write_page;"
        "from adapterstilts.experiment.typology import against_gain; s = m.results();"
        f"write_page(s, m.judged(s), Path({str(tmp_path / 'again.html')!r}), against_gain(s))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path, "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_a_picture_needs_no_namespace_and_no_formula(tmp_path):
    with picture("one", 'a "b" <c>', Size(2.0)) as drawn:
        drawn.axes.plot([1], [2], "o")
        drawn.axes.set_xlabel("a$b$c")
    parsed = Page(drawn.svg)
    assert parsed.wrong == []
    assert parsed.elements[0][1]["aria-label"] == 'a "b" <c>'
    assert "a$b$c" in drawn.svg
    assert "xmlns" not in drawn.svg


@pytest.mark.parametrize(("value", "wanted"), [(1.25, "+1.2"), (-1.26, "−1.3"), (-0.04, "0.0"), (None, "–")])
def test_a_difference_has_a_true_sign_or_none(value, wanted):
    assert signed(value) == wanted
