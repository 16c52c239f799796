"""What `compare` prints: a row a run, figures that never fold, blocks that fit into the terminal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from latex_reader import read_latex

from adapterstilts.cli.compare import compare
from adapterstilts.report.compare import _distinct
from adapterstilts.report.comparison import Comparison
from adapterstilts.report.tables import Table, blocks, show
from adapterstilts.store.run import Run

RUNS = ["none", "full", "snli-lora", "bottleneck", "squad-lora", "merged-mean", "merged-svd", "stacked"]
LANGUAGES = ["de", "en", "es", "hi", "ru", "sw", "tr", "yo", "zh"]


def scores_of(task, metrics, layer=None, runs=RUNS):
    """A line a run, language and metric; the first metric is the main one, the first run the reference."""
    return [
        {"run": run, "task": task, "split": "test", "layer": layer, "language": language, "metric": metric,
         "main": metrics[0], "score": 50 + 2.5 * number, "difference": 2.5 * number if number else None}
        for number, run in enumerate(runs) for language in [*LANGUAGES, "average"] for metric in metrics
    ]  # fmt: skip


def costs_of(run):
    return {"run": run, "method": "lora", "precision": "bf16", "source_languages": "en",
            "trained_in_adapter": 12_288, "trained_in_heads": 2193,
            "adapter_bytes": 50_760, "examples_planned": 6400, "train_s": 16.62, "train_s_with_parents": 1204.0,
            "tokens_per_s": 6910.2, "padding_share": 0.166, "peak_memory_bytes": 1_709_277_184}  # fmt: skip


def comparison(lines, notes=(), **given):
    frame = pd.DataFrame(lines).astype({"layer": "Int64"})
    return Comparison(RUNS, RUNS[0], frame, pd.DataFrame(map(costs_of, RUNS)), list(notes), **given)


def printed(tables, width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    show(tables)
    return capsys.readouterr().out


def test_scores_have_a_row_a_run_and_a_column_a_language_after_the_average():
    scores, _ = comparison(scores_of("tydiqa", ["em_f1", "f1"])).tables()
    assert scores.title == "tydiqa test: em_f1 in 9 languages, difference to none"
    assert scores.headings == ["", "avg", "diff", *LANGUAGES, "avg f1"]
    assert [row[0] for row in scores.rows] == RUNS
    assert scores.rows[0] == ["none", "50.00", "", *["50.00"] * 10]
    assert scores.rows[1] == ["full", "52.50", "+2.50", *["52.50"] * 10]


def test_a_baseline_that_was_asked_for_gives_a_table_of_all_differences():
    tables = comparison(scores_of("xnli", ["accuracy"]), ["xnli test: a note"], all_differences=True).tables()
    scores, differences, _ = tables
    assert scores.title == "xnli test: accuracy in 9 languages"
    assert differences.title == "xnli test: accuracy in 9 languages, difference to none"
    assert scores.headings == differences.headings == ["", "avg", *LANGUAGES]
    assert [row[0] for row in differences.rows] == RUNS[1:]
    assert set(differences.rows[0][1:]) == {"+2.50"}
    assert [table.notes for table in tables] == [(), ["xnli test: a note"], []]


def test_runs_without_the_baseline_among_them_have_no_differences():
    lines = [{**line, "difference": None} for line in scores_of("xnli", ["accuracy"], runs=RUNS[3:])]
    [scores, _] = comparison(lines, all_differences=True).tables()
    assert "difference" not in scores.title
    assert "diff" not in scores.headings
    assert [row[0] for row in scores.rows] == RUNS[3:]


def test_a_sweep_has_columns_of_layers_differences_and_dashes():
    swept = [line for layer in (0, 1) for line in scores_of("tatoeba", ["accuracy"], layer)]
    partly = [line for line in swept if (line["run"], line["layer"]) != ("full", 1)]
    scores, differences, _ = comparison(partly).tables()
    assert scores.title == "tatoeba test: accuracy by layer, averages of 9 languages"
    assert differences.rows[0] == ["full", "+2.50", "-"]
    assert scores.headings == ["", "layer 0", "layer 1"]
    assert scores.rows[1] == ["full", "52.50", "-"]
    one, _ = comparison(scores_of("tatoeba", ["accuracy"], 14)).tables()
    assert one.title.startswith("tatoeba test: accuracy of layer 14 in 9 languages")
    assert one.headings == ["", "avg", "diff", *LANGUAGES]


def test_costs_have_short_headings_and_units_in_their_cells():
    *_, costs = comparison(scores_of("xnli", ["accuracy"])).tables()
    cells = dict(zip(costs.headings, costs.rows[0], strict=True))
    assert cells == {"": "none", "method": "lora", "precision": "bf16", "source": "en",
                     "trained": "12.3k", "heads": "2.19k",
                     "bytes": "50.8kB", "examples": "6.4k", "train": "16.6s", "in all": "20.1min",
                     "tokens/s": "6.91k", "padding": "17%", "memory": "1.71GB"}  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 140])
def test_every_figure_is_printed_whole_on_the_line_of_its_run(width, monkeypatch, capsys):
    tables = comparison(scores_of("tydiqa", ["em_f1", "exact_match", "f1"])).tables()
    out = printed(tables, width, monkeypatch, capsys)
    assert max(map(len, out.splitlines())) <= width
    for index, run in enumerate(RUNS):
        shown = [cell for line in out.splitlines() if line.split()[:1] == [run] for cell in line.split()[1:]]
        assert shown == [cell for table in tables for cell in table.rows[index][1:] if cell]


def test_nine_languages_fit_into_80_characters(monkeypatch, capsys):
    scores, _ = comparison(scores_of("xnli", ["accuracy"])).tables()
    assert printed([scores], 80, monkeypatch, capsys).count("merged-mean") == 1


def test_columns_stand_two_spaces_apart_where_that_fits_and_one_otherwise():
    table = Table("t", ["", "a", "b"], [["run", "1.00", "2.00"]])
    assert blocks(table, 15) == (2, [Table("t", ("", "a", "b"), [("run", "1.00", "2.00")])])
    assert blocks(table, 14)[0] == 1
    gap, parts = blocks(table, 12)
    assert gap == 1
    assert [part.headings for part in parts] == [("", "a"), ("", "b")]
    assert [part.rows for part in parts] == [[("run", "1.00")], [("run", "2.00")]]


def test_names_lose_their_middle_only_beyond_half_of_the_width():
    long = ["a-rather-long-name-of-a-run", "run"]
    table = Table("t", ["", "a"], [[name, "1"] for name in long])
    assert [row[0] for row in blocks(table, 54)[1][0].rows] == long
    assert [row[0] for row in blocks(table, 30)[1][0].rows] == ["a-rathe…f-a-run", "run"]


def test_names_that_would_read_alike_fold_instead(monkeypatch, capsys):
    names = [f"runs/of-a-long-folder/{middle}/of-many-targets" for middle in ("one", "two")]
    out = printed([Table("t", ["", "a"], [[name, "12.34"] for name in names])], 30, monkeypatch, capsys)
    assert "…" not in out
    assert out.count("12.34") == 2
    assert "".join(out.replace("12.34", "").split()).endswith("".join(names))


def test_markdown_stays_one_wide_table():
    scores, _ = comparison(scores_of("tydiqa", ["em_f1", "exact_match", "f1"])).tables()
    lines = scores.markdown().splitlines()
    assert lines[2] == f"|  | avg | diff | {' | '.join(LANGUAGES)} | avg exact_match | avg f1 |"
    assert len(lines) == 4 + len(RUNS)


def test_csv_has_a_row_for_each_score_and_cost_unrounded():
    lines = list(csv.DictReader(io.StringIO(comparison(scores_of("xnli", ["accuracy"], runs=RUNS[:2])).csv())))
    scores = [line for line in lines if line["kind"] == "score"]
    assert len(scores) == 2 * 10
    [one] = [line for line in scores if (line["run"], line["language"]) == ("full", "de")]
    assert (one["task"], one["metric"], one["method"], one["layer"]) == ("xnli", "accuracy", "lora", "")
    assert (one["value"], one["difference"]) == ("52.5", "2.5")
    costs = {line["metric"]: line["value"] for line in lines if (line["kind"], line["run"]) == ("cost", "none")}
    words = {"run", "method", "precision", "source_languages"}
    assert costs == {name: str(value) for name, value in costs_of("none").items() if name not in words}


def test_compare_writes_each_table_in_latex_and_all_figures_in_csv(monkeypatch, tmp_path):
    import adapterstilts.report.compare as module

    found = comparison(scores_of("tydiqa", ["em_f1", "f1"]))
    monkeypatch.setattr(module, "compare", lambda *_, **__: found)
    tex, figures = tmp_path / "a.tex", tmp_path / "a.csv"
    result = CliRunner().invoke(compare, ["x", "--latex", str(tex), "--csv", str(figures)])
    assert result.exit_code == 0
    assert figures.read_text(encoding="utf-8") == found.csv()
    parts = tex.read_text(encoding="utf-8").split("% \\usepackage{booktabs}\n")[1:]
    assert [len(read_latex(part).rows) for part in parts] == [len(RUNS) + 1] * 2


def test_runs_of_one_name_are_named_by_what_is_different_in_their_paths(tmp_path):
    (tmp_path / "step/run").mkdir(parents=True)
    paths = [tmp_path / f"by-name/{name}/xnli/seed-0" for name in ("lora/none", "lora/merged", "full/none")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.symlink_to(tmp_path / "step/run")
    assert [*_distinct([Run(path, None) for path in paths[:2]])] == ["none", "merged"]
    assert [*_distinct([Run(path, None) for path in paths])] == ["lora/none", "lora/merged", "full/none"]
    assert [*_distinct([Run(path, None) for path in (paths[0], tmp_path / "step")])] == ["seed-0", "step"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x/x", "a/x"], ["/a/x/x", "/a/x"]),
        (["a/b/run", "a/run"], ["b", "run"]),
        (["a/run", "b/run", "c"], ["a", "b", "c"]),
        (["a/run", "b/run", "a"], ["/a/run", "/b/run", "/a"]),
        (["a/run", "a/run"], ["run"]),
    ],
)
def test_where_what_is_different_would_not_tell_them_apart_paths_stand_whole(paths, names):
    assert [*_distinct([Run(Path("/") / path, None) for path in paths])] == names
