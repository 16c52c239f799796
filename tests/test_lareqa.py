"""XQuAD-R from its authors' own files: sentences as candidates, whole or not at all."""

from __future__ import annotations

import json

import pytest

from adapterstilts.cli import call
from adapterstilts.data.importing import import_data
from adapterstilts.data.source import load_languages, load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate_base
from adapterstilts.evaluation.ranking import read_pool
from adapterstilts.tasks import tasks

TASK = tasks.get("lareqa")
SENTENCES = {
    "en": ["The doctor sells a cake.", "The dog sees a cat.", "It sleeps."],
    "de": ["Der Arzt verkauft einen Kuchen.", "Der Hund sieht eine Katze.", "Er schläft."],
}
SECOND = {"en": ["It sleeps.", "It sleeps.", "Amina sings."], "de": ["Er schläft.", "Amina singt."]}


@pytest.fixture(autouse=True)
def imported(tmp_path, monkeypatch):
    """Where imported data goes."""
    monkeypatch.setenv("ADAPTERSTILTS_DATA", str(tmp_path / "imported"))
    return tmp_path / "imported"


def paragraph(sentences: list[str], answered: dict[str, int]) -> dict:
    """A paragraph of sentences with a blank between, and questions, each answered at the start of a sentence."""
    breaks, place = [], 0
    for sentence in sentences:
        breaks.append([place, place + len(sentence)])
        place += len(sentence) + 1
    asked = [
        {"id": name, "question": f"{name}?", "answers": [{"text": "It", "answer_start": breaks[at][0]}]}
        for name, at in answered.items()
    ]
    return {"context": " ".join(sentences), "sentence_breaks": breaks, "qas": asked}


def content(language: str) -> dict:
    first = paragraph(SENTENCES[language], {"q1": 0, "q2": 1, "q3": 1})
    second = paragraph(SECOND[language], {"q4": 0, "q5": len(SECOND[language]) - 1})
    return {"version": "1.1", "data": [{"paragraphs": [first]}, {"paragraphs": [second]}]}


@pytest.fixture
def own(tmp_path):
    """The authors' repository, with its other data set beside."""
    for folder in ("lareqa/xquad-r", "lareqa/mlqa-dev-r"):
        (tmp_path / folder).mkdir(parents=True)
        for language in SENTENCES:
            text = json.dumps(content(language)) if folder.endswith("xquad-r") else "{}"
            (tmp_path / folder / f"{language}.json").write_text(text, encoding="utf-8")
    return tmp_path / "lareqa"


def spoil(own, change, language: str = "de"):
    """Change what the file of one language holds."""
    file = own / f"xquad-r/{language}.json"
    given = json.loads(file.read_text(encoding="utf-8"))
    change([one["paragraphs"][0] for one in given["data"]])
    file.write_text(json.dumps(given), encoding="utf-8")


@pytest.mark.parametrize("inner", ["", "xquad-r"])
def test_the_sentences_of_all_paragraphs_become_candidates(inner, own, imported):
    assert import_data("lareqa", own / inner) == imported / TASK.repo
    rows = {row["id"]: row for row in load_rows(TASK, "de", "test", None).each()}
    assert list(rows) == ["q1", "q2", "q3", "de_1_0", "de_1_1", "de_1_2", "q4", "q5", "de_2_0", "de_2_1"]
    assert rows["q2"] == {"id": "q2", "text": "q2?", "context": "", "side": "question", "questions": []}
    assert rows["de_1_1"] == {
        "id": "de_1_1",
        "text": "Der Hund sieht eine Katze.",
        "context": "Der Arzt verkauft einen Kuchen. Der Hund sieht eine Katze. Er schläft.",
        "side": "candidate",
        "questions": ["q2", "q3"],
    }
    assert rows["de_1_2"]["questions"] == []


def test_sentences_that_read_the_same_in_one_paragraph_are_all_right(own):
    import_data("lareqa", own)
    pool = read_pool(load_languages(TASK, None, "test", None))
    assert pool.right["q4"] == ["en_2_0", "en_2_1", "de_2_0"]
    assert pool.right["q5"] == ["en_2_2", "de_2_1"]
    assert pool.right["q1"] == ["en_1_0", "de_1_0"]


def test_a_question_whose_answer_is_in_no_sentence_is_left_out_aloud(own, capsys):
    def move(paragraphs):
        paragraphs[0]["qas"][0]["answers"][0]["answer_start"] = len(SENTENCES["de"][0])

    spoil(own, move)
    import_data("lareqa", own)
    assert "lareqa de: 1 questions left out" in capsys.readouterr().err
    pool = read_pool(load_languages(TASK, None, "test", None))
    assert pool.right["q1"] == ["en_1_0"]
    assert "q1" not in list(load_rows(TASK, "de", "test", None).table["id"])


def no_breaks(paragraphs):
    del paragraphs[1]["sentence_breaks"]


def far_breaks(paragraphs):
    paragraphs[1]["sentence_breaks"][-1][1] += 1


def two_answers(paragraphs):
    paragraphs[0]["qas"][0]["answers"] *= 2


def same_question(paragraphs):
    paragraphs[1]["qas"][0]["id"] = "q1"


def other_question(paragraphs):
    paragraphs[1]["qas"][0]["id"] = "q9"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (no_breaks, r"de.json is no file of XQuAD-R: KeyError 'sentence_breaks'(.|\n)*XQuAD's own files lack"),
        (far_breaks, r"de.json is no file of XQuAD-R: ValueError sentence_breaks beyond the text of paragraph 2"),
        (two_answers, r"de.json is no file of XQuAD-R: ValueError too many values"),
        (same_question, r"de.json: a question's id is there twice"),
        (other_question, r"de.json has other questions than en.json: 2 are in one alone\n  such as q4"),
    ],
)
def test_files_that_are_not_xquad_r_are_refused_and_nothing_is_left(change, told, own, imported):
    spoil(own, change)
    with pytest.raises(UserError, match=told):
        import_data("lareqa", own)
    assert not (imported / TASK.repo).exists()


def test_a_folder_without_the_files_says_where_they_are(tmp_path, own):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no files of XQuAD-R(.|\n)*github.com/google-research-datasets/lareqa"):
        import_data("lareqa", tmp_path / "empty")
    (own / "xquad-r/de.json").write_text("[", encoding="utf-8")
    with pytest.raises(UserError, match=r"de.json is no file of XQuAD-R: JSONDecodeError"):
        import_data("lareqa", own)


def test_without_an_import_it_is_said_how_to_get_the_files():
    with pytest.raises(UserError) as error:
        load_rows(TASK, "de", "test", None)
    assert "CC BY-SA 4.0" in error.value.where
    assert "https://github.com/google-research-datasets/lareqa" in error.value.where
    assert error.value.fix == "run: adapterstilts tasks import lareqa --from DIR"


def test_a_base_is_scored_on_what_was_imported(own, base, tmp_path, capfd):
    assert call(["tasks", "import", "lareqa", "--from", str(own)]) == 0
    capfd.readouterr()
    [found] = evaluate_base(str(base), "lareqa", out=tmp_path / "base", settings={"precision": "fp32"})
    assert {code: scores["n"] for code, scores in found.metrics["languages"].items()} == {"de": 5, "en": 5}
    assert {code: one["candidates"] for code, one in found.metrics["pool"].items()} == {"en": 6, "de": 5}
    assert all(0 < scores["map@20"] < 100 for scores in found.metrics["languages"].values())
    assert "a pool of 2 languages" in capfd.readouterr().err
