"""Licensed data: CCGbank from its AUTO files or from tables, into the Hub's layout, whole or not at all."""

from __future__ import annotations

import shutil

import pytest

from adapterstilts.cli import call
from adapterstilts.data.importing import import_data, imports
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.tasks import tasks

CCG = tasks.get("ccg")
LEAVES = {"Amina": "N", "sells": r"(S[dcl]\NP)/NP", "maize": "N", ".": "."}


def derivation(number: int, words: str, **tags: str) -> str:
    leaves = " ".join(f"(<L {tags.get(word, LEAVES[word])} X X {word} {word}_1/2>)" for word in words.split())
    return f"ID=wsj_{number:04}.1 PARSER=GOLD NUMPARSE=1\n(<T S[dcl] 0 2> {leaves} )\n"


@pytest.fixture(autouse=True)
def imported(tmp_path, monkeypatch):
    """Where imported data goes."""
    monkeypatch.setenv("ADAPTERSTILTS_DATA", str(tmp_path / "imported"))
    return tmp_path / "imported"


@pytest.fixture
def bank(tmp_path):
    """A copy of CCGbank with a sentence a section."""
    for section in range(25):
        folder = tmp_path / f"ccgbank_1_1/data/AUTO/{section:02}"
        folder.mkdir(parents=True)
        tags = {"maize": "N/N"} if section == 20 else {"Amina": "NP"} if section == 24 else {}
        (folder / f"wsj_{section:02}01.auto").write_text(derivation(section, "Amina sells maize .", **tags))
    return tmp_path / "ccgbank_1_1"


@pytest.fixture
def tables(tmp_path):
    """The same as tables."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for name, tags in {"train": r"N (S[dcl]\NP)/NP", "dev": "N N/N", "test": "NP N"}.items():
        (folder / f"{name}.tsv").write_text(f"Amina sells\t{tags}\n", encoding="utf-8")
    return folder


def told(source, task: str = "ccg") -> str:
    with pytest.raises(UserError) as error:
        import_data(task, source)
    return str(error.value)


@pytest.mark.parametrize("inner", ["", "data", "data/AUTO"])
def test_sections_become_splits_whichever_folder_is_named(inner, bank, imported):
    assert import_data("ccg", bank / inner) == imported / CCG.repo
    rows = {split: load_rows(CCG, "en", split, None) for split in ("train", "dev", "test")}
    assert {split: len(some) for split, some in rows.items()} == {"train": 19, "dev": 3, "test": 3}
    first = next(rows["train"].each())
    assert first["tokens"] == ["Amina", "sells", "maize", "."]
    labels = ("N", r"(S[dcl]\NP)/NP", ".", "N/N", "NP")
    assert rows["test"].task.labels == rows["train"].task.labels == labels
    assert [labels[tag] for tag in first["tags"]] == ["N", r"(S[dcl]\NP)/NP", "N", "."]
    assert [labels[row["tags"][0]] for row in rows["test"].each()] == ["N", "N", "NP"]


def test_tables_of_words_and_tags_are_read_with_or_without_a_head(tables):
    (tables / "train.tsv").write_text("text\ttags\n" + (tables / "train.tsv").read_text() + "\n")
    import_data("ccg", tables)
    rows = load_rows(CCG, "en", "train", None)
    assert [(row["tokens"], row["tags"]) for row in rows.each()] == [(["Amina", "sells"], [0, 1])]
    assert rows.task.labels == ("N", r"(S[dcl]\NP)/NP", "N/N", "NP")


def test_what_is_there_stays_and_the_folder_to_remove_is_named(tables, imported):
    import_data("ccg", tables)
    before = {file: file.read_bytes() for file in imported.rglob("*.parquet")}
    (tables / "train.tsv").write_text("Amina\tN\n")
    assert f"remove that folder first: {imported / CCG.repo}" in told(tables)
    assert {file: file.read_bytes() for file in imported.rglob("*.parquet")} == before
    shutil.rmtree(imported / CCG.repo)
    import_data("ccg", tables)
    assert len(next(load_rows(CCG, "en", "train", None).each())["tokens"]) == 1


def test_a_mirror_without_it_leaves_the_import_in_use_and_one_with_it_does_not(tables, imported, tmp_path):
    import_data("ccg", tables)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    assert len(load_rows(CCG, "en", "train", str(mirror))) == 1
    shutil.copytree(imported / CCG.repo, mirror / CCG.repo)
    shutil.rmtree(imported)
    assert len(load_rows(CCG, "en", "train", str(mirror))) == 1
    shutil.rmtree(mirror / CCG.repo)
    with pytest.raises(UserError, match="reads a copy of your own"):
        load_rows(CCG, "en", "train", str(mirror))


def test_the_command_prints_the_folder(tables, imported, capfd):
    assert call(["tasks", "import", "ccg", "--from", str(tables)]) == 0
    assert capfd.readouterr().out == f"{imported / CCG.repo}\n"


def spoil(folder, name: str, old: str, new: str) -> None:
    file = folder / name
    file.write_text(file.read_text().replace(old, new))


SPOILED = {
    "a section": (
        "bank", lambda folder: shutil.rmtree(folder / "data/AUTO/07"), "lacks sections of CCGbank: 07"
    ),
    "a section without files": (
        "bank", lambda folder: (folder / "data/AUTO/24/wsj_2401.auto").unlink(), "lacks sections of CCGbank: 24"
    ),
    "a leaf": (
        "bank", lambda folder: spoil(folder, "data/AUTO/03/wsj_0301.auto", "<L N X X Amina", "<L N X Amina"),
        "wsj_0301.auto, line 2: no derivation of CCGbank",
    ),
    "a table": ("tables", lambda folder: (folder / "dev.tsv").unlink(), "(missing: dev)"),
    "a tag": (
        "tables", lambda folder: spoil(folder, "test.tsv", "NP N", "NP"), "test.tsv, line 1: 2 words and 1 tags"
    ),
    "two blanks": (
        "tables", lambda folder: spoil(folder, "test.tsv", "Amina sells", "Amina  sells"), "line 1: 3 words and 2 tags"
    ),
    "all sentences": (
        "tables", lambda folder: (folder / "test.tsv").write_text("\n"), "test.tsv holds no sentences"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_a_damaged_copy_is_told_and_nothing_is_left(case, request, imported):
    source, damage, what = SPOILED[case]
    folder = request.getfixturevalue(source)
    damage(folder)
    assert what in told(folder)
    assert [path for path in imported.rglob("*") if path.name not in {"ldc", ".lock"}] == []


def test_a_wrong_folder_says_where_the_data_is_from(tmp_path):
    (tmp_path / "empty").mkdir()
    assert CCG.licensed in told(tmp_path / "empty")
    assert "give --from the folder that holds data/AUTO" in told(tmp_path / "empty")
    assert "nowhere is not a folder" in told(tmp_path / "nowhere")
    assert CCG.licensed in told(tmp_path / "nowhere")


def test_a_task_from_the_hub_is_not_imported(tmp_path):
    assert "is not imported" in told(tmp_path, "snli")
    with pytest.raises(UserError, match="did you mean 'snli'"):
        import_data("snil", tmp_path)


def test_rows_that_are_not_imported_name_the_command(imported):
    with pytest.raises(UserError, match="adapterstilts tasks import ccg --from DIR"):
        load_rows(CCG, "en", "train", None)


def test_every_licensed_task_can_be_imported():
    licensed = {name for name in tasks.names() if tasks.get(name).licensed}
    assert licensed == set(imports.names())
