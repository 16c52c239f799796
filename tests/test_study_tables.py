"""A study's tables: what their cells say, raw numbers in CSV, LaTeX that is well formed, a headline for a terminal."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from latex_reader import read_latex

from adapterstilts.experiment.results import CELL, Results
from adapterstilts.report.study_tables import headline, study_tables, write_study_tables
from adapterstilts.report.tables import show

TARGETS = ("xnli", "tydiqa", "udpos_ud", "tatoeba")
WAYS, METHODS, SEEDS = ("none", "mnli", "a_b"), ("full", "lora"), (0, 1, 2)
ZERO_SHOT = dict.fromkeys(TARGETS, ("de", "hi"))
NAN = float("nan")
COSTS = {"trained": 12_288, "bytes": 50_760, "train_s": 100.0, "search_s": 20.0, "peak_memory_bytes": 1.7e9,
         "examples": 6400}  # fmt: skip
CELLS = [("mini", "", method, way, target) for method in METHODS for way in WAYS for target in TARGETS]
HOLE = ("mini", "", "lora", "a_b", "tatoeba")


def score(cell, language, seed):
    """60 for nothing; ways add 1 and 3, lora loses 2, the source language is easier, a seed adds a tenth."""
    _, _, method, way, _ = cell
    return 60 + {"none": 0, "mnli": 1, "a_b": 3}[way] - 2 * (method == "lora") + 10 * (language == "en") + seed / 10


def difference(cell):
    return {"none": NAN, "mnli": 1.0, "a_b": 3.0}[cell[3]]


def framed(rows, more):
    return pd.DataFrame(rows, columns=[*CELL, *more])


def study(seeds=SEEDS):
    """A study of three ways, two methods and four targets with one hole; its intervals are invented."""
    done = [cell for cell in CELLS if cell != HOLE]
    scores = [(*cell, seed, language, score(cell, language, seed), "/runs/x") for cell in done for seed in seeds
              for language in ("en", "de", "hi")]  # fmt: skip
    return Results(
        name="try", about="", command="adapterstilts run try", folder=Path("runs/try"), baseline="none",
        reference="full", ways=WAYS, methods=METHODS, targets=TARGETS, seeds=tuple(seeds),
        scores=framed(scores, ["seed", "language", "score", "folder"]),
        dev=pd.DataFrame(), layers=pd.DataFrame(), chosen=pd.DataFrame(),
        costs=framed([(*cell, seed, *COSTS.values()) for cell in done for seed in seeds], ["seed", *COSTS]),
        retained=pd.DataFrame(
            [("mini", "", "lora", "a_b", seed, "snli", language, 70 + seed, 74.0)
             for seed in seeds for language in ("en", "de")],
            columns=["base", "variant", "method", "way", "seed", "task", "language", "now", "alone"]),
        holes=framed([(*HOLE, seed, "ran out of memory") for seed in seeds], ["seed", "why"]),
        zero_shot=ZERO_SHOT, same_rows=frozenset({("mnli", "xnli")}),
        certificates={}, configurations={}, environment={},
    )  # fmt: skip


def judged(few=False):
    """Intervals of half a point; with few seeds none, but ranges. The difference of 3 is sure, that of 1 is not."""
    others = [cell for cell in CELLS if cell[3] != "none" and cell != HOLE]
    gains = [(*cell, "zero-shot", 0.0, d, *((NAN, NAN) if few else (d - 0.5, d + 0.5)), d - 0.25, d + 0.25,
              0.01 if d > 2 else 0.2, cell[3:] == ("mnli", "xnli"))
             for cell in others for d in [difference(cell)]]  # fmt: skip
    lora = [cell for cell in CELLS if cell[2] == "lora" and cell != HOLE]
    return SimpleNamespace(
        gains=framed(gains, ["languages", "score", "difference", "low", "high", "lowest", "highest", "p_holm",
                             "same_rows"]),
        against_reference=framed([(*cell, -2.0, -2.5, -1.5, 0.03) for cell in lora],
                                 ["difference", "low", "high", "p_holm"]),
        kept=pd.DataFrame(
            [("lora", way, target, *((0.871, 0.6, 1.1, "") if way == "a_b" else (NAN, NAN, NAN, "full gains nothing")))
             for way in WAYS[1:] for target in TARGETS],
            columns=["method", "way", "target", "share", "low", "high", "why"]),
        selection=pd.DataFrame(
            [("mini", "", "lora", rule, target, "a_b", 61.0) for rule in ("English dev", "oracle")
             for target in TARGETS],
            columns=["base", "variant", "method", "rule", "target", "way", "score"]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return study_tables(study(), judged())


def cells(table, name):
    """A row's cells by their headings."""
    [row] = [row for row in table.rows if row[0] == name]
    return dict(zip(table.headings[1:], row[1:], strict=True))


