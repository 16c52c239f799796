"""What the generated rows say: facts stay in their split, labels follow from them, answers stand where they should.

Rows are drawn through the makers and held against a small reasoner of the tests' own; what is said of them is read
as it is written, in every language.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import asdict, replace

import pyarrow.parquet as pq
import pytest

from adapterstilts.data.source import load_rows
from adapterstilts.mini._catalog import MAKERS, kinds
from adapterstilts.mini._columns import hub_table
from adapterstilts.mini._makers import Source, split_of
from adapterstilts.mini.languages import languages
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.said import Phrase, Property, Question, Statement, joined, text
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.world import ACTIONS, AGENTS, GROUPS, OBJECTS, PLACES, QUALITIES, THINGS, TIMES, TRADES, Fact
from adapterstilts.tasks import tasks

SIZE = 96
INFERENCE = ("snli", "mnli", "xnli", "anli", "afrixnli")
SPANS = ("squad_v1", "squad_v2", "xquad", "tydiqa", "mlqa")
PREFERENCES = ("hh_rlhf", "oasst1", "helpsteer3")
CHOICES = ("hellaswag", "cosmos_qa", "commonsense_qa", "xcopa", "social_iqa")
SPOKEN = [(name, language) for name in MAKERS for language in languages.names() if language in tasks.get(name).configs]
DETAILS = ("agent_quality", "thing_quality", "recipient", "place", "time")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A mirror in all languages."""
    return write_rows(tmp_path_factory.mktemp("passages") / "mirror", size=SIZE)


def drawn(name, split="train", count=400):
    """Draw rows of a task, labels in turn; none are told apart from what `write_rows` draws."""
    source = Source(random.Random(f"{name} {split}"), split)
    task = tasks.get(name)
    return [MAKERS[name](source, number % kinds(task)) for number in range(count)]


def columns(mirror, name, language, split):
    """Read a file as it lies there: the Hub's columns, without the loader."""
    task = tasks.get(name)
    file = f"{task.splits[split]}-00000-of-00001.parquet"
    return pq.read_table(mirror / task.repo / task.configs[language] / file).to_pydict()


def read(mirror, name, language, split):
    """Return rows of a format's own fields, as dicts."""
    return list(load_rows(tasks.get(name), language, split, str(mirror), hold_out=False).each())


def words(written):
    return frozenset(re.findall(r"\w+", written.lower()))


def sentences(passage):
    return re.findall(r"[^.?]+[.?]", passage)


def shared(said, others):
    """Return how many of the words stand in `others`, as a share."""
    return len(words(said) & others) / len(words(said))


# which facts are told where


TOLD_SECOND = (
    "pawsx",
    "paws",
    "qqp",
    *SPANS,
    "afriqa",
    "cosmos_qa",
    "social_iqa",
    "qnli",
    "boolq",
    "bucc",
    "bucc_mteb",
)


def told_as_true(name, row):
    """Return the facts of a row's context or sentences, and of what is right about it."""
    told = [*row.texts[0], *(row.texts[1] if name in TOLD_SECOND or name in PREFERENCES else ())]
    if name in ("hellaswag", "xcopa"):
        told += row.texts[1 + row.label]
    return [one.fact for one in told if isinstance(one, Statement | Question)]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("name", MAKERS)
def test_every_fact_belongs_to_the_split_of_its_row(name, split):
    facts = [fact for row in drawn(name, split, 120) for fact in told_as_true(name, row)]
    assert len(facts) >= 60
    assert {split_of(fact) for fact in facts} == {split}


def test_splits_share_out_who_does_it_to_what():
    lots = {(agent, thing): split_of(Fact(agent, "buy", thing)) for agent in AGENTS for thing in OBJECTS}
    counts = Counter(lots.values())
    assert min(counts["dev"], counts["test"]) > 0.09 * len(lots)
    assert counts["train"] > 0.7 * len(lots)
    for (agent, thing), split in list(lots.items())[::7]:
        details = {"place": "garden", "time": "noon", "agent_quality": "old", "negated": True, "count": "two"}
        assert split_of(Fact(agent, "lose", thing, **details)) == split


ENGLISH_BESIDE = ("tatoeba", "bucc", "bucc_mteb", "afriqa")


