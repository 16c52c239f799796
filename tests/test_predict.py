"""`predict`: new text of every format and kind of file, labelled as an evaluation of the same rows would label it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from adapterstilts import evaluate, predict, train_intermediate
from adapterstilts.cli import call
from adapterstilts.data.source import load_rows
from adapterstilts.data.unlabelled import read_unlabelled
from adapterstilts.errors import UserError
from adapterstilts.tasks import tasks

INPUTS = {
    "snli": ("text_a", "text_b"),
    "udpos": ("tokens",),
    "squad_v1": ("context", "question"),
    "commonsense_qa": ("context", "choices"),
}


@pytest.fixture(scope="module")
def trained(base, mirror, tmp_path_factory):
    """Runs of tasks of several formats, made as they are asked for."""
    made = {}

    def train(task: str):
        if task not in made:
            settings = {"precision": "fp32", "train.max_steps": 2, "train.batch_size": 4, "data.max_length": 64,
                        "train.learning_rate": 0.01, "resources.mirror": str(mirror)}  # fmt: skip
            out = tmp_path_factory.mktemp("runs") / task
            made[task] = train_intermediate(task, out=out, base=str(base), settings=settings)
        return made[task]

    return train


@pytest.fixture
def pairs(tmp_path):
    file = tmp_path / "pairs.jsonl"
    rows = [{"premise": f"Amina sells maize {number}.", "hypothesis": "She works."} for number in range(3)]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    return file


@pytest.mark.parametrize("task", ["snli", "udpos", "squad_v1", "commonsense_qa"])
def test_new_text_is_labelled_as_an_evaluation_of_the_same_rows_is(task, trained, mirror, tmp_path):
    """The file holds what the format reads and nothing of the gold."""
    made, declared = trained(task), tasks.get(task)
    rows = list(load_rows(declared, "en", "dev", str(mirror)).each())
    file = tmp_path / "input.jsonl"
    given = [{"id": f"row {n}", **{name: row[name] for name in INPUTS[task]}} for n, row in enumerate(rows)]
    file.write_text("\n".join(map(json.dumps, given)))
    found = predict(made, task, input=file)
    [scores] = evaluate(made, task, split="dev", languages=["en"], settings={"resources.mirror": str(mirror)})
    table = pq.read_table(scores.path / "predictions/en.parquet")
    assert [one["prediction"] for one in found] == table["prediction"].to_pylist()
    assert [one["score"] for one in found] == pytest.approx(table["score"].to_pylist(), abs=1e-4)
    assert [one["id"] for one in found] == [f"row {n}" for n in range(len(rows))]


def test_of_two_answers_the_better_one_is_named(base, tmp_path):
    pair = {"prompt": "Who?", "chosen": "Amina.", "rejected": "It is late."}
    (tmp_path / "rows.jsonl").write_text("\n".join([json.dumps(pair)] * 8))
    turned = {"prompt": "Who?", "chosen": "It is late.", "rejected": "Amina."}
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, (pair, turned))))
    own = tmp_path / "pairs.yaml"
    own.write_text("name: pairs\nformat: preference\nlanguages: {en: {train: rows.jsonl}}\n")
    settings = {"precision": "fp32", "train.max_steps": 3, "data.max_length": 32, "train.learning_rate": 0.01}
    made = train_intermediate(str(own), out=tmp_path / "run", base=str(base), settings=settings)
    first, second = predict(made, str(own), input=tmp_path / "new.jsonl")
    assert {first["prediction"], second["prediction"]} == {"chosen", "rejected"}
    assert first["score"] == pytest.approx(second["score"])


def test_rows_without_ids_are_named_by_their_lines_and_a_language_is_noted(trained, pairs):
    found = predict(trained("snli"), "snli", input=pairs, language="sw")
    assert [one["line"] for one in found] == [1, 2, 3]
    assert {one["language"] for one in found} == {"sw"}
    assert {one["prediction"] for one in found} <= {*tasks.get("snli").labels}


KINDS = {
    "a.csv": "premise,hypothesis\nAmina sells maize 0.,She works.\nAmina sells maize 1.,She works.\n",
    "a.tsv": "text_a\ttext_b\nAmina sells maize 0.\tShe works.\nAmina sells maize 1.\tShe works.\n",
}


@pytest.mark.parametrize("name", KINDS)
def test_columns_are_called_as_the_tasks_or_as_the_formats(name, trained, pairs, tmp_path):
    (tmp_path / name).write_text(KINDS[name])
    expected = predict(trained("snli"), "snli", input=pairs)
    found = predict(trained("snli"), "snli", input=tmp_path / name)
    assert [one["prediction"] for one in found] == [one["prediction"] for one in expected[:2]]
    assert [one["line"] for one in found] == [2, 3]


def test_words_are_read_from_conll_without_tags_and_from_lines_of_text(trained, tmp_path):
    made = trained("udpos")
    (tmp_path / "a.conll").write_text("Amina\nsells\nmaize\n\nRain\n")
    (tmp_path / "a.txt").write_text("Amina sells maize\n\nRain\n")
    words = [f"{place}\t{word}" + 8 * "\t_" for place, word in enumerate(["Amina", "sells", "maize"], 1)]
    (tmp_path / "a.conllu").write_text("# sent_id = s1\n" + "\n".join(words) + "\n")
    conll, text, conllu = (predict(made, "udpos", input=tmp_path / f"a.{kind}") for kind in ("conll", "txt", "conllu"))
    assert [len(one["prediction"]) for one in conll] == [3, 1]
    assert [one["prediction"] for one in text] == [one["prediction"] for one in conll]
    assert ([one["line"] for one in conll], [one["line"] for one in text]) == ([1, 5], [1, 3])
    assert [(one["id"], one["prediction"]) for one in conllu] == [("s1", conll[0]["prediction"])]


def test_what_is_read_is_not_the_gold_that_stands_beside_it(trained, tmp_path):
    made = trained("udpos")
    (tmp_path / "plain.conll").write_text("Amina\nsells\n")
    (tmp_path / "gold.conll").write_text("Amina PROPN\nsells VERB\n")
    (tmp_path / "odd.conll").write_text("Amina ODD\nsells ODD\n")
    answers = [predict(made, "udpos", input=tmp_path / f"{name}.conll") for name in ("plain", "gold", "odd")]
    assert answers[0] == answers[1] == answers[2]


def test_an_own_task_says_what_the_text_is(trained, pairs, tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        '{"a": "x", "b": "y", "label": "neutral"}\n{"a": "x", "b": "z", "label": "entailment"}\n'
    )
    (tmp_path / "my.yaml").write_text(
        "name: my\nformat: classification\nlanguages: {sw: {test: rows.jsonl}}\nlearns_from: [snli]\n"
        "columns: {text_a: a, text_b: b}\nlabels: [entailment, contradiction, neutral]\n"
    )
    (tmp_path / "new.jsonl").write_text(pairs.read_text().replace("premise", "a").replace("hypothesis", "b"))
    found = predict(trained("snli"), str(tmp_path / "my.yaml"), input=tmp_path / "new.jsonl")
    assert found == predict(trained("snli"), "snli", input=pairs)


def test_answers_go_to_a_file_written_whole_or_to_stdout(trained, pairs, tmp_path, capfd):
    words = ["predict", str(trained("snli").path), "--task", "snli", "--input", str(pairs), "--precision", "fp32"]
    assert call(words) == 0
    lines = capfd.readouterr().out
    assert [json.loads(line)["line"] for line in lines.splitlines()] == [1, 2, 3]
    out = tmp_path / "new" / "out.jsonl"
    assert call([*words, "--out", str(out)]) == 0
    assert capfd.readouterr().out == f"{out}\n"
    assert out.read_text() == lines


BAD = {
    "no such file": (["--input", "none.csv"], "there is no file none.csv\n  did you mean 'one.csv'?"),
    "an ending nobody knows": (["--input", "pairs.docx"], "its ending does not say how to read it"),
    "a missing column": (["--input", "one.csv"], "'hypothesis' or 'text_b': did you mean 'hypotheses'?"),
    "pairs in lines": (["--input", "one.txt"], "a row of task snli is more than one text a line: text_a, text_b"),
    "an empty file": (["--input", "empty.jsonl"], "holds no rows"),
    "a row without text": (["--input", "null.jsonl"], "null.jsonl, line 2: 'premise' has no value"),
    "a damaged line": (["--input", "damaged.jsonl"], "damaged.jsonl, line 1: not JSON"),
    "a language that is none": (["--input", "pairs.jsonl", "--language", "Swahili"], "'Swahili' is no language code"),
    "the input as output": (["--input", "pairs.jsonl", "--out", "./pairs.jsonl"], "is the input"),
    "a task of other labels": (["--input", "pairs.jsonl", "--task", "pawsx"], "has no head for task 'pawsx'"),
    "a task without a head": (["--input", "pairs.jsonl", "--task", "tatoeba"], "task tatoeba"),
    "an unknown task": (["--input", "pairs.jsonl", "--task", "snil"], "did you mean 'snli'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_paragraph_and_writes_nothing(case, trained, pairs, tmp_path, monkeypatch, capfd):
    made = trained("snli")
    capfd.readouterr()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("premise,hypotheses\na,b\n")
    (tmp_path / "one.txt").write_text("a\n")
    (tmp_path / "pairs.docx").write_text("a\n")
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "damaged.jsonl").write_text("{\n")
    (tmp_path / "null.jsonl").write_text('{"premise": "a", "hypothesis": "b"}\n{"premise": null, "hypothesis": "b"}\n')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    words, what = BAD[case]
    task = [] if "--task" in words else ["--task", "snli"]
    assert call(["predict", str(made.path), *task, "--precision", "fp32", *words]) == 2
    captured = capfd.readouterr()
    assert what in captured.err
    assert captured.err.count("error: ") == 1
    assert captured.out == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_hidden_words_are_no_labels(pairs):
    with pytest.raises(UserError, match="predicts hidden words"):
        read_unlabelled(tasks.get("wikipedia"), pairs, None)


def test_a_task_that_learns_from_no_head_here_is_refused(trained, pairs):
    with pytest.raises(UserError, match="has no head for task 'qqp'"):
        predict(trained("snli"), "snli", input=pairs, head="qqp")