def read_csv(table):
    return list(csv.DictReader(io.StringIO(table.csv())))


def test_a_study_has_a_table_for_each_question(tables):
    assert list(tables) == ["scores", "differences", *(f"languages-{target}" for target in TARGETS),
                            "against-reference", "kept", "costs", "selection", "retention", "distances"]  # fmt: skip


def test_the_matrix_has_means_over_seeds_and_zero_shot_languages_with_marks_and_holes(tables):
    matrix = tables["scores"]
    assert matrix.headings == ["", *TARGETS]
    assert [row[0] for row in matrix.rows] == [f"{method} {way}" for method in METHODS for way in WAYS]
    assert cells(matrix, "full mnli") == {"xnli": "61.1†", "tydiqa": "61.1", "udpos_ud": "61.1", "tatoeba": "61.1"}
    assert cells(matrix, "lora a_b") == {"xnli": "61.1", "tydiqa": "61.1", "udpos_ud": "61.1", "tatoeba": "--"}
    assert any(note.startswith("†:") for note in matrix.notes)
    assert "--: no result; runs missing: ran out of memory (3)" in matrix.notes
    assert not any("fewer seeds" in note for note in matrix.notes)


def test_differences_have_intervals_and_marks_for_sure_ones_and_same_rows(tables):
    differences = tables["differences"]
    assert [row[0] for row in differences.rows] == ["full mnli", "full a_b", "lora mnli", "lora a_b"]
    assert cells(differences, "full mnli")["xnli"] == "+1.0 [0.5, 1.5]†"
    assert cells(differences, "full a_b")["xnli"] == "+3.0 [2.5, 3.5]*"
    assert cells(differences, "lora a_b")["tatoeba"] == "--"
    assert [note.split(":")[0] for note in differences.notes] == ["[low, high]", "*", "†", "--"]


def test_under_three_seeds_there_are_ranges_in_the_place_of_intervals():
    differences = study_tables(study(seeds=(0, 1)), judged(few=True))["differences"]
    assert cells(differences, "lora mnli")["tydiqa"] == "+1.0 (0.8 to 1.2)"
    assert not any("[" in cell for row in differences.rows for cell in row)
    assert any("no interval" in note for note in differences.notes)


def test_a_seed_that_lacks_a_language_is_no_part_of_a_mean():
    results = study()
    scores = results.scores
    lacks = (scores["seed"] == 2) & (scores["language"] == "hi") & (scores["target"] == "xnli")
    matrix = study_tables(replace(results, scores=scores[~lacks]), judged())["scores"]
    assert cells(matrix, "full none") == {"xnli": "60.0", "tydiqa": "60.1", "udpos_ud": "60.1", "tatoeba": "60.1"}
    assert {line["seed"] for line in read_csv(matrix) if line["target"] == "xnli"} == {"0", "1"}
    everywhere = ", ".join(f"{method} {way} on xnli (2 of 3)" for method in METHODS for way in WAYS)
    assert f"over fewer seeds: {everywhere}" in matrix.notes


