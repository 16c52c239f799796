"""Files of one's own: what their readers make of marks, blanks, comments and quotes, and the line that they blame."""

from __future__ import annotations

import json

import datasets
import pytest

from adapterstilts.data.files import read_content, readers
from adapterstilts.data.files._fields import FOUND, typed
from adapterstilts.errors import UserError

CONLLU = """# sent_id = one
# text = Don't go
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\t_\t_\t0\troot\t_\t_
2\tn't\tnot\tPART\t_\t_\t1\tadvmod\t_\t_
2.1\tnow\tnow\tADV\t_\t_\t_\t_\t_\t_
3\tgo\tgo\tVERB\t_\t_\t1\tx\t_\t_

1\tStop\tstop\tVERB\t_\t_\t0\troot\t_\t_
"""


def content_of(tmp_path, name: str, content: bytes | str, **columns: str):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_content(tmp_path / name, columns)


JSONL = {
    "plain": b'{"a": "one"}\n{"a": "two"}\n',
    "a byte order mark, ends of lines from Windows": b'\xef\xbb\xbf{"a": "one"}\r\n{"a": "two"}\r\n',
    "no end of the last line": b'{"a": "one"}\n{"a": "two"}',
    "blank lines at the end": b'{"a": "one"}\n{"a": "two"}\n\n  \n',
}


@pytest.mark.parametrize("case", JSONL)
def test_json_lines_are_read_whatever_ends_them(case, tmp_path):
    content = content_of(tmp_path, "some.jsonl", JSONL[case])
    assert content.columns == {"a": ["one", "two"]}
    assert content.lines == [1, 2]


def test_json_objects_in_objects_have_dotted_names_and_what_is_missing_has_no_value(tmp_path):
    content = content_of(tmp_path, "a.jsonl", '{"answers": {"text": ["x"]}}\n\n{"other\u2028": 1}\n')
    assert content.columns == {"answers.text": [["x"], None], "other\u2028": [None, 1]}
    assert content.lines == [1, 3]


def test_a_csv_value_may_hold_commas_quotes_and_lines(tmp_path):
    text = '\ufefftext, label\r\n"one, ""two""\r\nthree",yes\r\n\r\n,\r\nfour,no\r\n\r\n'
    content = content_of(tmp_path, "some.CSV", text)
    assert content.columns == {"text": ['one, "two"\r\nthree', "four"], "label": ["yes", "no"]}
    assert content.lines == [2, 6]


def test_quotes_in_a_tsv_are_letters(tmp_path):
    content = content_of(tmp_path, "some.tsv", 'text\tlabel\n"Who" asked\tyes\n5" pipes\tno\n"\tno\n')
    assert content.columns == {"text": ['"Who" asked', '5" pipes', '"'], "label": ["yes", "no", "no"]}


def test_a_passage_longer_than_the_csv_modules_limit_is_read(tmp_path):
    assert len(content_of(tmp_path, "long.csv", f"text,label\n{'x' * 200_000},a\n").columns["text"][0]) == 200_000


CONLL = {
    "blanks between": ("Amina B-PER\nsings O\n\n# O\n", [["Amina", "sings"], ["#"]], [["B-PER", "O"], ["O"]], [1, 4]),
    "tabs between": ("New York\tO\n\nx\tO\n", [["New York"], ["x"]], [["O"], ["O"]], [1, 3]),
    "comments": ("# id = 7\n# another one here\nAmina O\n", [["Amina"]], [["O"]], [3]),
    "a hashtag": ("#one O\ntwo O\n", [["#one", "two"]], [["O", "O"]], [1]),
    "marks of documents": ("-DOCSTART- -X- -X- O\n\nEU NNP I O\n", [["EU"]], [["O"]], [3]),
    "Windows": ("\ufeffa O\r\nb O\r\n\r\n\r\nc O\r\n \r\n", [["a", "b"], ["c"]], [["O", "O"], ["O"]], [1, 5]),
    "a blank of no break in a word": ("1\u00a0000 NUM\n", [["1\u00a0000"]], [["NUM"]], [1]),
    "blanks at the end": ("a O \nb O\t\n", [["a", "b"]], [["O", "O"]], [1]),
}


@pytest.mark.parametrize("case", CONLL)
def test_conll_has_a_word_a_line_and_columns_by_place(case, tmp_path):
    text, tokens, tags, lines = CONLL[case]
    content = content_of(tmp_path, "some.conll", text, tokens="0", tags="-1")
    assert (content.columns["0"], content.columns["-1"], content.lines) == (tokens, tags, lines)


def test_conllu_keeps_syntactic_words_and_the_names_of_sentences(tmp_path):
    content = content_of(tmp_path, "some.conllu", CONLLU.replace("\n", "\r\n"))
    assert content.columns["form"] == [["Do", "n't", "go"], ["Stop"]]
    assert content.columns["upos"] == [["AUX", "PART", "VERB"], ["VERB"]]
    assert content.columns["sent_id"] == ["one", "9"]
    assert content.lines == [4, 9]


