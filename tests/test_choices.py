"""Multiple choice and retrieval: transformers' numbers, nothing that padding changes, the right choice's own text."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoConfig, AutoTokenizer, XLMRobertaForMultipleChoice

from adapterstilts.data.cache import encode_rows
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.formats import Encoding, Meaning, formats
from adapterstilts.tasks import tasks

CHOICE = formats.get("multiple_choice")
RETRIEVAL = formats.get("retrieval")
CONTEXTS = [
    "The man sells a box.",
    "In the garden, the old woman buys a lamp for Paul today.",
    "The nurse finds a hat.",
]
CHOICES = [
    ["A box is sold.", "A cup is sold by the doctor in the garden.", "A box."],
    ["A lamp is bought.", "A lamp is sold.", "Paul buys a lamp in the kitchen."],
    ["A hat is lost.", "A hat is found by the nurse today.", "A ring is found."],
]


@pytest.fixture
def model(with_head):
    return with_head("choice", CHOICE, 3)


@pytest.fixture(scope="module")
def real_tokenizer(real_data):
    return AutoTokenizer.from_pretrained(real_data / "xlmr-tokenizer")


def rows(**changed):
    """Return three rows of three choices each; None takes a column away."""
    columns = {"row": [0, 1, 2], "context": CONTEXTS, "choices": CHOICES, "label": [0, 0, 1]}
    return {name: values for name, values in (columns | changed).items() if values is not None}


def part(columns, *indices):
    return {name: [values[index] for index in indices] for name, values in columns.items()}


def decided(model, examples, pad_id) -> tuple[list[tuple[int, float]], float]:
    batch = CHOICE.collate(examples, pad_id)
    with torch.inference_mode():
        logits = model("choice", batch)
        return CHOICE.decode(logits, batch), CHOICE.loss_sum(logits, batch).item()


# encoding


def test_each_choice_is_read_with_its_context(tokenizer):
    columns = CHOICE.encode(rows(), Encoding(tokenizer, 64))
    for ids, context, choices in zip(columns["input_ids"], CONTEXTS, CHOICES, strict=True):
        assert ids == [tokenizer(context, choice)["input_ids"] for choice in choices]
    assert columns["length"] == [3 * max(map(len, ids)) for ids in columns["input_ids"]]
    assert len({len(ids) for ids in columns["input_ids"][0]}) > 1
    assert (columns["row"], columns["part"], columns["label"]) == ([0, 1, 2], [0, 0, 0], [0, 0, 1])


def test_a_question_comes_before_the_choice(tokenizer):
    asked = rows(question=["What is sold?", "What is bought?", "What is found?"])
    ids = CHOICE.encode(asked, Encoding(tokenizer, 64))["input_ids"][1][2]
    assert ids == tokenizer(CONTEXTS[1], "What is bought? Paul buys a lamp in the kitchen.")["input_ids"]


def test_choices_in_columns_of_their_own_are_those_in_a_list(tokenizer):
    columns = {f"choice_{place}": [choices[place] for choices in CHOICES] for place in range(3)}
    encoding = Encoding(tokenizer, 64)
    assert CHOICE.encode(rows(choices=None, **columns), encoding) == CHOICE.encode(rows(), encoding)


@pytest.mark.parametrize("longer", ["context", "choice"])
def test_a_long_pair_loses_the_end_of_its_longer_text(tokenizer, longer):
    texts = ["the man " * 30, "a box"] if longer == "context" else ["a box", "the man " * 30]
    one = rows(row=[0], context=[texts[0]], choices=[[texts[1], "a"]], label=[0])
    ids = CHOICE.encode(one, Encoding(tokenizer, 16))["input_ids"][0][0]
    short = tokenizer("a box", add_special_tokens=False)["input_ids"]
    assert len(ids) == 16
    assert ids == tokenizer(*texts, truncation=True, max_length=16)["input_ids"]
    assert (ids[-1 - len(short) : -1] if longer == "context" else ids[1 : 1 + len(short)]) == short


def test_rows_with_different_numbers_of_choices_are_refused(tokenizer):
    odd = [*CHOICES[:2], CHOICES[2][:2]]
    with pytest.raises(UserError, match="a row has 2 choices, another has 3"):
        CHOICE.encode(rows(choices=odd), Encoding(tokenizer, 64))
    with pytest.raises(UserError, match="a row has 2 choices, another has 1"):
        CHOICE.collate({"input_ids": [[[0, 2]], [[0, 2], [0, 2]]], "label": [0, 1]}, 1)


def test_a_label_beyond_the_choices_is_refused(tokenizer):
    with pytest.raises(UserError, match="choice 3 .* but the row has 3 choices"):
        CHOICE.encode(rows(label=[0, 1, 3]), Encoding(tokenizer, 64))


def test_segment_ids_are_kept_for_a_tokenizer_that_has_them(tokenizer):
    class WithSegments:
        model_input_names = ("input_ids", "token_type_ids", "attention_mask")

        def __call__(self, *texts, **settings):
            ids = tokenizer(*texts, **settings)["input_ids"]
            return {"input_ids": ids, "token_type_ids": [[0, *[1] * (len(one) - 1)] for one in ids]}

    for format, columns, depth in (
        (CHOICE, rows(), 2),
        (RETRIEVAL, {"row": [0, 1], "query": ["a", "the man"], "document": ["b", "c"]}, 1),
    ):
        examples = format.encode(columns, Encoding(WithSegments(), 64))
        assert set(format.features(WithSegments())) == set(examples)
        assert str(format.features(WithSegments())["token_type_ids"]).count("list") == depth
        batch = format.collate(examples, 1)
        assert batch["token_type_ids"].shape == batch["input_ids"].shape
        assert batch["token_type_ids"][0, :2].tolist() == [0, 1]
    assert "token_type_ids" not in CHOICE.features(tokenizer)


# the head


def test_choices_are_scored_as_transformers_scores_them(base, model, tokenizer):
    theirs = XLMRobertaForMultipleChoice(AutoConfig.from_pretrained(base)).eval()
    head = model.heads["choice"].state_dict()
    pooler = {name: tensor for name, tensor in head.items() if name.startswith("pooler.")}
    theirs.roberta.load_state_dict({**model.encoder.state_dict(), **pooler})
    theirs.load_state_dict({name: tensor for name, tensor in head.items() if name not in pooler}, strict=False)
    batch = CHOICE.collate(CHOICE.encode(rows(), Encoding(tokenizer, 64)), tokenizer.pad_token_id)
    shaped = {name: batch[name].view(3, 3, -1) for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        ours = model("choice", batch)
        expected = theirs(**shaped, labels=batch["labels"])
    assert set(head) == {"pooler.dense.weight", "pooler.dense.bias", "classifier.weight", "classifier.bias"}
    assert ours.shape == (9, 1)
    assert torch.allclose(ours.view(3, 3), expected.logits, atol=1e-5)
    assert expected.logits.std(1).min() > 0.01
    assert CHOICE.loss_sum(ours, batch).item() == pytest.approx(3 * expected.loss.item(), rel=1e-5)


def test_the_pooler_is_trained_with_the_head(model, tokenizer):
    head = model.heads["choice"]
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    batch = CHOICE.collate(CHOICE.encode(rows(), Encoding(tokenizer, 64)), tokenizer.pad_token_id)
    CHOICE.loss_sum(model("choice", batch), batch).backward()
    assert head.pooler.dense.weight.grad.abs().max() > 0
    torch.optim.SGD(head.parameters(), lr=0.1).step()
    changed = {name for name, tensor in head.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed >= {"pooler.dense.weight", "pooler.dense.bias", "classifier.weight"}


def test_neither_padding_nor_company_changes_a_decision_or_a_loss(model, tokenizer):
    columns = CHOICE.encode(rows(), Encoding(tokenizer, 64))
    together, loss = decided(model, columns, tokenizer.pad_token_id)
    alone = [decided(model, part(columns, index), tokenizer.pad_token_id) for index in range(3)]
    backwards, _ = decided(model, part(columns, 2, 1, 0), tokenizer.pad_token_id)
    for index, ([(choice, score)], _) in enumerate(alone):
        assert together[index][0] == backwards[2 - index][0] == choice
        assert together[index][1] == pytest.approx(score, abs=1e-6)
    assert loss == pytest.approx(sum(part_loss for _, part_loss in alone), abs=1e-5)
    assert CHOICE.targets(columns) == 3


def test_a_decision_is_the_likeliest_choice_of_its_own_row():
    logits = torch.tensor([[0.0], [2.0], [9.0], [1.0]])
    batch = {"labels": torch.tensor([1, 1])}
    (first, probability), (second, _) = CHOICE.decode(logits, batch)
    assert (first, second) == (1, 0)
    assert probability == pytest.approx(torch.tensor([0.0, 2.0]).softmax(0)[1].item())


def test_a_choice_is_told_by_its_tasks_name():
    row = {"context": "a", "choice_0": "b", "choice_1": "c", "label": 1}
    assert CHOICE.assemble([(1, 0.75)], row, Meaning(["no", "yes"])) == ("yes", 0.75)
    assert CHOICE.gold(row, ["no", "yes"]) == "yes"
    with pytest.raises(UserError, match="a row has 2 choices, and its task has labels for 3"):
        CHOICE.assemble([(1, 0.75)], row, Meaning(["a", "b", "c"]))


# retrieval


def test_a_query_and_its_document_are_two_examples_of_one_row(tokenizer):
    columns = {
        "row": [4, 5],
        "query": [" the man\n", "a box in the garden"],
        "document": ["der Mann \n", "\neine Kiste"],
    }
    encoded = RETRIEVAL.encode(columns, Encoding(tokenizer, 64))
    texts = ["the man", "der Mann", "a box in the garden", "eine Kiste"]
    assert encoded["input_ids"] == [tokenizer(text)["input_ids"] for text in texts]
    assert encoded["row"] == [4, 4, 5, 5]
    assert encoded["part"] == [0, 1, 0, 1]
    assert encoded["length"] == [len(ids) for ids in encoded["input_ids"]]
    batch = RETRIEVAL.collate(encoded, tokenizer.pad_token_id)
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["attention_mask"].sum(1).tolist() == encoded["length"]


def test_blanks_and_newlines_at_the_ends_never_reach_the_tokenizer(tokenizer):
    class Listening:  # most tokenizers leave them out themselves
        def __call__(self, texts, **settings):
            self.heard = texts
            return tokenizer(texts, **settings)

    listening = Listening()
    RETRIEVAL.encode({"row": [0], "query": [" the  man\n"], "document": ["\t\u3000Mann \n"]}, Encoding(listening, 64))
    assert listening.heard == ["the  man", "Mann"]


def test_a_long_sentence_loses_its_end(tokenizer):
    columns = {"row": [0], "query": ["the man " * 30], "document": ["a"]}
    ids = RETRIEVAL.encode(columns, Encoding(tokenizer, 16))["input_ids"][0]
    assert len(ids) == 16
    assert ids == tokenizer("the man " * 30, truncation=True, max_length=16)["input_ids"]


# through the cache


@pytest.mark.parametrize("name", ["hellaswag", "cosmos_qa", "commonsense_qa", "xcopa", "tatoeba"])
def test_generated_rows_come_out_of_the_cache_as_they_were_encoded(mirror, tokenizer, name):
    task = tasks.get(name)
    format, language = formats.get(task.format), {"xcopa": "sw", "tatoeba": "de"}.get(name, "en")
    some = load_rows(task, language, "test" if "test" in task.splits else "dev", str(mirror)).pick(8, None)
    encoded = encode_rows(some, Encoding(tokenizer, 64))
    there = encoded.take(torch.arange(len(encoded)).numpy())
    read = list(some.each())
    columns = {field: [row[field] for row in read] for field in read[0]}
    assert there == format.encode({**columns, "row": list(range(8))}, Encoding(tokenizer, 64))
    assert encoded.lengths.tolist() == there["length"]


# real rows


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "language", "number", "asked"),
    [("hellaswag", "en", 4, ""), ("cosmos_qa", "en", 4, "Why did"), ("commonsense_qa", "en", 5, ""),
     ("xcopa", "it", 2, "What was the reason for this? ")],
)  # fmt: skip
def test_real_rows_are_encoded_choice_by_choice(real_data, real_tokenizer, name, language, number, asked):
    some = load_rows(tasks.get(name), language, "dev", str(real_data / "hub")).pick(100, None)
    encoded = encode_rows(some, Encoding(real_tokenizer, 256))
    examples = encoded.take(torch.arange(len(encoded)).numpy())
    assert len(encoded) == 100
    assert {len(ids) for ids in examples["input_ids"]} == {number}
    assert set(examples["label"]) == set(range(number))
    read = [
        real_tokenizer.decode(ids[label]) for ids, label in zip(examples["input_ids"], examples["label"], strict=True)
    ]
    assert any(f"</s></s> {asked}".strip() in text for text in read)
    for text, row in zip(read, some.each(), strict=True):
        right = choices_of(row)[row["label"]]
        assert "".join(right.split())[-12:] in "".join(text.split())
        assert "".join(row["context"].split())[:20] in "".join(text.split())


def choices_of(row: Mapping[str, object]) -> list[str]:
    return row.get("choices") or [row[f"choice_{place}"] for place in range(4) if f"choice_{place}" in row]


def real_column(real_data, repo, config, name):
    [file] = (real_data / "hub" / repo).glob(f"{config}/{name}-*")
    return pq.read_table(file).to_pylist()


@pytest.mark.real
@pytest.mark.parametrize("split", ["train", "dev"])
def test_labels_point_at_the_right_choice_of_every_real_row(real_data, split):
    mirror, hub_split = str(real_data / "hub"), {"train": "train", "dev": "validation"}[split]
    commonsense = list(load_rows(tasks.get("commonsense_qa"), "en", split, mirror).each())
    there = real_column(real_data, "tau/commonsense_qa", "data", hub_split)
    for row, raw in zip(commonsense, there, strict=True):
        assert raw["choices"]["label"][row["label"]] == raw["answerKey"]
        assert row["choices"] == raw["choices"]["text"]
    hellaswag = list(load_rows(tasks.get("hellaswag"), "en", split, mirror).each())
    for row, raw in zip(hellaswag, real_column(real_data, "Rowan/hellaswag", "data", hub_split), strict=True):
        assert row["choices"][row["label"]] == raw["endings"][int(raw["label"])]
    cosmos = list(load_rows(tasks.get("cosmos_qa"), "en", split, mirror).each())
    for row, raw in zip(cosmos, real_column(real_data, "Samsoup/cosmos_qa", "data", hub_split), strict=True):
        assert choices_of(row)[row["label"]] == raw[f"answer{raw['label']}"]


@pytest.mark.real
@pytest.mark.parametrize("language", tasks.get("xcopa").languages)
def test_labels_point_at_the_right_sentence_of_every_xcopa_row(real_data, language):
    words = tasks.get("xcopa").wording["question"]
    for split, hub_split in (("dev", "validation"), ("test", "test")):
        there = real_column(real_data, "cambridgeltl/xcopa", language, hub_split)
        loaded = load_rows(tasks.get("xcopa"), language, split, str(real_data / "hub"))
        assert len(loaded) == loaded.declared
        for row, raw in zip(loaded.each(), there, strict=True):
            assert choices_of(row)[row["label"]] == raw[f"choice{raw['label'] + 1}"]
            assert row["question"] == words[raw["question"]]
            assert ("reason" in row["question"]) == (raw["question"] == "cause")


@pytest.mark.real
def test_a_long_real_pair_keeps_something_of_both_texts(real_data, real_tokenizer):
    some = load_rows(tasks.get("cosmos_qa"), "en", "dev", str(real_data / "hub"))
    encoded = encode_rows(some, Encoding(real_tokenizer, 64))
    separator, cut = real_tokenizer.sep_token_id, 0
    for choices in encoded.take(torch.arange(len(encoded)).numpy())["input_ids"]:
        for ids in choices:
            middle = ids.index(separator)
            assert len(ids) <= 64
            assert middle >= 20
            assert len(ids) - middle - 3 >= 4
            cut += len(ids) == 64
    assert cut > 500


@pytest.mark.real
def test_every_tatoeba_language_at_hand_has_as_many_rows_as_declared(real_data, real_tokenizer):
    task, mirror = tasks.get("tatoeba"), real_data / "hub"
    at_hand = [language for language in task.languages if (mirror / task.repo / task.configs[language]).is_dir()]
    counts = {}
    for language in at_hand:
        loaded = load_rows(task, language, "test", str(mirror))
        counts[language] = len(loaded)
        assert loaded.declared == len(loaded)
        encoded = encode_rows(loaded.pick(50, None), Encoding(real_tokenizer, 512))
        examples = encoded.take(torch.arange(len(encoded)).numpy())
        assert examples["part"] == [0, 1] * 50
        assert not any(text.endswith((" ", "\n")) for text in real_tokenizer.batch_decode(examples["input_ids"]))
        english = next(iter(loaded.each()))
        assert english["query"].endswith("\n")
        assert real_tokenizer(english["query"].strip())["input_ids"] == examples["input_ids"][0]
    assert counts == dict.fromkeys(at_hand, 1000) | {"sw": 390, "th": 548}
    assert len(at_hand) == 10
