"""Preference data as the Hub has it, made pairs of answers: which pairs, which way round, of what."""

from __future__ import annotations

import time
from dataclasses import replace

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapterstilts.data.reshaping import reshapes
from adapterstilts.data.source import NoSuchRows, load_languages, load_rows
from adapterstilts.tasks import Task

WANTED = ["prompt", "chosen", "rejected", "id"]
TASK = Task(
    name="talk", format="preference", metric="accuracy", repo="somebody/talk",
    configs={"en": "default", "de": "default", "pt": "default", "fr": "default"},
    splits={"train": "train", "dev": "validation"},
    columns={name: name for name in WANTED},
    roles=("intermediate",), category="preference", licence="none", source="these tests",
)  # fmt: skip


def reshaped(way: str, rows: list[dict], language: str = "en"):
    found = reshapes.get(way)(TASK, language, datasets.Dataset.from_list(rows))
    assert found.column_names == WANTED
    assert {feature.dtype for feature in found.features.values()} == {"string"}
    return found.to_list()


def pairs_of(found) -> list[tuple[str, str]]:
    return [(row["chosen"], row["rejected"]) for row in found]


# dialogues


def dialogue(*turns: str) -> str:
    """Return a dialogue as HH-RLHF writes it; a person begins."""
    speakers = ["\n\nHuman: ", "\n\nAssistant: "]
    return "".join(speakers[place % 2] + turn for place, turn in enumerate(turns))


def test_the_prompt_is_what_both_dialogues_share():
    [first, second] = reshaped("dialogue", [
        {"chosen": dialogue("Hi", "Yes?", "What is it?", "It is a box."),
         "rejected": dialogue("Hi", "Yes?", "What is it?", "It is a cup.")},
        {"chosen": dialogue("Why?", "Because."), "rejected": dialogue("Why?", "Bah.")},
    ])  # fmt: skip
    assert first == {
        "prompt": "Human: Hi\n\nAssistant: Yes?\n\nHuman: What is it?\n\nAssistant:",
        "chosen": "It is a box.", "rejected": "It is a cup.", "id": "0",
    }  # fmt: skip
    assert second == {"prompt": "Human: Why?\n\nAssistant:", "chosen": "Because.", "rejected": "Bah.", "id": "1"}


def test_dialogues_that_part_earlier_are_cut_where_they_part_and_counted(capsys):
    found = reshaped("dialogue", [
        {"chosen": dialogue("Hi", "Yes?", "A box?", "Here."), "rejected": dialogue("Hi", "Yes?", "A cup?", "There.")},
        {"chosen": dialogue("Hi", "Yes?"), "rejected": dialogue("Hi", "Yes?", "More?", "No.")},
        {"chosen": dialogue("Hi", "Yes."), "rejected": dialogue("Hi", "No.")},
    ])  # fmt: skip
    assert [row["prompt"] for row in found] == ["Human: Hi\n\nAssistant:"] * 3
    assert pairs_of(found) == [
        ("Yes?\n\nHuman: A box?\n\nAssistant: Here.", "Yes?\n\nHuman: A cup?\n\nAssistant: There."),
        ("Yes?", "Yes?\n\nHuman: More?\n\nAssistant: No."),
        ("Yes.", "No."),
    ]
    assert "talk en: of 3 pairs of dialogues 2 part before the last answer; 0 left out" in capsys.readouterr().err


def test_dialogues_with_no_beginning_or_no_difference_are_left_out_and_counted(capsys):
    found = reshaped("dialogue", [
        {"chosen": dialogue("Hi", "Yes."), "rejected": dialogue("Ho", "Yes?")},
        {"chosen": dialogue("Hi", "Yes."), "rejected": dialogue("Hi", "Yes. ")},
        {"chosen": "no dialogue", "rejected": "no dialogue either"},
        {"chosen": dialogue("Hi", "Yes."), "rejected": dialogue("Hi") + dialogue("Yes?", "No.")},
        {"chosen": dialogue("Hi", ""), "rejected": dialogue("Hi", "Yes.")},
        {"chosen": None, "rejected": dialogue("Hi", "Yes.")},
        {"chosen": dialogue("Hi", "Yes."), "rejected": dialogue("Hi", "No.")},
    ])  # fmt: skip
    assert pairs_of(found) == [("Yes.", "No.")]
    assert found[0]["id"] == "6"  # the place in the Hub's table
    assert "of 7 pairs of dialogues 0 part before the last answer; 6 left out" in capsys.readouterr().err