def test_parquet_gives_label_names_for_their_numbers(tmp_path):
    features = datasets.Features(
        {
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B"])),
            "answers": {"text": datasets.Sequence(datasets.Value("string"))},
        }
    )
    rows = {"label": [1, -1], "tags": [[0, 1], []], "answers": [{"text": ["x"]}, {"text": []}]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "some.parquet"))
    content = read_content(tmp_path / "some.parquet", {})
    assert content.columns == {"label": ["yes", None], "tags": [["O", "B"], []], "answers.text": [["x"], []]}
    assert (content.lines, content.unit) == ([1, 2], "row")


BAD = {
    "a.jsonl": ('{"a": 1}\n{"a": }\n', "line 2: not JSON"),
    "b.jsonl": ('[{"a": 1}]\n', "line 1: no object of names and values"),
    "c.jsonl": (b'{"a": "caf\xe9"}\n', "not UTF-8: byte 10 (0xe9), in line 1"),
    "d.jsonl": ("\n \n", "holds no rows"),
    "a.csv": ('a,b\n1,2\n\n"1\n2",2,3\n', "line 4: 3 values, and line 1 names 2 columns"),
    "b.csv": ('a,b\n1,2\n"open,2\n1,2\n', "line 3: unexpected end of data"),
    "c.csv": ("a,b,a\n1,2,3\n", "line 1: two columns are called 'a'"),
    "d.csv": ("a,b\n", "holds no rows"),
    "e.csv": ("", "holds no rows"),
    "a.tsv": ("a\tb\n1\t2\n1 2\n", "line 3: 1 values"),
    "a.conll": ("a O\nb O\nc\n", "line 3: 1 columns, where the first word has 2"),
    "b.conll": ("# only a comment here\n", "holds no rows"),
    "a.conllu": (CONLLU.replace("3\tgo", "3 go"), "line 7: no line of CoNLL-U"),
    "b.conllu": ("Amina\tPROPN\n", "line 1: no line of CoNLL-U"),
    "a.parquet": ("PAR1", "is not Parquet"),
    "a.xlsx": ("", "its ending does not say how to read it"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_damaged_names_the_line(name, tmp_path):
    content, what = BAD[name]
    with pytest.raises(UserError) as error:
        content_of(tmp_path, name, content)
    assert what in str(error.value)
    assert name in str(error.value)
    assert error.value.fix


def test_every_kind_of_file_is_tested_here():
    assert {name.rsplit(".")[-1] for name in BAD} - {"xlsx"} == set(readers.names())


VALUES = {
    "words in a text": (
        {"tokens": "w", "tags": "t"},
        {"w": " a  b", "t": "X Y"},
        {"tokens": ["a", "b"], "tags": ["X", "Y"]},
    ),
    "labels that are numbers": ({"label": "l", "id": "i"}, {"l": 1, "i": 7}, {"label": "1", "id": "7"}),
    "labels that are yes or no": ({"label": "l"}, {"l": True}, {"label": "true"}),
    "one answer": (
        {"answer_texts": "a", "answer_starts": "s"},
        {"a": "x", "s": "3"},
        {"answer_texts": ["x"], "answer_starts": [3]},
    ),
    "no answer": (
        {"answer_texts": "a", "answer_starts": "s"},
        {"a": "", "s": ""},
        {"answer_texts": [], "answer_starts": []},
    ),
    "an answer that is looked up": (
        {"context": "c", "answer_texts": "a", "answer_starts": FOUND},
        {"c": "one two two", "a": "two"},
        {"context": "one two two", "answer_texts": ["two"], "answer_starts": [4]},
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_read_in_the_type_of_their_field(case, tmp_path):
    columns, row, expected = VALUES[case]
    content = content_of(tmp_path, "a.jsonl", json.dumps(row))
    fields, flaws = typed(columns, content)
    assert flaws == []
    assert {name: values[0] for name, values in fields.items()} == expected


FLAWS = {
    "no value": ({"text_a": "t"}, {"t": None}, "'t' has no value"),
    "a number for a text": ({"text_a": "t"}, {"t": 3}, "'t' is no text: '3'"),
    "an empty label": ({"label": "l"}, {"l": " "}, "'l' is empty"),
    "no words": ({"tokens": "t"}, {"t": " "}, "'t' has no words"),
    "an empty word": ({"tokens": "t"}, {"t": ["a", ""]}, "has an empty word (the 2. of 2)"),
    "a number for words": ({"tokens": "t"}, {"t": 3}, "is neither a list of words"),
    "choices in one text": ({"choices": "c"}, {"c": "a b"}, "'c' is no list of texts"),
    "a place that is none": ({"answer_starts": "s"}, {"s": "here"}, "is no place counted in characters"),
    "unequal": ({"tokens": "w", "tags": "t"}, {"w": "a b", "t": "X"}, "2 words and 1 tags"),
    "unequal answers": (
        {"answer_texts": "a", "answer_starts": "s"}, {"a": ["x", "y"], "s": [1]}, "2 answers and 1 places of answers"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FLAWS)
def test_a_row_that_cannot_be_used_is_told_with_its_line(case, tmp_path):
    columns, row, what = FLAWS[case]
    content = content_of(tmp_path, "a.jsonl", "\n" + json.dumps(row))
    _, [flaw] = typed(columns, content)
    assert flaw.line == 2
    assert what in flaw.text