def test_languages_stand_across_and_down_the_page_where_they_outnumber_the_ways(tables):
    assert tables["languages-xnli"].headings == ["", "de", "en", "hi"]
    assert cells(tables["languages-xnli"], "lora none") == {"de": "58.1", "en": "68.1", "hi": "58.1"}
    assert tables["languages-xnli"].notes == ["not zero-shot: en"]
    results = study()
    one = results.scores[(results.scores["method"] == "lora") & (results.scores["way"] != "a_b")]
    long = study_tables(replace(results, scores=one, holes=results.holes.head(0)), judged())["languages-xnli"]
    assert long.headings == ["", "none", "mnli"]
    assert cells(long, "en") == {"none": "68.1", "mnli": "69.1"}
    assert long.best == "row"


def test_rows_are_named_by_what_differs_in_the_study():
    results = study()
    both = pd.concat([results.scores, results.scores.assign(base="large", variant="r=8")])
    names = [row[0] for row in study_tables(replace(results, scores=both), judged())["scores"].rows]
    assert names[0] == "mini full none"
    assert names[6] == "large r=8 full none"
    alone = replace(results, scores=results.scores[results.scores["method"] == "full"], holes=results.holes.head(0))
    assert [row[0] for row in study_tables(alone, judged())["scores"].rows] == list(WAYS)


def test_efficient_methods_are_held_against_the_reference(tables):
    against, kept = tables["against-reference"], tables["kept"]
    assert [row[0] for row in against.rows] == ["lora none", "lora mnli", "lora a_b"]
    assert cells(against, "lora none")["xnli"] == "-2.0 [-2.5, -1.5]*"
    assert cells(kept, "lora a_b")["xnli"] == "87% [60, 110]"
    assert cells(kept, "lora mnli")["xnli"] == "--"
    assert "--: full gains nothing" in kept.notes
    doubtful = replace(study(), same_rows=frozenset({("a_b", "xnli")}))
    marked = study_tables(doubtful, judged())
    assert cells(marked["against-reference"], "lora a_b")["xnli"] == "-2.0 [-2.5, -1.5]*†"
    assert cells(marked["kept"], "lora a_b")["xnli"] == "87% [60, 110]†"
    without = study_tables(replace(study(), reference=None), judged())
    assert not {"against-reference", "kept"} & set(without)


def test_costs_are_means_with_units_and_count_the_search(tables):
    assert cells(tables["costs"], "lora none") == {"trained": "12.3k", "saved": "50.8kB", "training": "100s",
                                                   "search": "20s", "in all": "120s", "memory": "1.7GB"}  # fmt: skip


def test_selection_and_retention_say_which_way_and_what_is_left(tables):
    assert cells(tables["selection"], "lora oracle")["xnli"] == "61.0 (a_b)"
    assert cells(tables["retention"], "lora a_b: snli") == {"alone": "74.0", "now": "71.0", "difference": "-3.0"}


def test_gains_are_held_against_distance_with_a_caution_for_few_languages(tables):
    distances = tables["distances"]
    assert cells(distances, "lora a_b") == {"languages": "2", "rho": "--", "p": "--"}
    assert "lora a_b: no correlation of 2 languages" in distances.notes
    lines = [line for line in read_csv(distances) if line["way"] == "a_b" and line["method"] == "full"]
    assert {(line["language"], round(float(line["gain"]), 9)) for line in lines} == {("de", 3.0), ("hi", 3.0)}
    results = study()
    languages = ("de", "fr", "hi", "zh", "sw", "tr", "th", "ru", "es")
    more = [(*cell, seed, language, 60.0 + (cell[3] == "mnli") * at + seed, "") for cell in CELLS for seed in SEEDS
            for at, language in enumerate(languages)]  # fmt: skip
    whole = replace(results, zero_shot=dict.fromkeys(TARGETS, languages), scores=framed(more, list(results.scores)[5:]))
    row = cells(study_tables(whole, judged())["distances"], "full mnli")
    assert row["languages"] == "9"
    assert -1 < float(row["rho"]) < 1
    assert 0 < float(row["p"]) <= 1