def test_nothing_is_said_of_dialogues_that_are_as_they_should_be(capsys):
    reshaped("dialogue", [{"chosen": dialogue("Hi", "Yes."), "rejected": dialogue("Hi", "No.")}])
    assert "talk" not in capsys.readouterr().err


def test_many_dialogues_are_a_matter_of_seconds():
    text = "what is it that you want to know about the old house in the garden " * 6
    rows = {
        "chosen": [dialogue(f"{number} {text}", text, text, f"yes {text}") for number in range(8000)],
        "rejected": [dialogue(f"{number} {text}", text, text, f"no {text}") for number in range(8000)],
    }
    begun = time.perf_counter()
    found = reshapes.get("dialogue")(TASK, "en", datasets.Dataset.from_dict(rows))
    assert len(found) == 8000
    assert time.perf_counter() - begun < 5  # 160,800 rows in two minutes at the very most


# trees of messages


def message(name: str, parent: str | None, text: str, rank: int | None = None, **changed) -> dict:
    role = "prompter" if rank is None else "assistant"
    usual = {"message_id": name, "parent_id": parent, "text": text, "role": role, "lang": "en", "rank": rank,
             "deleted": False, "synthetic": False, "message_tree_id": "tree"}  # fmt: skip
    return usual | changed


def test_ranked_siblings_are_paired_better_first_behind_their_thread():
    found = reshaped("siblings", [
        message("q", None, "Question?"),
        message("b", "q", "Worse.", 1),
        message("a", "q", "Best.", 0),
        message("f", "a", "And then?"),
        message("y", "f", "Last.", 1),
        message("x", "f", "First.", 0),
    ])  # fmt: skip
    assert found == [
        {"prompt": "Question?", "chosen": "Best.", "rejected": "Worse.", "id": "a-b"},
        {"prompt": "Question?\n\nBest.\n\nAnd then?", "chosen": "First.", "rejected": "Last.", "id": "x-y"},
    ]


def test_only_ranks_that_follow_each_other_are_paired_and_equal_ones_are_not():
    ranks = {"a": 0, "b": 2, "c": 2, "d": 5}
    found = reshaped("siblings", [
        message("q", None, "?"), *(message(name, "q", name.upper(), rank) for name, rank in ranks.items())
    ])  # fmt: skip
    assert pairs_of(found) == [("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")]
    equal = [message("q", None, "?"), message("a", "q", "A", 1), message("b", "q", "B", 1)]
    assert reshaped("siblings", equal) == []


def test_what_is_deleted_unranked_or_no_answer_is_in_no_pair(capsys):
    found = reshaped("siblings", [
        message("q", None, "?"),
        message("a", "q", "A", 0, deleted=True),
        message("b", "q", "B", 1),
        message("c", "q", "C", 2),
        message("d", "q", "D", None, role="assistant"),
        message("e", "q", "E", 3, role="prompter"),
        message("f", "q", "C", 4),
        message("r", None, "root", 0, role="assistant"),
        message("s", None, "other root", 1, role="assistant"),
    ])  # fmt: skip
    assert pairs_of(found) == [("B", "C")]
    assert "0 pairs left out, what they answer is missing or deleted; 1 of equal" in capsys.readouterr().err


def test_a_thread_with_a_gap_begins_behind_it_and_without_the_question_there_is_no_pair(capsys):
    rows = [
        message("gone", "far away", "not there", 0),
        message("p", "missing", "Middle."),
        message("q", "p", "Question?"),
        message("a", "q", "A", 0), message("b", "q", "B", 1),
        message("c", "nowhere", "C", 0), message("d", "nowhere", "D", 1), message("e", "nowhere", "E", 2),
        message("h", "nowhere", "H", 3),
        message("dead", None, "deleted question", deleted=True),
        message("f", "dead", "F", 0), message("g", "dead", "G", 1),
    ]  # fmt: skip
    found = reshaped("siblings", rows)
    assert found == [{"prompt": "Middle.\n\nQuestion?", "chosen": "A", "rejected": "B", "id": "a-b"}]
    assert "talk en: 4 pairs left out, what they answer is missing or deleted; 0 of" in capsys.readouterr().err


