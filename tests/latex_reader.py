"""A strict little reader of LaTeX tables: it knows what our writer may write, and fails on anything else."""

from __future__ import annotations

import re
from typing import NamedTuple

COMMANDS = {
    "toprule", "midrule", "bottomrule", "centering", "smallskip", "footnotesize", "raggedright", "par", "caption",
    "label", "multicolumn", "mathbf", "dagger", "ldots", "textbackslash", "textasciitilde", "textasciicircum",
    "textless", "textgreater", "textbar", "times", "pm", "leq", "geq",
}  # fmt: skip
TOKENS = re.compile(r"\\(?P<command>[A-Za-z]+)|\\(?P<sign>.)|(?P<one>.)", re.DOTALL)


class Row(NamedTuple):
    """`columns`: how many the cells take, those of several columns counted so."""

    cells: list[str]
    columns: int


class Read(NamedTuple):
    environments: list[str]
    columns: int
    rows: list[Row]


def read_latex(text: str) -> Read:
    """Read one table; raises an AssertionError where LaTeX would stop, or print something else than was meant."""
    lines = [line for line in text.split("\n") if not line.startswith("%")]
    body = "\n".join(lines)
    environments = _environments(body)
    _signs(re.sub(r"\\(begin|end)\{\w+\}(\{l[rl@{},\\]*\})?", "", body))
    [(columns, inside)] = re.findall(
        r"\\begin\{tabular\}\{(l(?:r@\{\\,\}l|r|l)*)\}\n(.*?)\\end\{tabular\}", body, re.DOTALL
    )
    count = len(re.sub(r"@\{[^}]*\}", "", columns))
    rules = re.findall(r"\\(?:top|mid|bottom)rule", inside)
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    content = re.sub(r"\\(?:top|mid|bottom)rule\n", "", inside)
    *rows, rest = content.split("\\\\\n")
    assert rest == "", f"a row does not end: {rest!r}"
    assert not any(row.lstrip()[:1] in ("[", "*") for row in rows), "taken for an option of the row's end"
    return Read(environments, count, [_row(row) for row in rows])


def _row(text: str) -> Row:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)&", text)]
    return Row(cells, sum(_spanned(cell) for cell in cells))


def _spanned(cell: str) -> int:
    found = re.match(r"\\multicolumn\{(\d)\}\{[lrc]\}\{", cell)
    return int(found[1]) if found else 1


def _environments(text: str) -> list[str]:
    """Return the environments in the order in which they begin; each ends within the one around it."""
    opened: list[str] = []
    seen = []
    for what, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if what == "begin":
            opened.append(name)
            seen.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    return seen


def _signs(text: str) -> None:
    """Check commands, braces, and that mathematics and text have only their own signs; a cell is balanced in itself."""
    depth, mathematics = 0, False
    for found in TOKENS.finditer(text):
        command, sign, one = found["command"], found["sign"], found["one"]
        if command:
            assert command in COMMANDS, f"\\{command}"
        elif sign:
            assert sign in "&%$#_{}\\" or (mathematics and sign == ","), f"\\{sign}"
            assert sign != "\\" or (depth == 0 and not mathematics), "a row ends within a group"
        elif one == "$":
            mathematics = not mathematics
        elif one in "{}":
            depth += 1 if one == "{" else -1
            assert depth >= 0
        elif one in "_^":
            assert mathematics, f"{one} outside of mathematics"
        elif one == "&":
            assert (depth, mathematics) == (0, False), "a column ends within a group"
        else:
            assert one not in "#%~", f"{one} means something else"
            assert not mathematics or one.isascii(), f"{one} in mathematics"
    assert (depth, mathematics) == (0, False), "something is not closed"