def told_in_english(written, name, language, split):
    """Return what rows say is true in English, some of it with other things."""
    if name == "afriqa" and split == "dev":
        return []
    fields = ["context", "text_a", "query", "tokens", "prompt", *(["text_b"] if name in ("boolq", "qnli") else [])]
    rows = read(written, name, language, split)
    sentences = [row["text"] for row in rows if row.get("side") == "target"]
    return sentences + [row[field] for row in rows for field in fields if field in row]


def test_no_sentence_of_a_dev_or_test_context_is_in_any_training_text(written):
    trained = {words(sentence) for told in texts_of(written) for sentence in sentences(told)}
    contexts = []
    for name, language in SPOKEN:
        if language == "en" or name in ENGLISH_BESIDE:
            for split in set(tasks.get(name).splits) - {"train"}:
                contexts += told_in_english(written, name, language, split)
    contexts = [told if isinstance(told, str) else " ".join(told) for told in contexts]
    told = {words(one) for context in contexts for one in sentences(context) if one[-1] == "." and " is " not in one}
    assert len(told) > 10 * SIZE / 4
    assert len(trained) > 10 * SIZE
    assert told & trained == set()
    pairs = [(agents[0], things[0]) for one in told if len(agents := [*one & {*AGENTS}]) == 1
             if len(things := [*one & {*THINGS}]) == 1]  # fmt: skip
    assert len(pairs) > len(told) / 2
    assert {split_of(Fact(agent, "buy", thing)) for agent, thing in pairs} == {"dev", "test"}


# labels


def wider(word, than):
    """Whether `word` is the other word or a hypernym of it; every trade is one of people."""
    return word in (than, THINGS.get(than)) or than in TRADES.get(word, ()) or (word == "person" and than in AGENTS)


def follows(fact, told):
    """Whether `told`, without its negation, makes `fact`, without its own, true."""
    names = all(wider(getattr(fact, part), getattr(told, part)) for part in ("agent", "thing"))
    same = all(getattr(fact, part) in (None, getattr(told, part)) for part in DETAILS)
    return names and same and (fact.action, fact.count) == (told.action, told.count)


def excluding(one, other):
    """Return the parts in which two facts cannot both be meant of the same event."""
    pairs = {part: (getattr(one, part), getattr(other, part)) for part in asdict(one)}
    opposite = {**TIMES, **{word: about.opposite for word, about in {**ACTIONS, **QUALITIES}.items()}}
    there = {part: pair for part, pair in pairs.items() if None not in pair and pair[0] != pair[1]}
    return {part for part, (a, b) in there.items() if (a in PLACES if part == "place" else opposite.get(a) == b)}


def relation(told, fact):
    """Return 0: `fact` follows from what is told, 1: it may be or not, 2: it cannot be."""
    if told.negated:
        return (0 if fact.negated else 2) if follows(told, fact) else 1
    if fact.negated:
        return 2 if follows(fact, told) else 1
    return 0 if follows(fact, told) else 2 if excluding(fact, told) else 1


def test_the_reasoner_of_these_tests_knows_a_contradiction_when_it_sees_one():
    told = Fact("singer", "buy", "apple", thing_quality="red", place="garden", time="noon")
    fruit, absent = replace(told, agent="artist", thing="fruit", time=None), replace(told, recipient="Anna")
    assert [relation(told, fact) for fact in (told, fruit, replace(told, agent="person"), absent)] == [0, 0, 0, 1]
    against = {"action": "sell", "place": "city", "time": "midnight", "thing_quality": "white", "negated": True}
    assert {relation(told, replace(told, **{part: word})) for part, word in against.items()} == {2}
    assert {relation(replace(told, negated=True), replace(fact, negated=True)) for fact in (told, absent)} == {0}
    assert relation(replace(told, negated=True), replace(fruit, negated=True)) == 1
    assert relation(told, replace(told, time="morning", agent="cook")) == 1


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("name", INFERENCE)
def test_the_label_of_an_inference_follows_from_the_facts(name, split):
    rows = drawn(name, split)
    told = [(premise.fact, hypothesis.fact, row.label) for row in rows for (premise,), (hypothesis,) in [row.texts]]
    assert [(premise, fact) for premise, fact, label in told if relation(premise, fact) != label] == []
    for label in range(3):
        kinds = Counter((premise.negated, fact.negated) for premise, fact, given in told if given == label)
        assert len(kinds) == (3 if label == 2 else 2)
    hypernyms = [fact for _, fact, _ in told if {fact.agent, fact.thing} & {*TRADES, *GROUPS}]
    assert len(rows) / 10 < len(hypernyms) < len(rows) / 2


