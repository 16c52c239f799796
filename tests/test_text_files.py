"""Text files of one's own: what one text is, what is held out, where rows are from, and what is refused."""

from __future__ import annotations

import json

import pytest

from adapterstilts.cli import call
from adapterstilts.data.source import load_rows
from adapterstilts.data.text_files import text_rows
from adapterstilts.errors import UserError
from adapterstilts.tasks import tasks
from adapterstilts.train.command import continue_mlm, train_intermediate

WIKIPEDIA = tasks.get("wikipedia")
WHO, WHAT = ("the cat", "a dog", "our neighbour", "every child", "rain", "the red house"), "sees hears wants finds"
TEXTS = [f"{who} {what} {whom} in the old garden" for who in WHO for what in WHAT.split() for whom in WHO][:60]


@pytest.fixture
def notes(tmp_path):
    """A file of sixty paragraphs."""
    file = tmp_path / "notes.txt"
    file.write_text("\n\n".join(TEXTS), encoding="utf-8")
    return file


@pytest.fixture
def arguments(base):
    settings = {"precision": "fp32", "train.max_steps": 2, "train.batch_size": 4, "data.max_length": 32}
    return {"base": str(base), "settings": settings}


def texts_in(tmp_path, content: bytes) -> list[str]:
    """The texts of a file, those of a second file after them that is long enough to hold some out."""
    (tmp_path / "some.txt").write_bytes(content)
    (tmp_path / "rest.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    train, dev = text_rows(WIKIPEDIA, "sw", [str(tmp_path / name) for name in ("some.txt", "rest.txt")])
    found = {*train.table["text"], *dev.table["text"]}
    assert len(train) + len(dev) == len(found | set(TEXTS))
    return sorted(found - set(TEXTS))


CONTENTS = {
    "paragraphs": (b"one\nmore\n\ntwo\n", ["one\nmore", "two"]),
    "blanks in a blank line": (b"one\n \t\n\n\ntwo\nmore", ["one", "two\nmore"]),
    "lines": (b"one\ntwo\nthree\n", ["one", "three", "two"]),
    "lines with blank ones around them": (b"\n\none\ntwo\n\n\n", ["one", "two"]),
    "ends of lines from Windows": (b"one\r\nmore\r\n\r\ntwo\r\n", ["one\nmore", "two"]),
    "a byte order mark": ("\ufeffone\ntwo".encode(), ["one", "two"]),
    "a line separator inside a line": ("one\u2028more\ntwo".encode(), ["one\u2028more", "two"]),
    "letters of many bytes": ("ọmọ\nhabari".encode(), ["habari", "ọmọ"]),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_text_is_a_paragraph_or_without_blank_lines_a_line(case, tmp_path):
    content, expected = CONTENTS[case]
    assert texts_in(tmp_path, content) == expected


def test_the_same_texts_are_held_out_as_of_the_same_rows_in_a_mirror(mirror, tmp_path):
    rows = {split: load_rows(WIKIPEDIA, "sw", split, str(mirror)) for split in ("train", "dev")}
    whole = load_rows(WIKIPEDIA, "sw", "train", str(mirror), hold_out=False).table["text"]
    texts = [" ".join(text.split()) for text in whole]
    file = tmp_path / "same.txt"
    file.write_text("\n".join(texts), encoding="utf-8")
    train, dev = text_rows(WIKIPEDIA, "sw", [str(file)])
    assert len(dev) == round(0.02 * len(texts)) > 0
    assert list(dev.table["text"]) == [" ".join(text.split()) for text in rows["dev"].table["text"]]
    assert list(train.table["text"]) == [" ".join(text.split()) for text in rows["train"].table["text"]]
    assert dev.selection == rows["dev"].selection


def test_files_are_trained_on_in_the_place_of_the_tasks_rows(notes, arguments, tmp_path):
    """No mirror is named and there is no network, so nothing else can have been read."""
    more = tmp_path / "more.txt"
    more.write_text("\n".join(text[::-1] for text in TEXTS[:40]), encoding="utf-8")
    made = continue_mlm(out=tmp_path / "run", text={"sw": [notes, more], "qaa": str(more)}, **arguments)
    origins = made.record.data
    assert set(origins) == {f"wikipedia.{code}-{split}" for code in ("sw", "qaa") for split in ("train", "dev")}
    assert (origins["wikipedia.sw-train"]["rows"], origins["wikipedia.sw-dev"]["rows"]) == (98, 2)
    assert (origins["wikipedia.qaa-train"]["rows"], origins["wikipedia.qaa-dev"]["rows"]) == (39, 1)
    assert origins["wikipedia.sw-dev"]["repo"] == "notes.txt, more.txt"
    assert origins["wikipedia.qaa-dev"]["repo"] == "more.txt"
    assert origins["wikipedia.qaa-dev"]["revision"].startswith("text:")
    assert origins["wikipedia.qaa-dev"]["revision"] != origins["wikipedia.sw-dev"]["revision"]
    written = [json.loads((made.path / name).read_text()) for name in ("config.json", "run.json")]
    assert written[0]["rows"] == written[1]["data"] == origins
    assert not any(str(tmp_path / name) in json.dumps(written) for name in ("notes.txt", "more.txt"))


def test_the_place_of_a_file_decides_nothing_and_its_content_does(notes, arguments, tmp_path, capsys):
    first = continue_mlm(out=tmp_path / "run", text={"sw": notes}, **arguments)
    moved = tmp_path / "elsewhere" / notes.name
    moved.parent.mkdir()
    moved.write_bytes(notes.read_bytes())
    again = continue_mlm(out=tmp_path / "run", text={"sw": moved}, **arguments)
    assert "already done" in capsys.readouterr().err
    assert again.record == first.record
    moved.write_bytes(notes.read_bytes().replace(b"cat", b"cow", 1))
    with pytest.raises(UserError, match=r"rows\.wikipedia\.sw-train\.revision: 'text:\w{16}' -> 'text:\w{16}'"):
        continue_mlm(out=tmp_path / "run", text={"sw": moved}, **arguments)


def test_rows_are_limited_as_those_of_a_mirror_are(notes, arguments, tmp_path):
    few = {**arguments["settings"], "data.limit_train": 10, "train.eval_examples": 1}
    made = continue_mlm(out=tmp_path / "run", base=arguments["base"], settings=few, text={"sw": notes, "yo": notes})
    assert {name: origin["rows"] for name, origin in made.record.data.items()} == {
        "wikipedia.sw-train": 10, "wikipedia.sw-dev": 1, "wikipedia.yo-train": 10, "wikipedia.yo-dev": 1
    }  # fmt: skip


BAD = {
    "no equals sign": (["--text", "notes.txt"], "cannot read --text 'notes.txt'", "LANGUAGE=FILE"),
    "no file": (["--text", "sw="], "cannot read --text 'sw='", "LANGUAGE=FILE"),
    "no language": (["--text", "=notes.txt"], "cannot read --text '=notes.txt'", "LANGUAGE=FILE"),
    "no such file": (["--text", "sw=nowhere.txt"], "file nowhere.txt: No such file", "check its name"),
    "a folder": (["--text", "sw=."], "file .: Is a directory", "check its name"),
    "a name for a code": (["--text", "Swahili=notes.txt"], "'Swahili' is no language code", "sw, yor"),
    "a code in capitals": (["--text", "SW=notes.txt"], "'SW' is no language code", "small letters"),
    "not UTF-8": (["--text", "sw=latin.txt"], "latin.txt is not UTF-8: byte 9 (0xe9), in line 2", "iconv -f latin1"),
    "empty": (["--text", "sw=empty.txt"], "empty.txt holds no text", "leave it out"),
    "blank": (["--text", "sw=notes.txt", "--text", "sw=blank.txt"], "blank.txt holds no text", "leave it out"),
    "too few": (["--text", "sw=few.txt"], "sw: 25 texts are too few to hold 2 % of them out", "at least 26"),
    "twice": (["--text", "sw=notes.txt", "--text", "sw=./notes.txt"], "notes.txt is named twice", "once"),
    "languages": (["--text", "sw=notes.txt", "--languages", "sw"], "--languages and --select-on", "leave them out"),
    "xtreme": (["--text", "sw=notes.txt", "--select-on", "xtreme"], "--languages and --select-on", "leave them out"),
    "a task of no text": (["--text", "sw=notes.txt", "--task", "snli"], "snli is no text for masked", "wikipedia"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_paragraph_exit_2_and_leave_nothing(case, base, notes, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.txt").write_bytes("one line\n\xe9t\xe9".encode("latin1"))
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "blank.txt").write_bytes(b" \n\n\t\n")
    (tmp_path / "few.txt").write_text("\n".join(TEXTS[:25]))
    words, what, fix = BAD[case]
    assert call(["continue-mlm", *words, "--base", str(base), "--max-steps", "1", "--out", "run"]) == 2
    captured = capfd.readouterr()
    assert what in captured.err
    assert fix in captured.err
    assert captured.err.count("error: ") == 1
    assert captured.out == ""
    assert not (tmp_path / "run").exists()


def test_one_text_more_is_enough_to_hold_one_out(tmp_path):
    (tmp_path / "few.txt").write_text("\n".join(TEXTS[:26]))
    train, dev = text_rows(WIKIPEDIA, "sw", [str(tmp_path / "few.txt")])
    assert (len(train), len(dev)) == (25, 1)


def test_text_files_are_no_rows_of_another_task_and_are_never_nothing(notes, arguments, tmp_path):
    given = {**arguments["settings"], "data.text": {"en": [str(notes)]}}
    with pytest.raises(UserError, match="cannot be rows of task snli"):
        train_intermediate("snli", out=tmp_path / "run", base=arguments["base"], settings=given)
    for nothing in ({}, {"sw": []}):
        with pytest.raises(UserError, match="names no file"):
            continue_mlm(out=tmp_path / "run", text=nothing, **arguments)
    assert not (tmp_path / "run").exists()
