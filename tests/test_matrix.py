"""Every task of the catalog, once through: loaded in all its languages, encoded, learned for two steps, scored.

The rows are generated, the encoder is a tiny one of random weights: what is tested is that the parts of a task fit.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModel

from adapterstilts.config.schema import DataSettings
from adapterstilts.data.cache import encode_rows, encoding_for
from adapterstilts.data.source import load_languages, load_rows
from adapterstilts.evaluation import mining, ranking, retrieval
from adapterstilts.evaluation.heads import HeadRecord, SavedHead, as_answered
from adapterstilts.evaluation.predict import gold_values, predict
from adapterstilts.formats import Meaning, formats
from adapterstilts.interrupt import listening
from adapterstilts.metrics import metrics
from adapterstilts.mini._catalog import MAKERS
from adapterstilts.mini._columns import hub_table
from adapterstilts.mini._makers import Source
from adapterstilts.mini.languages import languages
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.tokenizer import write_tokenizer
from adapterstilts.model import Runtime, TransferModel
from adapterstilts.tasks import tasks

SPEAKING = ("de", "en", "es", "sw", "yo", "zh")  # at least one of each task's, and all scripts that are cut otherwise
STANDS_IN = {"panx_xr": "pl", "tatoeba_xr": "pl"}  # German, for the world speaks none of these tasks' languages
RUNTIME = Runtime(torch.device("cpu"), "fp32", 4096)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """A small mirror, with German in the place of a language where the world has none of a task's."""
    folder = write_rows(tmp_path_factory.mktemp("matrix") / "rows", size=36, few=18, speaking=SPEAKING)
    for name, language in STANDS_IN.items():
        task = tasks.get(name)
        (folder / task.repo / task.config(language)).mkdir(parents=True)
        for split, hub_split in task.splits.items():
            rows = [MAKERS[name](Source(random.Random(split), split), 0) for _ in range(18)]
            file = folder / task.repo / task.config(language) / f"{hub_split}-00000-of-00001.parquet"
            pq.write_table(hub_table(task, "de", rows), file)
        (folder / task.repo / "README.md").write_text(card(task, language))
    return str(folder)


def card(task, language):
    files = "".join(f"  - split: {one}\n    path: {task.config(language)}/{one}-*\n" for one in task.splits.values())
    return f"---\nconfigs:\n- config_name: {task.config(language)}\n  data_files:\n{files}---\n"


