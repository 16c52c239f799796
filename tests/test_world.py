"""The embedded world: tables that hold together, and languages that say all of it, each word in its role."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from dataclasses import replace

import pytest

from adapterstilts.errors import UserError
from adapterstilts.mini.languages import languages
from adapterstilts.mini.world import (
    ACTIONS,
    AGENTS,
    ASKED,
    COUNTS,
    GROUPS,
    HYPERNYMS,
    NAMES,
    OBJECTS,
    PEOPLE,
    PLACES,
    QUALITIES,
    THINGS,
    TIMES,
    Fact,
    Language,
    Token,
    detokenise,
    fits,
    role_of,
    table,
    words,
)

UPOS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
}
BARE = Fact("doctor", "buy", "apple")
FULL = Fact("doctor", "buy", "apple", "young", "red", "Anna", "kitchen", "monday")
SPANNED = {"agent", "thing", "place", "time"}  # what questions ask for is said in one piece
PARTS = {  # each part of a fact, and all that may stand there
    "agent": AGENTS,
    "action": tuple(ACTIONS),
    "thing": OBJECTS,
    "agent_quality": [quality for quality in QUALITIES if QUALITIES[quality].of == "person"],
    "thing_quality": [quality for quality in QUALITIES if QUALITIES[quality].of == "thing"],
    "recipient": NAMES,
    "place": PLACES,
    "time": tuple(TIMES),
    "count": COUNTS,
    "negated": (False, True),
}


@pytest.fixture(params=languages.names())
def language(request) -> Language:
    return languages.get(request.param)


def facts():
    """Return facts in which every concept stands in its place, alone and beside every form of the thing."""
    once = [replace(FULL, **{part: value}) for part, values in PARTS.items() for value in values]
    things = [replace(BARE, thing=thing, count=count) for thing in OBJECTS for count in COUNTS]
    described = [replace(fact, thing_quality="big") for fact in things]
    people = [replace(BARE, agent=agent, agent_quality="rich") for agent in AGENTS]
    said = [*once, *things, *described, *people, BARE]
    return [*said, *(replace(fact, negated=True) for fact in said)]


def sentences(language):
    for fact in facts():
        yield from (language.statement(fact, order) for order in ("plain", "fronted"))
        yield language.statement(fact, "plain", True)
        yield from (language.question(fact, asked) for asked in ASKED)
    yield from (language.definition(concept) for concept in HYPERNYMS)
    for concept in (*AGENTS, *OBJECTS):
        fitting = "person" if concept in AGENTS else "thing"
        yield from (language.property(concept, name) for name, quality in QUALITIES.items() if quality.of == fitting)


def roles(tokens):
    return {token.role for token in tokens} - {""}


def given(fact):
    return {"agent", "action", "thing"} | {part for part in ("recipient", "place", "time") if getattr(fact, part)}


def spoken(language, tokens):
    return detokenise(language, tokens)[0]


def test_the_world_has_the_promised_size_and_every_concept_one_name():
    sizes = [len(table_) for table_ in (PEOPLE, THINGS, GROUPS, ACTIONS, QUALITIES, PLACES, TIMES, NAMES)]
    assert sizes == [24, 40, 8, 24, 16, 12, 8, 8]
    concepts = [*AGENTS, *OBJECTS, *ACTIONS, *QUALITIES, *PLACES, *TIMES, *NAMES]
    assert len(set(concepts)) == len(concepts)


def test_opposites_are_each_other_s_and_of_one_kind():
    for action, (opposite, groups, _) in ACTIONS.items():
        assert opposite != action
        assert ACTIONS[opposite].opposite == action
        assert ACTIONS[opposite].groups == groups
    for quality, (opposite, of) in QUALITIES.items():
        assert opposite != quality
        assert (QUALITIES[opposite].opposite, QUALITIES[opposite].of) == (quality, of)
    assert all(TIMES[other] == time != other for time, other in TIMES.items())


def test_every_thing_can_be_acted_on_and_every_person_is_one():
    assert all(any(fits(action, thing) for action in ACTIONS) for thing in OBJECTS)
    assert [fits("repair", thing) for thing in ("car", "vehicle", "egg")] == [True, True, False]
    assert all(HYPERNYMS.get(HYPERNYMS[person], "person") == "person" for person in PEOPLE)
    assert (role_of("doctor"), role_of("artist"), role_of("fruit")) == ("agent", "agent", "thing")


@pytest.mark.parametrize("part", [part for part in PARTS if part != "negated"])
def test_an_unknown_concept_is_refused_with_the_nearest(part):
    wrong = f"{getattr(FULL, part)}x"
    with pytest.raises(UserError, match=f"(?s)no {part} '{wrong}'.*{getattr(FULL, part)}"):
        replace(FULL, **{part: wrong})


def test_a_listed_form_becomes_tokens_with_its_own_tags():
    assert table("a = b c:ADP / d;\ne = f") == {"a": ["b c:ADP", "d"], "e": ["f"]}
    assert words("loaf of:ADP", "thing", "NOUN") == [Token("loaf", "NOUN", "thing"), Token("of", "ADP", "thing")]
    assert words("", "thing", "NOUN") == []


def test_sentences_are_written_with_the_spaces_and_capitals_of_their_language():
    tokens = [Token("¿", "PUNCT", ""), Token("i", "X", "agent"), Token("b", "X", "thing"), Token("?", "PUNCT", "")]
    english = languages.get("en")
    assert detokenise(english, tokens) == ("¿I b?", {"agent": (1, 2), "thing": (3, 4)})
    assert spoken(replace(english, spaces=False), tokens) == "¿Ib?"
    assert spoken(replace(english, capitals={"i": "İ"}), tokens) == "¿İ b?"


def test_a_role_in_pieces_has_no_span():
    tokens = [Token("a", "X", "action"), Token("b", "X", "agent"), Token("c", "X", "action")]
    assert detokenise(languages.get("en"), tokens) == ("A b c", {"agent": (2, 3)})


def test_the_languages_are_found_under_their_codes():
    assert {"en", "de", "es", "ru", "zh"} <= set(languages.names())
    assert all(languages.get(code).code == code for code in languages.names())


def test_the_world_needs_no_torch():
    code = (
        "import sys; from adapterstilts.mini.languages import languages; "
        "[languages.get(name) for name in languages.names()]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_word_is_said_and_tagged(language):
    for tokens in sentences(language):
        for form, upos, _ in tokens:
            assert form.split() == [form], tokens
            assert not set(form) & set("/=;:_"), tokens
            assert upos in UPOS, tokens
            assert form == unicodedata.normalize("NFC", form), tokens
        assert tokens[-1].upos == "PUNCT", tokens


def test_every_part_of_a_fact_has_its_words(language):
    for fact in facts():
        for order in ("plain", "fronted"):
            for synonyms in (False, True):
                assert roles(language.statement(fact, order, synonyms)) == given(fact), fact
        for asked in ASKED:
            assert roles(language.question(fact, asked)) == given(fact) | {asked}, fact


def test_spans_are_exactly_the_phrases(language):
    between = " " if language.spaces else ""
    for tokens in sentences(language):
        text, spans = detokenise(language, tokens)
        assert roles(tokens) & SPANNED <= set(spans), text
        for role, (start, end) in spans.items():
            phrase = between.join(token.form for token in tokens if token.role == role)
            capital = language.capitals.get(phrase[0], phrase[0].upper())
            assert text[start:end] in (phrase, capital + phrase[1:]), text


def test_a_sentence_begins_with_a_capital_where_there_are_any(language):
    for tokens in sentences(language):
        first = spoken(language, tokens).lstrip("¿")[0]
        assert not first.islower(), tokens


@pytest.mark.parametrize("part", PARTS)
def test_another_concept_makes_another_sentence_even_in_other_words(language, part):
    told = [replace(FULL, **{part: value}) for value in PARTS[part]]
    said = [{spoken(language, language.statement(fact, "plain", other)) for other in (False, True)} for fact in told]
    assert len(set().union(*said)) == sum(map(len, said)), part


def test_what_is_fronted_comes_first_and_nothing_is_lost(language):
    for fact, front in ((FULL, "place"), (replace(FULL, place=None), "time")):
        for said in (fact, replace(fact, negated=True)):
            plain, fronted = (language.statement(said, order) for order in ("plain", "fronted"))
            assert fronted[0].role == front
            assert sorted(token.form for token in plain if token.role) == sorted(t.form for t in fronted if t.role)
    bare = replace(FULL, place=None, time=None)
    assert language.statement(bare, "fronted") == language.statement(bare, "plain")


@pytest.mark.parametrize("negated", [False, True])
def test_a_question_does_not_betray_its_answer(language, negated):
    other = {
        "agent": {"agent": "mother", "agent_quality": None},
        "thing": {"thing": "bread", "thing_quality": "heavy", "count": "three"},
        "place": {"place": "city"},
        "time": {"time": "noon"},
    }
    fact = replace(FULL, negated=negated)
    for asked in ASKED:
        assert language.question(fact, asked) == language.question(replace(fact, **other[asked]), asked)
    assert len({spoken(language, language.question(fact, asked)) for asked in ASKED}) == len(ASKED)


def test_a_question_keeps_the_rest_of_the_fact(language):
    for asked in ASKED:
        for part in ("agent", "thing", "place", "time", "recipient"):
            if part != asked:
                value = PARTS[part][-1]
                assert language.question(FULL, asked) != language.question(replace(FULL, **{part: value}), asked)


def test_definitions_name_the_hypernym_and_descriptions_the_quality(language):
    defined = {spoken(language, language.definition(concept)) for concept in HYPERNYMS}
    assert len(defined) == len(HYPERNYMS)
    described = {spoken(language, language.property("apple", quality)) for quality in PARTS["thing_quality"]}
    assert len(described) == len(PARTS["thing_quality"])
    meant: dict[tuple[str, ...], str] = {}
    for concept, hypernym in HYPERNYMS.items():
        tokens = language.definition(concept)
        assert meant.setdefault(tuple(token.form for token in tokens if not token.role), hypernym) == hypernym
        assert roles(tokens) - {"action"} == {role_of(concept)}
        assert any(not token.role and token.upos == "NOUN" for token in tokens)


def test_other_words_of_the_same_meaning_exist(language):
    said = [replace(FULL, **{part: value}) for part, values in PARTS.items() for value in values]
    assert any(language.statement(fact) != language.statement(fact, "plain", True) for fact in said)
