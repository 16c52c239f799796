"""Preferences: answers scored one by one, the Bradley-Terry loss, nothing that the order of two columns could give."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, XLMRobertaForSequenceClassification

from adapterstilts import registry
from adapterstilts.data.cache import encode_rows
from adapterstilts.data.source import load_rows
from adapterstilts.evaluation.command import evaluate
from adapterstilts.formats import Encoding, HeadShape, Meaning, formats
from adapterstilts.formats._heads import FirstTokenHead
from adapterstilts.metrics import metrics
from adapterstilts.mini.texts import texts_of
from adapterstilts.model import Runtime
from adapterstilts.tasks import Task
from adapterstilts.train import loop
from adapterstilts.train.command import make_member, train_intermediate
from adapterstilts.train.plan import Given, make_plan

PREFERENCE = formats.get("preference")
PROMPTS = ["What does the man sell?", "Who is in the garden today, and what does she buy there?", "What is found?"]
CHOSEN = ["The man sells a box.", "A lamp.", "A hat is found by the nurse today."]
REJECTED = ["A cup is sold by the doctor in the garden.", "The old woman buys a lamp for Paul.", "A ring."]
NAMES = ("pairs", "swapped")  # the same rows, and those with the two answers in each other's columns


def declared(name: str) -> Task:
    return Task(
        name=name, format="preference", metric="accuracy", repo=f"somebody/{name}", configs={"en": "default"},
        splits={"train": "train", "dev": "validation"},
        columns={"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"},
        roles=("intermediate",), category="preference", licence="none", source="these tests",
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def catalog():
    """The tests' own tasks, as another package's would come."""
    own = {name: SimpleNamespace(load=lambda name=name: declared(name)) for name in NAMES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entry_points", lambda group: own if group == "adapterstilts.tasks" else {})
        yield


@pytest.fixture(scope="module")
def pairs(mirror, tmp_path_factory):
    """A mirror in which the chosen answer is kind: 80 rows, and 40 of which every fifth is the other way."""
    root = tmp_path_factory.mktemp("pairs")
    generator = np.random.default_rng(0)
    texts = [text for text in sorted(set(texts_of(mirror))) if 10 < len(text) < 60]
    for name in NAMES:
        folder = root / "somebody" / name / "default"
        folder.mkdir(parents=True)
    for split, count in (("train", 80), ("validation", 40)):
        asked, good, bad = (generator.choice(texts, count).tolist() for _ in range(3))
        for place in range(count):
            kind = bad if split == "validation" and place % 5 == 0 else good
            kind[place] = f"thanks {kind[place]}"
        table = {"prompt": asked, "chosen": good, "rejected": bad}
        pq.write_table(pa.table(table), root / f"somebody/pairs/default/{split}-0.parquet")
        table |= {"chosen": table["rejected"], "rejected": table["chosen"]}
        pq.write_table(pa.table(table), root / f"somebody/swapped/default/{split}-0.parquet")
    return root


@pytest.fixture(scope="module")
def settings(pairs):
    return {
        "resources.mirror": str(pairs),
        "precision": "fp32",
        "train.batch_size": 16,
        "train.max_steps": 6,
        "train.eval_every": 3,
        "train.learning_rate": 1e-2,
        "data.max_length": 48,
    }


@pytest.fixture(scope="module")
def run(base, settings, tmp_path_factory):
    return train_intermediate("pairs", out=tmp_path_factory.mktemp("runs") / "run", base=str(base), settings=settings)


@pytest.fixture
def model(with_head):
    return with_head("pairs", PREFERENCE, 0)


@pytest.fixture
def member(base, settings, tmp_path):
    """A member without dropout, before its first step."""

    def make(folder="member", **more):
        still = tmp_path / "still"
        if not still.exists():
            shutil.copytree(base, still)
            config = json.loads((still / "config.json").read_text())
            rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
            (still / "config.json").write_text(json.dumps(config | rates))
        plan = make_plan("intermediate", ["pairs"], Given("lora", str(still), None, False, {**settings, **more}), {})
        (tmp_path / folder).mkdir()
        return make_member(plan, tmp_path / folder)

    return make


def rows(**changed):
    """Return three rows; None takes a column away."""
    columns = {"row": [0, 1, 2], "prompt": PROMPTS, "chosen": CHOSEN, "rejected": REJECTED}
    return {name: values for name, values in (columns | changed).items() if values is not None}


def one(prompt: str, chosen: str, rejected: str):
    return {"row": [0], "prompt": [prompt], "chosen": [chosen], "rejected": [rejected]}


def plain(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def split_up(tokenizer, ids: list[int]) -> tuple[list[int], list[int]]:
    """Return the prompt's and the answer's tokens of one text."""
    middle = ids.index(tokenizer.sep_token_id)
    assert ids[0] == tokenizer.cls_token_id
    assert ids[middle + 1] == ids[-1] == tokenizer.sep_token_id
    return ids[1:middle], ids[middle + 2 : -1]


def margins(model, columns, pad_id) -> tuple[list[float], float]:
    batch = PREFERENCE.collate(columns, pad_id)
    with torch.inference_mode():
        logits = model("pairs", batch)
        return PREFERENCE.decode(logits, batch), PREFERENCE.loss_sum(logits, batch).item()


# encoding


def test_each_answer_is_read_behind_its_prompt(tokenizer):
    columns = PREFERENCE.encode(rows(), Encoding(tokenizer, 64))
    for ids, prompt, *answers in zip(columns["input_ids"], PROMPTS, CHOSEN, REJECTED, strict=True):
        assert ids == [tokenizer(prompt, answer)["input_ids"] for answer in answers]
    assert columns["length"] == [2 * max(map(len, ids)) for ids in columns["input_ids"]]
    assert (columns["row"], columns["part"]) == ([0, 1, 2], [0, 0, 0])


def test_without_prompts_an_answer_stands_alone(tokenizer):
    ids = PREFERENCE.encode(rows(prompt=None), Encoding(tokenizer, 64))["input_ids"]
    assert ids == [
        [tokenizer(answer)["input_ids"] for answer in answers] for answers in zip(CHOSEN, REJECTED, strict=True)
    ]
    [[long, short]] = PREFERENCE.encode(
        {"row": [0], "chosen": ["the man " * 30], "rejected": ["a box"]}, Encoding(tokenizer, 16)
    )["input_ids"]
    assert long == tokenizer("the man " * 30, truncation=True, max_length=16)["input_ids"]
    assert short == tokenizer("a box")["input_ids"]


def test_a_long_prompt_keeps_its_end_and_answers_stay_whole(tokenizer):
    prompt = "the woman buys a lamp in the garden " * 10 + "what does the man sell?"
    [texts] = PREFERENCE.encode(one(prompt, "a box", "a cup for Paul"), Encoding(tokenizer, 40))["input_ids"]
    [(before, good), (same, bad)] = [split_up(tokenizer, ids) for ids in texts]
    assert (good, bad) == (plain(tokenizer, "a box"), plain(tokenizer, "a cup for Paul"))
    assert before == same == plain(tokenizer, prompt)[-len(before) :]
    assert max(map(len, texts)) == 40


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_a_long_answer_keeps_its_beginning_and_the_prompt_its_end_half_each(tokenizer, side):
    prompt, answer = "the woman buys a lamp " * 10 + "what is sold?", "the man sells " * 30
    pair = one(prompt, answer, "a cup") if side == "chosen" else one(prompt, "a cup", answer)
    [texts] = PREFERENCE.encode(pair, Encoding(tokenizer, 40))["input_ids"]
    [(before, good), (same, bad)] = [split_up(tokenizer, ids) for ids in texts]
    good, bad = (good, bad) if side == "chosen" else (bad, good)
    assert before == same == plain(tokenizer, prompt)[-18:]
    assert good == plain(tokenizer, answer)[:18]
    assert bad == plain(tokenizer, "a cup")


def test_what_a_short_prompt_leaves_an_answer_takes(tokenizer):
    for prompt in ("what is sold?", ""):
        [texts] = PREFERENCE.encode(one(prompt, "a cup", "the man sells " * 30), Encoding(tokenizer, 40))["input_ids"]
        before, answer = split_up(tokenizer, texts[1])
        assert before == plain(tokenizer, prompt)
        assert answer == plain(tokenizer, "the man sells " * 30)[: 36 - len(before)]


def test_segments_are_told_apart_for_a_tokenizer_that_does(tokenizer):
    class Bert:
        model_input_names = ("input_ids", "token_type_ids", "attention_mask")
        cls_token_id, sep_token_id = 0, 2

        def num_special_tokens_to_add(self, pair):
            return 3 if pair else 2

        def __call__(self, texts, **settings):
            return tokenizer(texts, **settings)

    examples = PREFERENCE.encode(rows(), Encoding(Bert(), 64))
    for ids, segments, prompt, *answers in zip(
        examples["input_ids"], examples["token_type_ids"], PROMPTS, CHOSEN, REJECTED, strict=True
    ):
        for text, marks, answer in zip(ids, segments, answers, strict=True):
            first, second = plain(tokenizer, prompt), plain(tokenizer, answer)
            assert text == [0, *first, 2, *second, 2]
            assert marks == [0] * (len(first) + 2) + [1] * (len(second) + 1)
    alone = PREFERENCE.encode(rows(prompt=None), Encoding(Bert(), 64))
    assert not any(mark for texts in alone["token_type_ids"] for marks in texts for mark in marks)
    assert set(PREFERENCE.features(Bert())) == set(examples)
    batch = PREFERENCE.collate(examples, 1)
    assert batch["token_type_ids"].shape == batch["input_ids"].shape == (6, max(examples["length"]) // 2)
    assert "token_type_ids" not in PREFERENCE.encode(rows(), Encoding(tokenizer, 64))


def test_pairs_come_out_of_the_cache_as_they_were_encoded(pairs, tokenizer):
    some = load_rows(declared("pairs"), "en", "dev", str(pairs)).pick(8, None)
    encoded = encode_rows(some, Encoding(tokenizer, 32))
    there = encoded.take(np.arange(8))
    columns = {name: [row[name] for row in some.each()] for name in ("prompt", "chosen", "rejected")}
    assert there == PREFERENCE.encode({**columns, "row": list(range(8))}, Encoding(tokenizer, 32))
    assert encoded.lengths.tolist() == there["length"]


# the head and the loss


def test_the_loss_is_that_of_bradley_and_terry_over_transformers_scores(base, model, tokenizer):
    """Every text alone, unpadded, through XLM-R with one label; the loss written down as in the papers."""
    theirs = XLMRobertaForSequenceClassification(AutoConfig.from_pretrained(base, num_labels=1)).eval()
    theirs.roberta.load_state_dict(model.encoder.state_dict())
    theirs.classifier.load_state_dict(model.heads["pairs"].state_dict())

    def score(prompt: str, answer: str) -> torch.Tensor:
        return theirs(**tokenizer(prompt, answer, return_tensors="pt")).logits[0, 0]

    columns = PREFERENCE.encode(rows(), Encoding(tokenizer, 64))
    with torch.inference_mode():
        differences = torch.stack(
            [
                score(prompt, good) - score(prompt, bad)
                for prompt, good, bad in zip(PROMPTS, CHOSEN, REJECTED, strict=True)
            ]
        )
        expected = -torch.log(1 / (1 + torch.exp(-differences))).sum().item()
    ours, loss = margins(model, columns, tokenizer.pad_token_id)
    assert differences.abs().min() > 1e-3
    assert ours == pytest.approx(differences.tolist(), abs=1e-5)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert PREFERENCE.targets(columns) == 3


def test_the_loss_has_the_papers_gradient_and_stays_finite():
    scores = torch.tensor([[0.5], [2.0], [90.0], [-90.0], [-90.0], [90.0]], requires_grad=True)
    loss = PREFERENCE.loss_sum(scores, {})
    loss.backward()
    wrong = 1 / (1 + torch.exp(torch.tensor([-1.5, 180.0, -180.0])))  # how likely the opposite preference is
    assert loss.item() == pytest.approx(torch.log(1 + torch.exp(torch.tensor(1.5))).item() + 180, rel=1e-6)
    torch.testing.assert_close(scores.grad.view(-1, 2), torch.stack([-wrong, wrong], 1))


def test_scores_are_fp32_where_the_encoder_is_bf16():
    torch.manual_seed(0)
    head = PREFERENCE.head(HeadShape(64, 0, 0.1, 0.02)).eval()
    like = FirstTokenHead(HeadShape(64, 1, 0.1, 0.02)).eval()
    like.load_state_dict(head.state_dict())
    states = torch.randn(1000, 3, 64)
    with torch.inference_mode():
        expected = like(states)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = head(states)
            rounded = like(states)
            assert head(states.bfloat16()).dtype == torch.float32
    assert scores.dtype == torch.float32
    assert torch.equal(scores, expected)
    assert len(rounded.unique()) < 900 < len(scores.unique())  # equal scores are ties


def test_neither_padding_nor_company_changes_a_margin(model, tokenizer):
    columns = PREFERENCE.encode(rows(), Encoding(tokenizer, 64))
    together, loss = margins(model, columns, tokenizer.pad_token_id)
    alone = [
        margins(model, {name: values[index : index + 1] for name, values in columns.items()}, tokenizer.pad_token_id)
        for index in range(3)
    ]
    assert together == pytest.approx([margin for [margin], _ in alone], abs=1e-5)
    assert loss == pytest.approx(sum(part for _, part in alone), abs=1e-5)


# what is predicted


def test_swapped_answers_have_opposite_margins(model, tokenizer):
    straight, _ = margins(model, PREFERENCE.encode(rows(), Encoding(tokenizer, 64)), tokenizer.pad_token_id)
    swapped = rows(chosen=REJECTED, rejected=CHOSEN)
    other, _ = margins(model, PREFERENCE.encode(swapped, Encoding(tokenizer, 64)), tokenizer.pad_token_id)
    assert min(map(abs, straight)) > 1e-3
    assert other == pytest.approx([-margin for margin in straight], abs=1e-6)


def test_a_prediction_is_a_side_and_its_probability():
    for margin, side, probability in [(1.0, "chosen", 0.731059), (-1.0, "rejected", 0.731059), (1e4, "chosen", 1.0),
                                      (-1e4, "rejected", 1.0), (1e-9, "chosen", 0.5)]:  # fmt: skip
        value, score = PREFERENCE.assemble([margin], {}, Meaning([]))
        assert (value, score) == (side, pytest.approx(probability))


def test_a_tie_counts_as_wrong_whichever_way_the_answers_stand():
    logits = torch.full((42, 1), 3.0)
    found = [PREFERENCE.assemble([margin], {}, Meaning([])) for margin in PREFERENCE.decode(logits, {})]
    assert {(one.value, one.score) for one in found} == {("rejected", 0.5)}
    gold = [PREFERENCE.gold({}, [])] * 21
    assert metrics.get("accuracy").score(gold, [one.value for one in found]) == {"accuracy": 0.0}


# training


def test_a_step_in_many_passes_has_the_loss_and_gradient_of_one_pass(member):
    def step(tokens, folder):
        made = member(folder)
        task, indices = made.next_examples()
        loss = loop._backward(made, task, indices, Runtime(torch.device("cpu"), "fp32", tokens))
        return loss.item(), {key: p.grad.clone() for key, p in made.parameters.items() if p.grad is not None}

    (loss, whole), (same, split) = step(10**6, "one"), step(64, "many")
    lengths = member("counted").train["pairs"].lengths
    assert len(loop.passes(lengths[:16], 64, 64)) >= 8
    assert same == pytest.approx(loss, rel=1e-5)
    assert whole.keys() == split.keys()
    for key, gradient in whole.items():
        torch.testing.assert_close(split[key], gradient, rtol=1e-4, atol=1e-6, msg=key)


def test_two_steps_lower_the_loss(member):
    made, runtime = (
        member(**{"train.warmup_ratio": 0.0, "train.batch_size": 80}),
        Runtime(torch.device("cpu"), "fp32", 10**6),
    )
    losses = [loop.optimiser_step(made, runtime).loss for _ in range(3)]  # each before its step, on the same rows
    assert losses[0] == pytest.approx(np.log(2), abs=0.02)  # of scores that do not differ yet
    assert losses[2] < losses[1] < losses[0]


def test_swapping_the_answers_turns_every_prediction_over(run, settings, pairs):
    """The whole way, by the saved head: as accurate as it was, it is now inaccurate."""
    where = {"resources.mirror": str(pairs)}
    [straight] = evaluate(run, "pairs", split="dev", settings=where)
    [swapped] = evaluate(run, "swapped", split="dev", head="pairs", settings=where)
    tables = [pq.read_table(found.path / "predictions/en.parquet") for found in (straight, swapped)]
    accuracy, other = (found.metrics["languages"]["en"]["accuracy"] for found in (straight, swapped))
    assert 60 < accuracy < 100
    assert other == pytest.approx(100 - accuracy)
    assert all(set(table["gold"].to_pylist()) == {"chosen"} for table in tables)
    turned = {"chosen": "rejected", "rejected": "chosen"}
    assert tables[1]["prediction"].to_pylist() == [turned[side] for side in tables[0]["prediction"].to_pylist()]
    assert tables[1]["score"].to_pylist() == pytest.approx(tables[0]["score"].to_pylist(), abs=1e-5)
    assert min(tables[0]["score"].to_pylist()) >= 0.5


def test_a_reloaded_run_scores_as_its_training_did(run, pairs):
    best = max(
        entry["dev"]["pairs"]
        for entry in map(json.loads, (run.path / "log.jsonl").read_text().splitlines())
        if "dev" in entry
    )
    [found] = evaluate(run, "pairs", split="dev", settings={"resources.mirror": str(pairs)})
    assert found.metrics["average"]["accuracy"] == pytest.approx(best)
    saved = load_file(run.path / "heads/pairs.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in saved.items()}
    assert shapes == {
        "dense.weight": (64, 64), "dense.bias": (64,), "out_proj.weight": (1, 64), "out_proj.bias": (1,),
    }  # fmt: skip
    assert json.loads((run.path / "heads/pairs.json").read_text())["labels"] == []