@pytest.fixture(scope="module")
def base(mirror, tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix-base")
    tokenizer = write_tokenizer(texts_of(Path(mirror)), folder / "tokenizer", vocabulary=900)
    return random_base(tokenizer, folder / "base", shape=Shape(layers=1, hidden=64, positions=194))


@pytest.fixture(scope="module")
def trained(mirror, base, tokenizer):
    """Return how to train: a model, and the labels of its head, after some steps on a task's English rows."""

    @cache
    def train(name, steps):
        task = tasks.get(name)
        rows = load_rows(task, task.train_language, "train", mirror).pick(24, None)
        encoded = encode_rows(rows, encoding_for(task, tokenizer, DataSettings(), 192))
        model = TransferModel(AutoModel.from_pretrained(base, add_pooling_layer=False))
        model.add_head(name, encoded.format, len(rows.task.labels), seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        losses = [step(model, optimizer, encoded, name, number) for number in range(steps)]
        return SimpleNamespace(model=model, name=name, labels=list(rows.task.labels), losses=losses)

    return train


def step(model, optimizer, encoded, name, number):
    examples = encoded.take(np.arange(8 * number, 8 * number + 8) % len(encoded), draw=number)
    batch = encoded.format.collate(examples, encoded.pad_id)
    loss = encoded.format.loss_sum(model(name, batch), batch) / encoded.format.targets(examples)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def scored_split(task):
    return "test" if "test" in task.splits else "dev"


def expected_languages(name):
    task = tasks.get(name)
    return {STANDS_IN[name]} if name in STANDS_IN else {code for code in SPEAKING if code in task.configs}


def answered(name, head, mirror, tokenizer):
    """Yield the rows of every language, encoded, as the head answers them."""
    task = tasks.get(name)
    if head:
        record = HeadRecord(task=head.name, task_version=1, format=task.format, labels=head.labels)
        task = as_answered(task, SavedHead(None, record))
    for rows in load_languages(task, None, scored_split(task), mirror):
        yield encode_rows(rows, encoding_for(task, tokenizer, DataSettings(), 192))


WITH_HEADS = [name for name in tasks.names() if hasattr(formats.get(tasks.get(name).format), "head")]
SUPERVISED = [name for name in WITH_HEADS if tasks.get(name).format != "masked_lm"]


def test_the_matrix_has_every_task():
    without = {"retrieval", "mining", "answer_retrieval"}
    assert {tasks.get(name).format for name in set(tasks.names()) - set(WITH_HEADS)} == without
    for name in tasks.names():
        assert expected_languages(name), name
        assert (name in STANDS_IN) == (not set(tasks.get(name).configs) & set(languages.names()))


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_task_is_learned_and_answered_in_all_its_languages(name, mirror, tokenizer, trained):
    task = tasks.get(name)
    head = trained(name if "train" in task.splits else task.learns_from[0], 2)
    assert all(map(math.isfinite, head.losses))
    found = set()
    for encoded in answered(name, head, mirror, tokenizer):
        rows, metric = encoded.rows, metrics.get(task.metric)
        meaning = Meaning(rows.task.labels if encoded.format.positional else head.labels, task.no_answer)
        with listening() as stop:
            answers = predict(head.model, encoded, head.name, meaning, RUNTIME, stop)
        gold = gold_values(encoded)
        score = metric.of(rows.language)
        assert len(answers) == len(gold) == len(rows) > 0
        assert 0 <= score(gold, [one.value for one in answers])[metric.main] <= 100
        best = perfect(metric, gold)
        assert score(gold, best)[metric.main] == 100
        assert score(gold, worse(task, gold, best))[metric.main] < 100
        found.add(rows.language)
    assert found == expected_languages(name)


def perfect(metric, gold):
    """Return answers that are right; of several right ones the first, of none nothing."""
    if metric.lists == {"gold"}:
        return [answers[0] if answers else "" for answers in gold]
    return list(gold)


def worse(task, gold, best):
    """Return right answers in the wrong places: another row's, or of tags another word's; of pairs the other one."""
    if task.format == "preference":
        return ["rejected"] * len(best)
    if task.format == "tagging":
        return [[*tags[1:], tags[0]] for tags in best]
    order = sorted(range(len(best)), key=lambda place: best[place])
    most = max(Counter(best).values())
    moved = list(best)
    for place, other in zip(order, [*order[most:], *order[:most]], strict=True):
        moved[place] = best[other]
    assert any(one != other for one, other in zip(moved, best, strict=True))
    return moved


@pytest.mark.parametrize("name", ["wikipedia"])
def test_guessing_hidden_tokens_is_learned_in_all_languages(name, mirror, tokenizer, trained):
    task, metric = tasks.get(name), metrics.get(tasks.get(name).metric)
    assert [one for one in WITH_HEADS if one not in SUPERVISED] == [name]
    found = set()
    for rows in load_languages(task, None, "dev", mirror):
        encoded = encode_rows(rows, encoding_for(task, tokenizer, DataSettings(), 192))
        losses = []
        for head in (trained(name, 0), trained(name, 12)):
            with listening() as stop:
                answers = predict(head.model, encoded, name, Meaning([]), RUNTIME, stop)
            losses.append(metric.score(gold_values(encoded), [one.value for one in answers])["loss"])
        assert losses[1] < losses[0]
        found.add(rows.language)
    assert found == expected_languages(name)


def encoder_of(base):
    return AutoModel.from_pretrained(base, add_pooling_layer=False).eval()


@pytest.mark.parametrize("name", [name for name in tasks.names() if tasks.get(name).format == "retrieval"])
def test_translations_are_searched_in_all_languages(name, mirror, base, tokenizer):
    metric, encoder, found = metrics.get(tasks.get(name).metric), encoder_of(base), set()
    for encoded in answered(name, None, mirror, tokenizer):
        with listening() as stop:
            vectors = retrieval.embed(encoder, encoded, [1], RUNTIME, stop)[1]
        gold = [str(row) for row in range(len(encoded.rows))]
        assert 0 <= metric.score(gold, [one.value for one in retrieval.search(encoded, vectors)])["accuracy"] < 100
        parts = np.asarray(encoded.examples["part"][:])
        owners = np.asarray(encoded.examples["row"][:])
        for shift, expected in ((0, 100), (1, 0)):
            one_hot = np.eye(len(gold), dtype=np.float32)[(owners + shift * parts) % len(gold)]
            assert metric.score(gold, [one.value for one in retrieval.search(encoded, one_hot)])["accuracy"] == expected
        found.add(encoded.rows.language)
    assert found == expected_languages(name)


@pytest.mark.parametrize("name", [name for name in tasks.names() if tasks.get(name).format == "mining"])
def test_pairs_are_mined_in_all_languages(name, mirror, base, tokenizer):
    task, encoder, found = tasks.get(name), encoder_of(base), set()
    metric = metrics.get(task.metric)

    def embed(rows, layers):
        encoded = encode_rows(rows, encoding_for(task, tokenizer, DataSettings(), 192))
        with listening() as stop:
            return retrieval.embed(encoder, encoded, layers, RUNTIME, stop)

    scored, tuning = mining.with_tuning([load_languages(task, None, "test", mirror)], mirror)
    for rows in scored[0]:
        pools = [mining.read_pool(one) for one in (rows, tuning[name, rows.language])]
        with listening() as stop:
            [mined] = mining.mine_layers(*pools, [1], mining.Encoder(embed, 64, RUNTIME.device), stop)
        assert 0 <= metric.score(mined.gold, [one.value for one in mined.predictions])["f1"] < 100
        assert metric.score(mined.gold, mined.gold)["f1"] == 100
        assert metric.score(mined.gold, [*mined.gold[1:], mined.gold[0]])["f1"] < 100
        assert sum(map(len, mined.gold)) < len(mined.gold)  # some have no partner
        found.add(rows.language)
    assert found == expected_languages(name)


@pytest.mark.parametrize("name", [name for name in tasks.names() if tasks.get(name).format == "answer_retrieval"])
def test_answers_are_ranked_in_a_pool_of_all_languages(name, mirror, base, tokenizer):
    task, encoder = tasks.get(name), encoder_of(base)
    metric = metrics.get(task.metric)

    def embed(rows, layers):
        encoded = encode_rows(rows, encoding_for(task, tokenizer, DataSettings(), 192))
        return retrieval.embed(encoder, encoded, layers, RUNTIME, stop)

    many = load_languages(task, None, "test", mirror)
    assert {rows.language for rows in many} == expected_languages(name)
    pool = ranking.with_pools([many], mirror)[name]
    with listening() as stop:
        ranked = ranking.Ranking(pool, embed, [1], RUNTIME.device, stop)
        for rows in many:
            [found] = ranked.answer(rows)
            assert {len(right) for right in found.gold} == {len(many)}  # one in each language
            assert 0 <= metric.score(found.gold, [one.value for one in found.predictions])[metric.main] < 100
            assert metric.score(found.gold, found.gold)[metric.main] == 100
            assert metric.score(found.gold, [*found.gold[1:], found.gold[0]])[metric.main] == 0
