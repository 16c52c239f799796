"""What translating does to a text by itself: sentences cut and put together, answers found again, bad ones told."""

from __future__ import annotations

import pytest

from adapterstilts.translation.checks import flags, likeness, usual_ratio
from adapterstilts.translation.sentences import pieces, said
from adapterstilts.translation.spans import answers_in, marked, placed


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("Dr. J. Smith of the U.S. Army paid 2.5 dollars.", ["Dr. J. Smith of the U.S. Army paid 2.5 dollars."]),
        ("one\n\ntwo\n", ["one", "two"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("", []),
    ],
)
def test_texts_are_cut_at_the_ends_of_sentences(text, cut):
    found = pieces(text)
    assert [piece.text for piece in found] == cut
    assert "".join(piece.text + piece.gap for piece in found) == text
    assert all(text[piece.start :].startswith(piece.text) for piece in found)


def test_sentences_are_put_together_as_the_language_is_written():
    known = {"One.": "一。", "Two.": "二。", "Long.": None, "Odd.": ""}
    assert said("One. Two.\n", known, "zh") == "一。二。\n"
    assert said("One. Two.", known, "de") == "一。 二。"
    assert said("One. Long.", known, "zh") is None
    assert said("One. Odd.", known, "zh") == ""


def test_an_answer_is_found_alone_in_brackets_or_not_at_all():
    context = "Ann came. Ann met the old man and the man. He left."
    known = {"Ann came.": "Anna kam.", "Ann met the old man and the man.": "Anna traf den alten Mann und den Mann.",
             "the man": "der Mann", "He left.": "Er ging.", "Ann": "Anna"}  # fmt: skip
    told = "Anna kam. Anna traf den alten Mann und den Mann. Er ging."
    answers = answers_in(context, ["Ann", "the man", "man. He"], [10, 35, 39], known, "de")
    assert [answer.text for answer in answers] == ["Ann", "the man"], "the last one stands in two sentences"
    assert placed(answers[0], told, known, known.get) == ("Anna", 10), "the one in its own sentence"
    assert placed(answers[1], told, known, known.get) is None
    assert marked(answers[1]) == "Ann met the old man and [the man]."
    known |= {"Ann met the old man and [the man].": "Anna traf den alten Mann und [den Mann]."}
    assert placed(answers[1], told, known, known.get) == ("den Mann", told.rindex("den Mann"))


def test_of_two_places_the_one_at_the_same_share_of_the_sentence_counts():
    context, told = "A cat and a dog and a cat.", "Katze und Hund und Katze."
    known = {context: told, "cat": "Katze"}
    first, last = answers_in(context, ["cat", "cat"], [2, 22], known, "de")
    assert placed(first, told, known, known.get) == ("Katze", 0)
    assert placed(last, told, known, known.get) == ("Katze", 19)


@pytest.mark.parametrize(
    ("source", "told", "found"),
    [
        ("A cat sat on the mat.", "Eine Katze saß auf der Matte.", []),
        ("A cat sat on the mat.", "A cat sat on the mat.", ["copied"]),
        ("New York", "New York", []),
        ("A cat sat on the mat.", None, ["too long"]),
        ("A cat sat on the mat.", " ", ["empty"]),
        ("A cat sat on the mat.", "die die die die die Matte", ["looped"]),
        ("ha ha ha ha ha ha said he", "ha ha ha ha ha ha sagte er", []),
        ("A cat sat on the mat.", "Katze", ["length"]),
        ("", "", []),
    ],
)
def test_bad_translations_are_told_from_good_ones(source, told, found):
    assert flags(source, told, 1.2, 3.0) == found


def test_the_usual_length_is_the_languages_own():
    pairs = [("A cat sat on the mat there.", "猫坐在垫子上。")] * 5 + [("A dog barked at the cat.", "狗" * 24)]
    assert usual_ratio(pairs) < 0.3
    assert flags(*pairs[0], usual_ratio(pairs), 3.0) == []
    assert flags(pairs[1][0], "狗对着那只猫叫。", usual_ratio(pairs), 3.0) == []
    assert "length" in flags(*pairs[-1], usual_ratio(pairs), 3.0)


def test_likeness_is_one_for_the_same_and_falls_with_every_change():
    text = "The doctor buys a red apple."
    same, near, far = (likeness(one, text) for one in (text, "The doctor buys an apple.", "Es regnet."))
    assert same == 1
    assert 0.4 < near < 1
    assert far < 0.2
    assert likeness("", text) == 0