def test_paraphrases_tell_the_same_and_their_likes_another_thing_in_one_word():
    for row in drawn("pawsx"):
        (first,), (second,) = row.texts
        assert {first.order, second.order} == {"plain", "fronted"}
        assert (first.fact == second.fact) == bool(row.label)
        assert len(excluding(first.fact, second.fact)) == 1 - row.label
        other = {part for part, word in asdict(first.fact).items() if word != getattr(second.fact, part)}
        assert len(other - {"recipient"}) == 1 - row.label


def test_two_questions_are_the_same_if_what_is_said_before_makes_them_so():
    rows = drawn("qqp")
    for row in rows:
        (whole,), (*before, asked) = sorted(row.texts, key=len)
        [said] = [said for said in before if said.concept == asked.fact.agent]
        assert whole.asked == asked.asked
        meant = replace(asked.fact, agent_quality=said.quality)
        hidden = {asked.asked: None} if asked.asked in ("place", "time") else {}
        assert (replace(meant, **hidden) == replace(whole.fact, **hidden)) == bool(row.label)
        assert len(excluding(meant, whole.fact)) == 1 - row.label
    two = [row for row in rows if max(map(len, row.texts)) == 3]
    assert len(rows) / 3 < len(two) < 2 * len(rows) / 3
    for row in two:
        one, another = (said for said in max(row.texts, key=len) if isinstance(said, Property))
        assert QUALITIES[one.quality].opposite == another.quality
        assert one.concept != another.concept


# choices


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("name", CHOICES)
def test_one_choice_is_right_and_it_is_the_one_that_the_label_names(name, split):
    rows = drawn(name, split, 200)
    right = [[is_right(name, row, choice) for (choice,) in choices_said(name, row)] for row in rows]
    number = len(tasks.get(name).labels)
    assert right == [[place == row.label for place in range(number)] for row in rows]


def choices_said(name, row):
    return row.texts[-len(tasks.get(name).labels) :]


def is_right(name, row, choice):
    context = [one.fact for one in row.texts[0]]
    if name == "hellaswag":
        return any(relation(fact, choice.fact) == 0 for fact in context)
    if name in ("cosmos_qa", "social_iqa"):
        [question] = row.texts[1]
        return choice.role == question.asked and excluding(choice.fact, question.fact) == set() and (
            choice.fact in context and follows(question.fact, choice.fact)
        )  # fmt: skip
    if name == "commonsense_qa":
        return any(choice.fact.thing in GROUPS[group] for group in ACTIONS[context[0].action].groups)
    opposite = replace(choice.fact, action=context[0].action, recipient=None)
    return choice.fact.action != context[0].action and opposite == replace(context[0], recipient=None)


@pytest.mark.parametrize(("name", "language"), [case for case in SPOKEN if case[0] in CHOICES])
def test_choices_are_told_apart_in_every_language_and_stand_in_their_order(name, language):
    rows = drawn(name, "dev", 100)
    table = hub_table(tasks.get(name), language, rows).flatten().to_pydict()
    fields = tasks.get(name).columns
    labels = table[fields["label"]]
    for place, row in enumerate(rows):
        said = [joined(choice, language) for choice in choices_said(name, row)]
        numbered = [table[fields[f"choice_{number}"]][place] for number in range(5) if f"choice_{number}" in fields]
        assert (numbered or table[fields["choices"]][place]) == said
        assert len(set(said)) == len(said)
        assert labels[place] == (row.label if isinstance(labels[place], int) else tasks.get(name).labels[row.label])


def choices_of(row):
    return row.get("choices") or [row[f"choice_{place}"] for place in range(5) if f"choice_{place}" in row]


@pytest.mark.parametrize(("name", "language"), [("hellaswag", "en"), ("xcopa", "sw")])
def test_the_right_choice_alone_repeats_a_statement_as_it_is_written(written, name, language):
    for row in read(written, name, language, "dev"):
        told = [words(sentence) for sentence in sentences(row["context"])]
        best = [max(shared(choice, statement) for statement in told) for choice in choices_of(row)]
        assert best.index(max(best)) == row["label"]
        assert best.count(max(best)) == 1
        assert max(best) == 1 or name == "xcopa"


def test_the_right_choice_is_of_the_statement_asked_about_as_it_is_written(written):
    for row in read(written, "cosmos_qa", "en", "dev"):
        told = [words(sentence) for sentence in sentences(row["context"])]
        asked = max(told, key=lambda statement: shared(row["question"], statement))
        right = [shared(choice, asked) == 1 for choice in choices_of(row)]
        assert right == [place == row["label"] for place in range(4)]
        assert all(any(shared(choice, statement) == 1 for statement in told) for choice in choices_of(row))