def test_csv_has_every_observation_unrounded(tables):
    lines = read_csv(tables["languages-xnli"])
    results = study()
    assert len(lines) == len(results.scores[results.scores["target"] == "xnli"])
    assert "folder" not in lines[0]
    [line] = [one for one in lines if (one["method"], one["way"], one["language"], one["seed"]) ==
              ("lora", "a_b", "de", "1")]  # fmt: skip
    assert float(line["score"]) == score(("mini", "", "lora", "a_b", "xnli"), "de", 1)
    gains = read_csv(tables["differences"])
    assert {(one["same_rows"], one["low"]) for one in gains} == {("true", "0.5"), ("false", "0.5"), ("false", "2.5")}
    few = read_csv(study_tables(study(seeds=(0, 1)), judged(few=True))["differences"])
    assert {one["low"] for one in few} == {""}


def test_markdown_sets_the_best_of_each_target_in_bold_but_no_contaminated_cell(tables):
    results = replace(study(), same_rows=frozenset({("a_b", "xnli")}))
    lines = study_tables(results, judged())["scores"].markdown().splitlines()
    [best] = [line for line in lines if line.startswith("| full a_b")]
    assert best == "| full a_b | 63.1† | **63.1** | **63.1** | **63.1** |"
    [second] = [line for line in lines if line.startswith("| full mnli")]
    assert second == "| full mnli | **61.1** | 61.1 | 61.1 | 61.1 |"


def test_every_table_is_well_formed_latex_with_its_figures_in_columns_of_their_own(tables):
    for name, table in tables.items():
        found = read_latex(table.latex())
        assert len(found.rows) == len(table.rows) + 1, name
        assert {row.columns for row in found.rows} == {found.columns}, name
        assert found.environments == ["table", "tabular"], name
    rows = [row.cells for row in read_latex(tables["differences"].latex()).rows]
    assert rows[0][1] == r"\multicolumn{2}{c}{xnli}"
    assert rows[0][3] == r"\multicolumn{2}{c}{udpos\_ud}"
    assert rows[1][:3] == ["full mnli", "$+1.0$", r"${}_{[0.5,\,1.5]}{}^{\dagger}$"]
    assert rows[2][3:5] == [r"$\mathbf{+3.0}$", r"${}_{[2.5,\,3.5]}{}^{*}$"]
    assert rows[4][7:9] == ["--", ""]


def test_tables_are_written_in_three_forms(tmp_path):
    files = write_study_tables(study(), judged(), tmp_path / "tables")
    assert {file.suffix for file in files} == {".csv", ".md", ".tex"}
    assert len(files) == 3 * 12
    assert (tmp_path / "tables" / "kept.tex").read_text(encoding="utf-8") == study_tables(study(), judged())[
        "kept"
    ].latex()


def test_a_study_of_which_nothing_is_done_has_no_tables_but_a_headline_of_holes():
    results = study()
    empty = {name: getattr(results, name).head(0) for name in ("scores", "costs", "retained")}
    holes = framed([(*cell, 0, "not run") for cell in CELLS], ["seed", "why"])
    nothing = SimpleNamespace(**{name: frame.head(0) for name, frame in vars(judged()).items()})
    undone = replace(results, **empty, holes=holes)
    assert study_tables(undone, nothing) == {}
    matrix, _ = headline(undone, nothing)
    assert {cell for row in matrix.rows for cell in row[1:]} == {"--"}
    assert matrix.notes == ["--: no result; runs missing: not run (24)"]


def test_the_headline_of_four_targets_fits_into_80_characters(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    show(headline(study(), judged()))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert sum(line.split()[:4] == list(TARGETS) for line in out.splitlines()) == 1
    lines = [line.split() for line in out.splitlines()]
    at = lines.index(["full", "a_b", "+3.0*", "+3.0*", "+3.0*", "+3.0*"])
    assert "".join(lines[at + 1]) == "[2.5,3.5]" * 4
    assert ["full", "none", "60.1", "60.1", "60.1", "60.1"] in lines
    assert ["lora", "none", "12.3k", "50.8kB", "100s", "20s", "120s", "1.7GB"] in lines
