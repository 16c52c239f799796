"""One table in every form: Markdown, LaTeX and CSV of cells that would break each."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from latex_reader import read_latex

from adapterstilts.report.figures import Figure, best_cells, interval, percent, read, seed_range, signed
from adapterstilts.report.latex import escaped
from adapterstilts.report.tables import Table, as_csv, duration

NAN = float("nan")
NASTY = r"50% & a_b #1 {x} ~ ^ \ $ <|> [z] *y -- … †"


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("62.3", ("62.3", "", "", "")),
        ("+1.2 [0.3, 2.1]*†", ("+1.2", "", "[0.3, 2.1]", "*†")),
        ("-0.4 (-1.0 to 0.2)", ("-0.4", "", "(-1.0 to 0.2)", "")),
        ("87% [60, 110]", ("87", "%", "[60, 110]", "")),
        ("50.8kB", ("50.8", "kB", "", "")),
        ("61.1†", ("61.1", "", "", "†")),
    ],
)
def test_a_figure_is_read_into_its_parts(cell, parts):
    assert read(cell) == Figure(*parts)


@pytest.mark.parametrize("cell", ["--", "", "61.0 (a_b)", "61.0 (none)", "lora", "1.2.3", "+1.2 [0.3]", "2024-01-01"])
def test_what_is_no_figure_is_not_taken_for_one(cell):
    assert read(cell) is None


def test_figures_are_written_with_one_decimal_a_sign_and_never_as_minus_nothing():
    assert (percent(61.04), percent(NAN)) == ("61.0", "--")
    assert (signed(1.24), signed(-0.04), signed(NAN)) == ("+1.2", "+0.0", "--")
    assert (interval(-0.04, 2.06), interval(NAN, 1.0), interval(0.5, 109.6, 0)) == ("[0.0, 2.1]", "", "[0, 110]")
    assert (seed_range(0.3, 2.1), seed_range(1.0, 1.0), seed_range(NAN, NAN)) == ("(0.3 to 2.1)", "", "")


def test_the_best_are_the_highest_as_printed_without_contaminated_cells_and_lone_ones():
    rows = [
        ["a", "61.0", "9.0†", "5.0", "--"],
        ["b", "61.0 [60.0, 62.0]", "3.0", "x", "1.0"],
        ["c", "7.0", "2.0", "x", "y"],
    ]
    assert best_cells(rows, "column") == {(0, 1), (1, 1), (1, 2)}
    assert best_cells(rows, "row") == {(0, 1), (1, 1), (2, 1)}
    assert best_cells(rows, "") == set()
    assert best_cells([["a", "1.0", "--"], ["b", "1.0", "2.0"]], "column") == set()


def test_markdown_sets_the_figure_in_bold_and_not_its_interval():
    table = Table("t", ["", "a"], [["x", "+2.0 [1.0, 3.0]*"], ["y", "+1.0"]], best="column")
    assert "| x | **+2.0** [1.0, 3.0]* |" in table.markdown().splitlines()
    assert "| y | +1.0 |" in table.markdown().splitlines()
    assert "**+" not in Table("t", ["", "a"], table.rows).markdown()


def test_latex_prints_every_special_sign_as_it_is():
    found = read_latex(
        Table(NASTY, ["", NASTY], [[NASTY, "1.0"], ["[x", "2.0 [1.0, 3.0]"], ["*", NASTY]], [NASTY]).latex()
    )
    assert found.columns == 3
    assert [row.columns for row in found.rows] == [3, 3, 3, 3]
    assert found.rows[1].cells[0] == escaped(NASTY)
    assert escaped("a_b & 5%") == r"a\_b \& 5\%"
    assert escaped(r"\x") == r"\textbackslash{}x"
    assert escaped("[a] *b --c") == "{[}a{]} {*}b -{}-c"


def test_latex_aligns_figures_and_keeps_holes_as_dashes():
    table = Table("t", ["", "a", "b"], [["x", "+1.0 (0.5 to 1.5)", "12.3k"], ["y", "--", "9%"]])
    found = read_latex(table.latex())
    assert r"\begin{tabular}{lr@{\,}lr}" in table.latex()
    assert found.rows[1].cells == ["x", "$+1.0$", r"${}_{(0.5\ldots 1.5)}$", "$12.3$k"]
    assert found.rows[2].cells == ["y", "--", "", r"$9$\%"]


def test_a_note_on_holes_shows_them_as_the_table_does():
    text = Table("t", ["", "a"], [["x", "--"]], ["--: no result -- yet"]).latex()
    assert r"{\footnotesize\raggedright --: no result -{}- yet\par}" in text
    assert read_latex(text).rows[1].cells == ["x", "--"]


def test_a_table_of_words_or_without_rows_is_latex_too():
    words = Table("t", ["", "a"], [["x", "y"]], words=True).latex()
    assert r"\begin{tabular}{ll}" in words
    assert [row.cells for row in read_latex(words).rows] == [["", "a"], ["x", "y"]]
    assert [row.cells for row in read_latex(Table("t", ["", "a", "b"], []).latex()).rows] == [["", "a", "b"]]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (r"a\_b", "a_b"),
        (r"5\%", "5%"),
        ("$+1.0$ &", "$+1.0$"),
        ("$+1.0$", "$+1.0"),
        (r"\end{tabular}", r"\end{table}"),
        (r"\midrule", r"\unknown"),
        ("{[}z", "[z"),
        (r"\\" + "\n" + r"\bottomrule", r"\bottomrule"),
        (r"\caption{t}", r"\caption{t"),
    ],
)
def test_the_reader_of_these_tests_refuses_what_latex_would(good, bad):
    text = Table("t", ["", "a"], [["a_b 5%", "+1.0 [0.5, 1.5]"], ["[z", "+1.0"]]).latex()
    assert read_latex(text).columns == 3
    assert good in text

    def widths(changed):
        return {row.columns for row in read_latex(changed).rows}

    with pytest.raises((AssertionError, ValueError, IndexError)):
        assert widths(text.replace(good, bad, 1)) == {3}


def test_csv_is_in_full_precision_and_reads_back():
    third = 1 / 3
    lines = [{"way": 'a,"b"\nc', "score": np.float64(third), "sure": True}, {"way": "none", "seed": 3, "score": NAN},
             {"way": None, "score": -0.1, "sure": False}]  # fmt: skip
    found = list(csv.DictReader(io.StringIO(as_csv(lines))))
    assert list(found[0]) == ["way", "score", "sure", "seed"]
    assert float(found[0]["score"]) == third
    assert [one["way"] for one in found] == ['a,"b"\nc', "none", ""]
    assert [one["sure"] for one in found] == ["true", "", "false"]
    assert [one["score"] for one in found[1:]] == ["", "-0.1"]
    assert Table("t", [""], [], observations=lines).csv() == as_csv(lines)


def test_times_have_three_digits_and_a_unit():
    assert [duration(value) for value in (0.5, 999, 1000, 59_000, 72_000)] == [
        "0.5s",
        "999s",
        "16.7min",
        "983min",
        "20h",
    ]
