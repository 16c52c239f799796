"""Extractive question answering: no token lost, answers found by characters, padding that changes nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForQuestionAnswering

from adapterstilts.data.source import load_languages, load_rows
from adapterstilts.formats import Encoding, HeadShape, Meaning, formats
from adapterstilts.formats.span import MOST_ANSWER_TOKENS, N_BEST, _place, answer_start
from adapterstilts.tasks import tasks

SPAN = formats.get("span")
SQUAD, SQUAD2 = Meaning(()), Meaning((), no_answer=True)
CONTEXT = " ".join(f"w{number}" for number in range(100))


def word_tokenizer(pre_tokenizer, inputs=("input_ids", "attention_mask")) -> PreTrainedTokenizerFast:
    """Every piece of the pre-tokenizer is one token, laid out like BERT's pairs."""
    special = {"[CLS]": 0, "[SEP]": 1, "[PAD]": 2, "[UNK]": 3}
    tokenizer = Tokenizer(models.WordLevel(special, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=list(inputs), **names)


@pytest.fixture(scope="module")
def tokenizer():
    return word_tokenizer(pre_tokenizers.WhitespaceSplit())


def one_row(question="what is it", context=CONTEXT, texts=(), starts=()) -> dict[str, list]:
    fields = {"question": question, "context": context, "answer_texts": list(texts), "answer_starts": list(starts)}
    return {"row": [7], **{name: [value] for name, value in fields.items()}}


def asking(text: str, context: str = CONTEXT, question: str = "what is it") -> dict[str, list]:
    return one_row(question, context, [text], [context.index(text)])


def together(*rows: dict[str, list]) -> dict[str, list]:
    joined = {name: [value for row in rows for value in row[name]] for name in rows[0]}
    return {**joined, "row": list(range(len(rows)))}


def context_spans(offsets: list[int]) -> list[tuple[int, int]]:
    return [span for span in zip(offsets[::2], offsets[1::2], strict=True) if span != (-1, -1)]


def pieces(columns: dict[str, list], contexts: list[str]) -> dict[int, set[str]]:
    """The text between the gold positions, for every row with any, over all its windows."""
    found: dict[int, set[str]] = {}
    for row, start, end, offsets in zip(*(columns[n] for n in ("row", "start", "end", "offsets")), strict=True):
        if (start, end) != (0, 0):
            found.setdefault(row, set()).add(contexts[row][offsets[2 * start] : offsets[2 * end + 1]])
    return found


def logits_at(columns: dict[str, list], sure: float = 9.0) -> torch.Tensor:
    """Logits of a model that knows the gold positions."""
    logits = torch.zeros(len(columns["start"]), max(columns["length"]), 2)
    for window, places in enumerate(zip(columns["start"], columns["end"], strict=True)):
        for side, place in enumerate(places):
            logits[window, place, side] = sure
    return logits


@pytest.mark.parametrize(
    ("context", "texts", "starts", "expected"),
    [
        ("a cat, a dog", [], [], -1),
        ("a cat, a dog", ["cat"], [2], 2),
        ("a cat, a dog", ["cat", "dog"], [2, 9], 2),
        ("a cat, a cat, a cat", ["cat"], [9], 9),
        ("a cat, a cat, a cat", ["cat"], [10], 9),
        ("a cat, a cat, a cat", ["cat"], [14], 16),
        ("cat    cat", ["cat"], [99], 7),
        ("aaaa", ["aa"], [1], 1),
        ("cat a", ["cat"], [-1], 0),
        ("cat ... cat", ["cat"], [4], 0),
        ("a cat", ["Cat"], [2], None),
        ("a cat", [""], [0], None),
        ("", ["cat"], [0], None),
    ],
)
def test_an_answer_stands_where_its_text_is_nearest_to_the_given_place(context, texts, starts, expected):
    assert answer_start(context, texts, starts) == expected


@pytest.mark.parametrize(
    ("max_length", "stride", "step"),
    [(40, 10, 10), (40, 33, 33), (40, 34, 34), (40, 35, 34), (40, 1000, 34), (64, 1, 1), (200, 128, None), (8, 2, 2)],
)
def test_windows_begin_every_stride_tokens_and_lose_none(tokenizer, max_length, stride, step):
    """The question and three marks take six tokens, so 34 of 40 are left; a longer stride makes windows touch."""
    columns = SPAN.encode(one_row(), Encoding(tokenizer, max_length, doc_stride=stride))
    words = tokenizer(CONTEXT, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    windows = [context_spans(offsets) for offsets in columns["offsets"]]
    assert set(itertools.chain(*windows)) == set(words)
    assert [words.index(window[0]) for window in windows] == [part * (step or 0) for part in range(len(windows))]
    assert all(window == words[words.index(window[0]) :][: len(window)] for window in windows)
    assert len(windows) > 1 or step is None
    assert (set(columns["row"]), columns["part"]) == ({7}, list(range(len(windows))))
    assert columns["length"] == [len(ids) for ids in columns["input_ids"]]
    assert max(columns["length"]) <= max_length


def test_a_question_keeps_its_first_tokens(tokenizer):
    question = "  " + "why " * 50
    columns = SPAN.encode(one_row(question), Encoding(tokenizer, 60, doc_stride=20, max_query_length=12))
    assert columns["offsets"][0].index(0) // 2 == 14  # [CLS], 12 tokens, [SEP]
    cramped = SPAN.encode(one_row(question), Encoding(tokenizer, 21, doc_stride=128, max_query_length=64))
    assert {len(context_spans(offsets)) for offsets in cramped["offsets"][:-1]} == {9}  # half of 21 less three marks
    assert len(set(itertools.chain(*map(context_spans, cramped["offsets"])))) == 100
    uncut = SPAN.encode(one_row("a b c d"), Encoding(tokenizer, 200, max_query_length=4))
    assert uncut["offsets"][0].index(0) // 2 == 6


def test_rows_of_a_batch_come_back_in_order_whatever_their_questions(tokenizer):
    questions = ["why", "why is it so", "", "why", " ".join(["why"] * 90), "why is it"]
    rows = [asking(f"w{15 * number}", question=question) for number, question in enumerate(questions)]
    encoding = Encoding(tokenizer, 40, doc_stride=15, max_query_length=20)
    columns = SPAN.encode(together(*rows), encoding)
    alone = [SPAN.encode(row, encoding) for row in rows]
    for name in set(columns) - {"row"}:
        assert columns[name] == list(itertools.chain(*(each[name] for each in alone))), name
    assert columns["row"] == [row for row, each in enumerate(alone) for _ in each["row"]]
    found = pieces(columns, [CONTEXT] * 6)
    assert found == {number: {f"w{15 * number}"} for number in range(6)}


@pytest.mark.parametrize(("text", "holding"), [("w70 w71 w72", {2, 3}), ("w38 w39 w40 w41", {1})])
def test_an_answer_is_marked_in_the_windows_that_hold_it_whole_and_found(tokenizer, text, holding):
    rows = asking(text)
    columns = SPAN.encode(rows, Encoding(tokenizer, 46, doc_stride=20))  # 40 words from w0, w20, w40, w60
    assert {part for part, start in zip(columns["part"], columns["start"], strict=True) if start} == holding
    assert {part for part, end in zip(columns["part"], columns["end"], strict=True) if end} == holding
    parts = SPAN.decode(logits_at(columns), SPAN.collate(columns, tokenizer.pad_token_id))
    assert SPAN.assemble(parts, {"context": CONTEXT}, SQUAD) == (text, pytest.approx(1, abs=0.1))


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("text", ["w0", "w99", "w50", "w98 w99", CONTEXT])
def test_an_answer_at_an_end_of_the_context_or_beside_its_place_is_found(tokenizer, text, shift):
    rows = one_row(texts=[text], starts=[CONTEXT.index(text) + shift])
    assert pieces(SPAN.encode(rows, Encoding(tokenizer, 384)) | {"row": [0]}, [CONTEXT]) == {0: {text}}


@pytest.mark.parametrize(("texts", "starts"), [([], []), (["absent"], [3]), ([""], [0])])
def test_where_there_is_no_answer_the_first_token_is_both(tokenizer, texts, starts):
    columns = SPAN.encode(one_row(texts=texts, starts=starts), Encoding(tokenizer, 40, doc_stride=16))
    assert set(columns["start"]) == set(columns["end"]) == {0}


@pytest.mark.parametrize(
    ("gold", "offsets", "expected"),
    [
        ((4, 6), [(-1, -1), (0, 3), (4, 6), (6, 9)], (2, 2)),
        ((5, 6), [(-1, -1), (0, 3), (3, 9)], (2, 2)),  # inside a token
        ((1, 2), [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)], (1, 3)),  # one character read as three tokens
        ((4, 6), [(0, 3), (4, 5), (4, 6), (6, 7)], (1, 2)),  # a lone mark of a word's beginning
        ((4, 6), [(0, 3), (3, 4), (4, 4), (4, 6), (6, 6)], (3, 3)),  # tokens of a blank and of nothing
        ((5, 8), [(0, 3), (3, 6), (5, 8)], (2, 2)),  # of two tokens over its beginning the one that adds less
        ((4, 6), [(0, 4), (4, 6), (5, 8)], (1, 1)),  # and so of two over its end
        ((5, 6), [(3, 6), (5, 8)], (1, 1)),
        ((3, 8), [(0, 3), (4, 6), (6, 7), (9, 10)], (1, 2)),  # characters that no token covers
        ((2, 8), [(-1, -1), (4, 6), (6, 9)], (0, 0)),  # begins before the window
        ((4, 6), [(-1, -1), (4, 4), (5, 6)], (0, 0)),  # so too: a token of nothing holds nothing
        ((4, 12), [(-1, -1), (4, 6), (6, 9)], (0, 0)),  # ends after it
        ((3, 4), [(0, 3), (4, 6)], (0, 0)),  # nothing there
        ((3, 4), [(-1, -1), (-1, -1)], (0, 0)),  # no context at all
    ],
)
def test_an_answer_is_placed_by_its_characters(gold, offsets, expected):
    assert _place(gold, np.array(offsets, dtype=np.int32)) == expected


def test_tokens_that_take_the_blank_before_them_give_the_answer_without_it():
    spaced = word_tokenizer(pre_tokenizers.Metaspace(prepend_scheme="never"))
    rows = asking("w3 w4", context="w1 w2 w3 w4 w5")
    columns = SPAN.encode(rows, Encoding(spaced, 64))
    assert pieces(columns | {"row": [0]}, rows["context"]) == {0: {" w3 w4"}}
    assert SPAN.encode(rows | {"question": ["  what is it"]}, Encoding(spaced, 64)) == columns
    parts = SPAN.decode(logits_at(columns), SPAN.collate(columns, 2))
    assert SPAN.assemble(parts, {"context": "w1 w2 w3 w4 w5"}, SQUAD).value == "w3 w4"


def test_segments_are_kept_where_the_tokenizer_has_them():
    pairs = word_tokenizer(pre_tokenizers.WhitespaceSplit(), inputs=("input_ids", "token_type_ids", "attention_mask"))
    columns = SPAN.encode(one_row(), Encoding(pairs, 40))
    for segments, offsets in zip(columns["token_type_ids"], columns["offsets"], strict=True):
        assert [segment == 1 for segment in segments[:-1]] == [begin >= 0 for begin in offsets[:-2:2]]
    assert "token_type_ids" in SPAN.collate(columns, 2)
    assert "token_type_ids" not in SPAN.features(word_tokenizer(pre_tokenizers.WhitespaceSplit()))


def test_examples_survive_the_cache(tokenizer):
    columns = SPAN.encode(together(asking("w3"), asking("w4", "w4 w5")), Encoding(tokenizer, 30, doc_stride=9))
    table = pa.Table.from_pydict(columns, schema=pa.schema(SPAN.features(tokenizer)))
    batch = SPAN.collate(table.to_pydict(), tokenizer.pad_token_id)
    assert batch["offsets"].shape == (*batch["input_ids"].shape, 2)
    assert batch["starts"].tolist() == columns["start"]
    assert batch["ends"].tolist() == columns["end"]
    for line, offsets in zip(batch["offsets"], columns["offsets"], strict=True):
        assert line.flatten()[: len(offsets)].tolist() == offsets
        assert set(line.flatten()[len(offsets) :].tolist()) <= {-1}
    assert SPAN.targets(columns) == len(columns["row"]) == len(table)


def test_the_best_spans_are_those_of_a_plain_search(tokenizer):
    """By hand: of the 20 best first and 20 best last tokens, every pair in order of at most 30 tokens."""
    columns = SPAN.encode(together(one_row(), one_row(context="w1 w2 w3")), Encoding(tokenizer, 384))
    batch = SPAN.collate(columns, tokenizer.pad_token_id)
    logits = torch.randn(2, 106, 2, generator=torch.Generator().manual_seed(3))
    for (null, spans), line, offsets in zip(SPAN.decode(logits, batch), logits, batch["offsets"], strict=True):
        inside = [token for token in range(106) if offsets[token, 0] >= 0]
        firsts, lasts = (sorted(inside, key=lambda token: -float(line[token, side]))[:N_BEST] for side in (0, 1))
        pairs = [(i, j) for i in firsts for j in lasts if i <= j < i + MOST_ANSWER_TOKENS]
        expected = sorted((float(line[i, 0] + line[j, 1]), int(offsets[i, 0]), int(offsets[j, 1])) for i, j in pairs)
        assert spans == [pytest.approx(span) for span in expected[::-1][:N_BEST]]
        assert null == pytest.approx(float(line[0].sum()))


def test_an_answer_has_thirty_tokens_at_most(tokenizer):
    for words, found in ((30, True), (31, False)):
        text = CONTEXT[: CONTEXT.index(f" w{words}")]
        columns = SPAN.encode(asking(text), Encoding(tokenizer, 384))
        parts = SPAN.decode(logits_at(columns), SPAN.collate(columns, tokenizer.pad_token_id))
        assert (SPAN.assemble(parts, {"context": CONTEXT}, SQUAD).value == text) is found


def test_a_context_without_tokens_gets_the_empty_answer(tokenizer):
    columns = SPAN.encode(one_row(context="  "), Encoding(tokenizer, 40))
    parts = SPAN.decode(logits_at(columns), SPAN.collate(columns, tokenizer.pad_token_id))
    assert [spans for _, spans in parts] == [[]]
    assert SPAN.assemble(parts, {"context": "  "}, SQUAD) == ("", 0.0)
    assert SPAN.assemble(parts, {"context": "  "}, SQUAD2) == ("", 1.0)


@pytest.mark.parametrize(
    ("null", "meaning", "expected"),  # of two windows the one that doubts more counts; no answer has to score higher
    [(3.9, SQUAD2, "cat"), (4.0, SQUAD2, "cat"), (4.1, SQUAD2, ""), (9.0, SQUAD2, ""), (9.0, SQUAD, "cat")],
)
def test_no_answer_is_said_only_where_questions_may_have_none(null, meaning, expected):
    parts = [(9.0, [(1.0, 0, 1)]), (null, [(4.0, 2, 5), (2.0, 0, 5)])]
    assert SPAN.assemble(parts, {"context": "a cat"}, meaning).value == expected


def test_the_score_is_the_probability_among_different_texts():
    row, parts = {"context": "a cat"}, [(1.0, [(3.0, 1, 5), (2.0, 2, 5), (1.0, 0, 5), (5.0, 1, 2)])]
    # "cat" twice, with a blank and without; a blank alone is no answer
    assert SPAN.assemble(parts, row, SQUAD) == ("cat", pytest.approx(float(torch.tensor([3.0, 1]).softmax(0)[0])))
    assert SPAN.assemble(parts, row, SQUAD2).score == pytest.approx(float(torch.tensor([3.0, 1, 1]).softmax(0)[0]))
    many = [(0.0, [(-begin / 100, begin, begin + 1) for begin in range(40)])]
    _, score = SPAN.assemble(many, {"context": "".join(map(chr, range(100, 140)))}, SQUAD)
    assert score == pytest.approx(float((-torch.arange(20) / 100).softmax(0)[0]))


@pytest.fixture(scope="module")
def theirs() -> XLMRobertaForQuestionAnswering:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = XLMRobertaForQuestionAnswering(XLMRobertaConfig(vocab_size=300, max_position_embeddings=140, **sizes))
    torch.nn.init.normal_(model.qa_outputs.weight)
    return model.eval()


@pytest.fixture(scope="module")
def ours(theirs) -> torch.nn.Module:
    head = SPAN.head(HeadShape(16, 0, 0.1, 0.02))
    head.load_state_dict({f"qa_outputs.{name}": value for name, value in theirs.qa_outputs.state_dict().items()})
    return head


def run(theirs, ours, columns) -> tuple[float, list]:
    batch = SPAN.collate(columns, pad_id=1)
    tokens = {name: batch[name] for name in ("input_ids", "attention_mask") if name in batch}
    with torch.inference_mode():
        logits = ours(theirs.roberta(**tokens).last_hidden_state)
    return float(SPAN.loss_sum(logits, batch)), SPAN.decode(logits, batch)


@pytest.fixture(scope="module")
def windows() -> dict[str, list]:
    """A long window, two short ones and a middle one, with tokens of their own."""
    texts = word_tokenizer(pre_tokenizers.WhitespaceSplit())
    rows = [asking(f"w{size - 2}", " ".join(f"w{n}" for n in range(size))) for size in (90, 5, 5, 40)]
    columns = SPAN.encode(together(*rows), Encoding(texts, 128))
    columns["input_ids"] = [[5 + (7 * n + size) % 290 for n in range(size)] for size in columns["length"]]
    return columns


def test_the_head_is_a_plain_copy_of_transformers(theirs, ours):
    fresh = SPAN.head(HeadShape(16, 0, 0.1, 0.02)).state_dict()
    assert fresh["qa_outputs.bias"].abs().max() == 0
    assert {"qa_outputs.weight", "qa_outputs.bias"} == set(fresh) <= set(theirs.state_dict())
    states = torch.randn(2, 5, 16)
    assert torch.equal(ours(states), theirs.qa_outputs(states))


def test_the_loss_is_that_of_transformers_where_nothing_is_padded(theirs, ours, windows):
    columns = {name: values[1:3] for name, values in windows.items()}
    columns["start"], columns["end"] = [3, 7], [5, 7]
    loss, _ = run(theirs, ours, columns)
    batch = SPAN.collate(columns, pad_id=1)
    assert "attention_mask" not in batch
    with torch.inference_mode():
        out = theirs(input_ids=batch["input_ids"], start_positions=batch["starts"], end_positions=batch["ends"])
    assert loss / SPAN.targets(columns) == pytest.approx(float(out.loss), rel=1e-6)


def test_padding_and_company_change_neither_loss_nor_decision(theirs, ours, windows):
    whole, decoded = run(theirs, ours, windows)
    parts = [run(theirs, ours, {name: [values[n]] for name, values in windows.items()}) for n in range(4)]
    assert "attention_mask" in SPAN.collate(windows, pad_id=1)
    assert whole == pytest.approx(sum(loss for loss, _ in parts), rel=1e-6)
    for (null, spans), (_, [(null_alone, spans_alone)]) in zip(decoded, parts, strict=True):
        assert null == pytest.approx(null_alone, abs=1e-5)
        assert [span[1:] for span in spans] == [span[1:] for span in spans_alone]
        assert [span[0] for span in spans] == pytest.approx([span[0] for span in spans_alone], abs=1e-5)


@pytest.mark.real
@pytest.mark.parametrize(("language", "inexact"), [("zh", 15), ("th", 18), ("hi", 11), ("ar", 35)])
def test_gold_places_give_back_the_real_answers(real_data, language, inexact):
    """All but those that begin or end inside a token, as `118` in `(118)` read as `(1` and `18)`."""
    rows = load_rows(tasks.get("xquad"), language, "test", str(real_data / "hub"))
    tokenizer = AutoTokenizer.from_pretrained(real_data / "xlmr-tokenizer")
    columns = rows.table[:]
    contexts, answers = columns["context"], [texts[0] for texts in columns["answer_texts"]]
    encoded = SPAN.encode(columns | {"row": list(range(len(rows)))}, Encoding(tokenizer, 384))
    found = pieces(encoded, contexts)
    assert len(found) == len(rows) == 1190
    wrong = [row for row, texts in found.items() if texts != {answers[row]}]
    assert len(wrong) == inexact
    for row in wrong:
        begin = answer_start(contexts[row], [answers[row]], columns["answer_starts"][row])
        tokens = tokenizer(contexts[row], add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        begins, ends = map(set, zip(*tokens["offset_mapping"], strict=True))
        assert all(answers[row] in text for text in found[row])
        assert begin not in begins or begin + len(answers[row]) not in ends


@pytest.mark.real
@pytest.mark.parametrize("language", ["zh", "th", "hi", "ar"])
def test_real_predictions_are_pieces_of_their_context(real_data, language):
    rows = load_rows(tasks.get("xquad"), language, "test", str(real_data / "hub")).pick(200, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(real_data / "xlmr-tokenizer")
    columns = rows.table[:] | {"row": list(range(len(rows)))}
    encoded = SPAN.encode(columns, Encoding(tokenizer, 256, doc_stride=64))
    batch = SPAN.collate(encoded, tokenizer.pad_token_id)
    logits = torch.randn(*batch["input_ids"].shape, 2, generator=torch.Generator().manual_seed(5))
    parts: dict[int, list] = {}
    for row, part in zip(encoded["row"], SPAN.decode(logits, batch), strict=True):
        parts.setdefault(row, []).append(part)
    predicted = [SPAN.assemble(parts[index], row, SQUAD).value for index, row in enumerate(rows.each())]
    assert all(text and text == text.strip() for text in predicted)
    assert all(text in context for text, context in zip(predicted, columns["context"], strict=True))
    assert len(set(predicted)) > 150


@pytest.mark.real
def test_the_english_train_rows_of_tydiqa_are_told_apart_and_a_tenth_is_dev(real_data):
    task, mirror = tasks.get("tydiqa"), str(real_data / "hub")
    whole = load_rows(task, "en", "train", mirror, hold_out=False)
    train, dev = (load_rows(task, "en", split, mirror) for split in ("train", "dev"))
    ids = [set(rows.table["id"]) for rows in (train, dev, whole)]
    assert len(whole) == 3696
    assert len(dev) == 370
    assert not ids[0] & ids[1]
    assert ids[0] | ids[1] == ids[2]
    assert all(name.startswith("english-") for name in ids[2])


@pytest.mark.real
def test_misplaced_answers_of_tydiqa_are_repaired_aloud(real_data, capsys):
    task, mirror = tasks.get("tydiqa"), str(real_data / "hub")
    loaded = [load_rows(task, language, "train", mirror, hold_out=False) for language in ("en", "sw", "ko")]
    said = capsys.readouterr().err
    assert [(rows.repaired, rows.dropped) for rows in loaded] == [(48, 0), (478, 0), (505, 0)]  # 1,031 in all
    for rows in loaded:
        assert f"data: tydiqa {rows.language} train: {rows.repaired} answers stood elsewhere" in said


@pytest.mark.real
def test_the_test_rows_of_tydiqa_are_nine_languages(real_data, capsys):
    loaded = load_languages(tasks.get("tydiqa"), None, "test", str(real_data / "hub"))
    assert len({rows.language for rows in loaded}) == 9
    assert sum(map(len, loaded)) == len({name for rows in loaded for name in rows.table["id"]}) == 5077
    assert "declared" not in capsys.readouterr().err