def test_a_circle_of_parents_ends():
    rows = [message("p", "q", "P"), message("q", "p", "Q"), message("a", "q", "A", 0), message("b", "q", "B", 1)]
    [found] = reshaped("siblings", rows)
    assert found["prompt"].endswith("P\n\nQ")
    assert len(found["prompt"]) < 20


def test_a_pair_is_of_one_language_whatever_its_country():
    rows = [
        message("q", None, "?", lang="pt-BR"),
        message("a", "q", "A", 0, lang="pt-BR"), message("b", "q", "B", 1, lang="pt_PT"),
        message("c", "q", "C", 2, lang="en"),
    ]  # fmt: skip
    assert pairs_of(reshaped("siblings", rows, "pt")) == [("A", "B")]
    assert reshaped("siblings", rows, "en") == []


# two responses and a preference


def rated(preference: int | None, language: str = "english", first: str | None = "one", second: str | None = "two"):
    context = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?\n"},
               {"role": "user", "content": " Count."}]  # fmt: skip
    return {"domain": "general", "language": language, "context": context, "response1": first, "response2": second,
            "overall_preference": preference, "individual_preference": [{"score": preference}]}  # fmt: skip


def test_a_preference_below_zero_is_for_the_first_response():
    found = reshaped("ranked_pair", [rated(preference) for preference in (-3, -1, 1, 3)])
    assert pairs_of(found) == [("one", "two"), ("one", "two"), ("two", "one"), ("two", "one")]
    assert {row["prompt"] for row in found} == {"Hi\n\nYes?\n\nCount."}


def test_no_preference_and_no_two_responses_are_left_out_and_counted(capsys):
    rows = [rated(0), rated(None), rated(2), rated(2, first=None), rated(2, second=""), rated(-1, first="two")]
    found = reshaped("ranked_pair", rows)
    assert [row["id"] for row in found] == ["2"]
    said = "talk en: of 6 pairs 2 left out for want of a preference, 3 for want of two different responses"
    assert said in capsys.readouterr().err


def test_languages_are_told_by_code_or_name_and_ids_are_places_in_the_whole_table():
    spoken = ["english", "german", "de", "German ", "python", "en", "dutch"]
    rows = [rated(1, language) for language in spoken]
    assert [row["id"] for row in reshaped("ranked_pair", rows, "de")] == ["1", "2", "3"]
    assert [row["id"] for row in reshaped("ranked_pair", rows, "en")] == ["0", "5"]
    assert reshaped("ranked_pair", rows, "fr") == []


# from a mirror


@pytest.fixture
def mirror(tmp_path):
    """A mirror of trees: two languages in train, one in validation."""
    folder = tmp_path / "mirror/somebody/talk/default"
    folder.mkdir(parents=True)
    for split, languages in (("train", ["en", "de"]), ("validation", ["en"])):
        rows = []
        for language in languages:
            rows.append(message(f"q-{language}", None, f"Question in {language}?", lang=language))
            rows += [message(f"{n}-{language}", f"q-{language}", f"Answer {n}", n, lang=language) for n in range(3)]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}-0.parquet")
    return str(tmp_path / "mirror")


def test_reshaped_rows_are_rows_like_any_other(mirror):
    task = replace(TASK, reshape="siblings")
    rows = load_rows(task, "de", "train", mirror)
    assert list(rows.each()) == [
        {"prompt": "Question in de?", "chosen": "Answer 0", "rejected": "Answer 1", "id": "0-de-1-de"},
        {"prompt": "Question in de?", "chosen": "Answer 1", "rejected": "Answer 2", "id": "1-de-2-de"},
    ]
    held_out = replace(task, held_out=0.5, splits={"train": "train"})
    parts = [list(load_rows(held_out, "de", split, mirror).each()) for split in ("train", "dev")]
    assert sorted(row["id"] for part in parts for row in part) == ["0-de-1-de", "1-de-2-de"]


def test_a_language_without_pairs_has_no_rows(mirror):
    task = replace(TASK, reshape="siblings")
    assert [rows.language for rows in load_languages(task, None, "dev", mirror)] == ["en"]
    with pytest.raises(NoSuchRows, match="no rows of language 'de'"):
        load_rows(task, "de", "dev", mirror)
