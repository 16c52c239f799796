"""Answers ranked in one pool of all languages: the metric, the pool, the search, and scores from file to table."""

from __future__ import annotations

import dataclasses
import random
import re

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import average_precision_score
from transformers import AutoTokenizer

from adapterstilts.data.reshaping import reshapes
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate_base
from adapterstilts.evaluation.ranking import Ranking, read_pool, with_pools
from adapterstilts.formats import Encoding, formats, learnable
from adapterstilts.interrupt import listening
from adapterstilts.metrics import metrics
from adapterstilts.metrics.map_at_20 import average_precision
from adapterstilts.report.scores import score_tables
from adapterstilts.tasks import tasks

TASK = tasks.get("xquad_r")
SPEAKING = ("en", "de", "th")
PARAGRAPHS = {
    "en": ("The doctor sells a cake in the garden.", "A nurse finds the red house.", "The dog sees a cat."),
    "de": ("Der Arzt verkauft einen Kuchen im Garten.", "Eine Krankenschwester findet das Haus.", "Der Hund."),
    "th": ("the doctor sells cakes", "a nurse found a house", "dogs see cats"),
}


# the metric


def ranked(draw: random.Random, size: int, right: int) -> tuple[list[str], list[str]]:
    names = [f"c{place}" for place in range(size)]
    return draw.sample(names, right), draw.sample(names, size)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_a_plain_count(seed):
    """Every right answer's precision at its place, over as many right ones as twenty places can hold."""
    draw = random.Random(seed)
    for _ in range(200):
        size = draw.randint(1, 60)
        right, found = ranked(draw, size, draw.randint(1, size))
        places = [place for place in range(1, 21) if place <= size and found[place - 1] in right]
        precisions = [len(set(found[:place]) & set(right)) / place for place in places]
        assert average_precision(right, found) == pytest.approx(sum(precisions) / min(20, len(right)), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_scikit_learns_where_twenty_are_the_pool(seed):
    draw = random.Random(seed)
    for _ in range(100):
        size = draw.randint(2, 20)
        right, found = ranked(draw, size, draw.randint(1, size))
        truth = [name in right for name in found]
        theirs = average_precision_score(truth, range(size, 0, -1))
        assert metrics.get("map_at_20").score([right], [found])["map@20"] == pytest.approx(100 * theirs, abs=1e-9)


def test_what_stands_behind_the_twentieth_counts_nothing_and_more_than_twenty_need_not_be_found():
    names = [f"c{place}" for place in range(40)]
    score = metrics.get("map_at_20").score
    assert score([names[20:21]], [names]) == {"map@20": 0.0}
    assert score([names[19:20]], [names]) == {"map@20": pytest.approx(5.0)}
    assert score([names], [names[:20]]) == {"map@20": 100.0}
    assert score([names[:2], names[5:6]], [names[:2], names[:5]]) == {"map@20": 50.0}


def test_an_answer_that_comes_twice_counts_once_and_a_question_without_one_scores_nothing():
    assert average_precision(["a", "b"], ["a", "a", "b"]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([], ["a"]) == 0.0


# rows, and what is read of them


def parallel(texts: dict[str, tuple[str, ...]], folder, speaking=SPEAKING, questions=None):
    """Write XQuAD-R as the Hub has it: two questions a paragraph, which read as the paragraph does."""
    for language in speaking:
        ids = [f"q{place}{twin}" for place in range(len(texts[language])) for twin in "ab"]
        contexts = [text for text in texts[language] for _ in "ab"]
        asked = contexts if questions is None else questions
        answers = [{"text": [text[:3]], "answer_start": [0]} for text in contexts]
        table = {"id": ids, "context": contexts, "question": asked, "answers": answers}
        (folder / TASK.repo / language).mkdir(parents=True)
        file = folder / TASK.repo / language / "validation-00000-of-00001.parquet"
        datasets.Dataset.from_dict(table).to_parquet(str(file))
    configs = "".join(
        f"- config_name: {one}\n  data_files:\n  - split: validation\n    path: {one}/validation-*\n"
        for one in speaking
    )
    (folder / TASK.repo / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    return str(folder)


@pytest.fixture
def rows_of(tmp_path):
    mirror = parallel(PARAGRAPHS, tmp_path / "rows")
    return {language: load_rows(TASK, language, "test", mirror) for language in SPEAKING}


def test_each_question_and_each_paragraph_is_a_row():
    table = datasets.Dataset.from_dict(
        {"id": ["q1", "q2", "q3"], "question": ["who", "what", "when"], "context": ["A", "B", "A"]}
    )
    assert list(reshapes.get("paragraphs")(TASK, "de", table)) == [
        {"id": "q1", "text": "who", "side": "question", "questions": []},
        {"id": "q2", "text": "what", "side": "question", "questions": []},
        {"id": "q3", "text": "when", "side": "question", "questions": []},
        {"id": "de_1", "text": "A", "side": "candidate", "questions": ["q1", "q3"]},
        {"id": "de_2", "text": "B", "side": "candidate", "questions": ["q2"]},
    ]


def test_a_sentence_is_read_with_its_paragraph_behind_it(base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    given = {"text": [" The doctor.", "Who?"], "context": ["The dog.\nThe doctor.", ""], "row": [0, 1]}
    encoded = formats.get("answer_retrieval").encode(given, Encoding(tokenizer, 64))
    assert encoded["input_ids"][0] == tokenizer("The doctor.The dog.The doctor.")["input_ids"]
    assert encoded["input_ids"][1] == tokenizer("Who?")["input_ids"]
    assert encoded["length"] == [len(ids) for ids in encoded["input_ids"]]
    short = formats.get("answer_retrieval").encode(given, Encoding(tokenizer, 5))
    assert short["length"][0] == 5


# the pool


def test_a_question_has_a_right_answer_in_every_language_of_the_pool(rows_of):
    pool = read_pool(list(rows_of.values()))
    assert pool.ids == [f"{language}_{place}" for language in SPEAKING for place in (1, 2, 3)]
    assert pool.right["q0b"] == ["en_1", "de_1", "th_1"]
    assert pool.right["q2a"] == ["en_3", "de_3", "th_3"]
    assert [one["candidates"] for one in pool.record().values()] == [3, 3, 3]


def test_the_pool_is_of_all_languages_whichever_are_scored(tmp_path, capsys):
    mirror = parallel(PARAGRAPHS, tmp_path / "rows")
    asked = load_rows(TASK, "de", "test", mirror)
    pool = with_pools([[asked]], mirror)["xquad_r"]
    assert [rows.language for rows in pool.languages] == list(SPEAKING)
    assert pool.languages[1] is asked
    assert (
        "a pool of 3 languages, which is easier than that of all; not here: ar el es hi ru" in capsys.readouterr().err
    )


def changed(rows, **columns):
    table = rows.table
    for name, values in columns.items():
        table = table.remove_columns(name).add_column(name, values)
    return dataclasses.replace(rows, table=table)


def test_a_pool_that_cannot_be_scored_is_refused(rows_of):
    english, german, thai = (rows_of[language] for language in SPEAKING)
    same = changed(german, id=[*german.table["id"][:6], *english.table["id"][6:]])
    with pytest.raises(UserError, match="3 candidates have the id of another"):
        read_pool([english, same, thai])
    with pytest.raises(UserError, match="language 'de' has no candidate"):
        read_pool([english, changed(german, side=["question"] * 9)])
    with pytest.raises(UserError, match="language 'de' has no question"):
        read_pool([english, changed(german, side=["candidate"] * 9)])
    with pytest.raises(UserError, match="no candidate answers question 'q2b'"):
        read_pool([changed(english, questions=[[]] * 6 + [["q0a", "q0b"], ["q1a", "q1b"], ["q2a"]])])
    with pytest.raises(UserError, match="questions have the id of another"):
        read_pool([changed(english, id=["q0a", "q0a", *english.table["id"][2:]])])


# the search


def test_the_twenty_nearest_of_all_languages_are_found_best_first(tmp_path):
    """Against all cosines sorted, on vectors of any lengths; the candidates' vectors are made once."""
    generator = np.random.default_rng(0)
    texts = {language: tuple(f"{language} {place}" for place in range(17)) for language in SPEAKING}
    mirror = parallel(texts, tmp_path / "rows")
    rows = {language: load_rows(TASK, language, "test", mirror) for language in SPEAKING}
    drawn = {
        (text, layer): generator.normal(size=8).astype(np.float32) * generator.uniform(0.1, 9)
        for language in SPEAKING
        for text in texts[language]
        for layer in (0, 2)
    }
    made = []

    def embed(some, layers):
        made.append((some.language, some.selection))
        around = 0.3 if some.table["side"][0] == "question" else 0.0
        return {
            layer: np.stack([drawn[text, layer] + np.float32(around) for text in some.table["text"]])
            for layer in layers
        }

    with listening() as stop:
        ranking = Ranking(read_pool(list(rows.values())), embed, (0, 2), torch.device("cpu"), stop)
        answers = {language: ranking.answer(rows[language]) for language in ("de", "th")}
    candidates = [(language, "all, candidates") for language in SPEAKING]
    assert made == [*candidates, ("de", "all, questions"), ("th", "all, questions")]
    index = [(f"{language}_{place + 1}", texts[language][place]) for language in SPEAKING for place in range(17)]
    for language, layers in answers.items():
        for layer, found in zip((0, 2), layers, strict=True):
            for place, (name, right, best) in enumerate(zip(found.ids, found.gold, found.predictions, strict=True)):
                asked = drawn[texts[language][place // 2], layer] + np.float32(0.3)
                cosines = {
                    one: asked @ drawn[text, layer] / np.linalg.norm(asked) / np.linalg.norm(drawn[text, layer])
                    for one, text in index
                }
                assert best.value == sorted(cosines, key=lambda one: -cosines[one])[:20]
                assert best.score == pytest.approx(max(cosines.values()), abs=1e-5)
                number = int(re.sub(r"\D", "", name)) + 1
                assert right == [f"{one}_{number}" for one in SPEAKING]


# from file to table


def asked_of(mirror, languages=None, **more):
    return {"languages": languages, "settings": {"resources.mirror": mirror, "precision": "fp32"}, **more}


def test_a_base_finds_texts_that_read_like_the_question_in_all_languages(base, tmp_path, capsys):
    """Where all languages' paragraphs read as the questions do, all right answers are nearest: nothing is lost."""
    same = dict.fromkeys(SPEAKING, PARAGRAPHS["en"])
    mirror = parallel(same, tmp_path / "rows")
    found = evaluate_base(str(base), "xquad_r", out=tmp_path / "base", **asked_of(mirror, layer="sweep"))
    assert [one.path.name for one in found] == [f"xquad_r-test-layer{layer}" for layer in range(3)]
    for one in found:
        assert one.metrics["languages"] == {code: {"map@20": pytest.approx(100), "n": 6} for code in SPEAKING}
        assert one.metrics["metric"] == {"name": "map_at_20", "main": "map@20", "version": 1}
        assert list(one.metrics["pool"]) == list(SPEAKING)
    table = pq.read_table(found[0].path / "predictions/th.parquet")
    assert table["id"].to_pylist() == ["q0a", "q0b", "q1a", "q1b", "q2a", "q2b"]
    assert table["gold"].to_pylist()[2] == ["en_2", "de_2", "th_2"]
    assert [len(best) for best in table["prediction"].to_pylist()] == [9] * 6
    assert table["prediction"].to_pylist()[2][:3] == ["en_2", "de_2", "th_2"]
    assert table["score"].to_pylist() == pytest.approx([1.0] * 6, abs=1e-5)
    notes = " ".join(score_tables(found[:1])[0].notes)
    assert "ranked in a pool without ar el es hi ru tr vi zh" in notes
    capsys.readouterr()


def test_scores_are_those_of_the_predictions_and_lower_in_other_words(base, tmp_path):
    mirror = parallel(PARAGRAPHS, tmp_path / "rows")
    [found] = evaluate_base(str(base), "xquad_r", out=tmp_path / "base", **asked_of(mirror))
    for language in SPEAKING:
        table = pq.read_table(found.path / f"predictions/{language}.parquet")
        gold, best = table["gold"].to_pylist(), table["prediction"].to_pylist()
        assert [one[0] for one in best[::2]] == [f"{language}_{place}" for place in (1, 2, 3)]  # it reads the same
        score = metrics.get("map_at_20").score(gold, best)
        assert found.metrics["languages"][language] == {**score, "n": 6}
        assert 100 / 3 < score["map@20"] < 100
    by_language = [scores["map@20"] for scores in found.metrics["languages"].values()]
    assert found.metrics["average"]["map@20"] == pytest.approx(np.mean(by_language))


def test_a_pool_of_fewer_languages_is_another_question(base, tmp_path, capsys):
    mirror = parallel(PARAGRAPHS, tmp_path / "rows")
    out = tmp_path / "base"
    [whole] = evaluate_base(str(base), "xquad_r", out=out, **asked_of(mirror, ["en", "de"]))
    assert list(whole.metrics["pool"]) == list(SPEAKING)
    capsys.readouterr()
    [again] = evaluate_base(str(base), "xquad_r", out=out, **asked_of(mirror, ["de"]))
    assert "xquad_r de: kept from an earlier command" in capsys.readouterr().err
    assert again.metrics["languages"] == whole.metrics["languages"]
    fewer = parallel(PARAGRAPHS, tmp_path / "fewer", speaking=("de", "th"))
    [other] = evaluate_base(str(base), "xquad_r", out=out, **asked_of(fewer, ["de"]))
    assert "kept from" not in capsys.readouterr().err
    assert list(other.metrics["pool"]) == ["de", "th"]
    assert list(other.metrics["languages"]) == ["de"], "answers of another pool are no part of this average"
    assert other.metrics["rows"]["de"] != whole.metrics["rows"]["de"]


def test_neither_a_head_nor_noise_nor_training_suits_it(base, tmp_path):
    mirror = parallel(PARAGRAPHS, tmp_path / "rows")
    with pytest.raises(UserError, match="has nothing to learn"):
        learnable(TASK)
    settings = {"resources.mirror": mirror, "noise": "chars:0.1"}
    with pytest.raises(UserError, match="no text that noise could touch"):
        evaluate_base(str(base), "xquad_r", out=tmp_path / "base", settings=settings)