def test_a_question_of_commonsense_names_its_choices_by_letter(written):
    there = columns(written, "commonsense_qa", "en", "train")
    assert all(choices["label"] == ["A", "B", "C", "D", "E"] for choices in there["choices"])
    assert set(there["answerKey"]) == set("ABCDE")


def test_causes_and_effects_are_asked_for_in_codes_that_are_the_same_in_all_languages(written):
    codes = {language: columns(written, "xcopa", language, "test")["question"] for language in ("sw", "tr", "zh")}
    assert set(Counter(codes["sw"])) == {"cause", "effect"}
    assert min(Counter(codes["sw"]).values()) >= SIZE // 16
    assert codes["sw"] == codes["tr"] == codes["zh"]
    asked = {row["question"] for row in read(written, "xcopa", "sw", "test")}
    assert asked == set(tasks.get("xcopa").wording["question"].values())


# answers


@pytest.mark.parametrize(("name", "language"), [case for case in SPOKEN if case[0] in SPANS])
def test_an_answer_stands_where_it_is_said_to_stand_in_every_language(name, language):
    rows = drawn(name, "test", 160)
    there = hub_table(tasks.get(name), language, rows).to_pydict()
    asked = Counter()
    for row, context, question, answers in zip(
        rows, there["context"], there["question"], there["answers"], strict=True
    ):
        said, (about,) = row.texts
        assert context == joined(said, language)
        if row.label == 3:
            assert answers == {"text": [], "answer_start": []}
            assert all(relation(statement.fact, about.fact) != 0 for statement in said)
            continue
        [answer], [start] = answers["text"], answers["answer_start"]
        right = said[row.label].fact
        assert context[start : start + len(answer)] == answer
        assert start >= len(joined(said[: row.label], language))
        assert start + len(answer) < len(joined(said[: row.label + 1], language))
        assert answer[1:] == text(Phrase(right, about.asked), language)[1:]
        assert [follows(about.fact, statement.fact) for statement in said] == [n == row.label for n in range(3)]
        assert answer not in question
        asked[about.asked] += 1
    assert set(asked) == {"agent", "thing", "place", "time"}


@pytest.mark.parametrize(("language", "asking"), [("sw", "nani|nini|wapi|lini"), ("yo", "(ta|kí|níbo|nígbà wo) ni")])
def test_afriqa_asks_in_its_language_of_an_english_passage(written, language, asking):
    for row in read(written, "afriqa", language, "test"):
        assert re.search(asking, row["question"].lower())
        assert len(re.findall(r"\b[Tt]he ", row["context"])) >= 3
        [answer], [start] = row["answer_texts"], row["answer_starts"]
        assert row["context"][start : start + len(answer)] == answer


@pytest.mark.parametrize("split", ["train", "dev"])
def test_some_questions_have_no_answer_in_squad_2_alone(written, split):
    without = [not answers["text"] for answers in columns(written, "squad_v2", "en", split)["answers"]]
    assert 1 / 4 <= sum(without) / len(without) <= 1 / 3
    assert all(answers["text"] for answers in columns(written, "squad_v1", "en", split)["answers"])


def test_languages_of_one_file_are_told_apart_by_their_ids(written):
    there = columns(written, "tydiqa", "en", "train")
    assert len(set(there["id"])) == len(there["id"])
    few = SIZE // 4
    assert Counter(name.split("-")[0] for name in there["id"]) == {"english": SIZE, "russian": few, "swahili": few}
    contexts = {language: [row["context"] for row in read(written, "tydiqa", language, "train")] for language in
                ("en", "ru", "sw")}  # fmt: skip
    assert all(re.search("[А-Яа-я]", context) for context in contexts["ru"])
    assert all(re.fullmatch(r"[\x20-\x7e]+", context) for context in contexts["en"] + contexts["sw"])
    assert not set(contexts["en"]) & set(contexts["sw"])


# texts


def test_texts_inside_other_columns_are_found_for_the_vocabulary(written):
    found = set(texts_of(written))
    choices = columns(written, "commonsense_qa", "en", "train")["choices"]
    assert {" ".join(choice["text"]) for choice in choices} <= found
    assert set(columns(written, "hellaswag", "en", "train")["ctx"]) <= found
