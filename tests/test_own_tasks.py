"""A task of one's own in a YAML file: what it becomes, what is wrong with it, and that runs know it again."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from adapterstilts import compare, evaluate, train_intermediate, train_target
from adapterstilts.cli import call
from adapterstilts.data.own import find_task, find_tasks
from adapterstilts.data.source import NoSuchRows, load_languages, load_rows
from adapterstilts.errors import UserError

PAIRS = [("Amina sells maize.", "Somebody sells maize.", "yes"), ("The bus is late.", "The bus is on time.", "no")]
ROWS = [
    {"premise": f"{one} {number}", "hypothesis": two, "label": label}
    for number in range(12)
    for one, two, label in PAIRS
]
MY = """name: my
format: classification
languages:
  en: {train: train.jsonl, test: test.jsonl}
  sw: {test: test.jsonl}
columns: {text_a: premise, text_b: hypothesis}
"""


def write_rows(folder, name: str = "train.jsonl", rows: list[dict] = ROWS) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def own(tmp_path):
    """The YAML file of a task with train and test rows."""
    folder = tmp_path / "own"
    folder.mkdir()
    write_rows(folder)
    write_rows(folder, "test.jsonl", ROWS[:6])
    (folder / "my.yaml").write_text(MY)
    return folder / "my.yaml"


@pytest.fixture
def arguments(base):
    settings = {"precision": "fp32", "train.max_steps": 2, "train.batch_size": 4, "data.max_length": 32}
    return {"base": str(base), "settings": settings}


def wrong(file, text: str) -> str:
    """What is said of a YAML file with this text."""
    file.write_text(text)
    with pytest.raises(UserError) as error:
        find_task(str(file))
    return str(error.value)


def test_a_yaml_file_is_a_task_with_the_usual_metric_and_labels_by_name(own):
    task = find_task(str(own))
    assert (task.name, task.format, task.metric, task.labels) == ("my", "classification", "accuracy", ("no", "yes"))
    assert task.languages == ("en", "sw")
    assert task.splits == {"train": "train", "test": "test"}
    assert task.columns == {"text_a": "premise", "text_b": "hypothesis", "label": "label"}
    assert task.held_out == 0.1
    assert set(task.roles) == {"intermediate", "target"}


def test_rows_are_those_of_the_files_and_a_tenth_is_held_out(own):
    task = find_task(str(own))
    train, dev = (load_rows(task, "en", split, None) for split in ("train", "dev"))
    assert (len(train), len(dev)) == (22, 2)
    assert {row["label"] for row in train.each()} == {0, 1}
    assert next(load_rows(task, "sw", "test", None).each())["text_a"] == "Amina sells maize. 0"
    with pytest.raises(NoSuchRows, match="has no dev file in language 'sw'"):
        load_rows(task, "sw", "dev", None)
    with pytest.raises(UserError, match="no language 'de'"):
        load_rows(task, "de", "test", None)
    assert [rows.language for rows in load_languages(task, None, "train", None)] == ["en"]


def test_words_are_read_as_they_are_written(own):
    """YAML itself takes `no` for false, 010 for 8 and 1.0 for a number."""
    rows = [{"premise": "a", "hypothesis": "b", "label": label} for label in ("no", "010", "1.0")]
    write_rows(own.parent, rows=rows)
    own.write_text(MY.replace("en: {train: train.jsonl, test: test.jsonl}", "no: {train: train.jsonl}").replace(
        "sw: {test: test.jsonl}", "") + "labels: [no, 010, 1.0]\n")  # fmt: skip
    task = find_task(str(own))
    assert task.languages == ("no",)
    assert task.labels == ("no", "010", "1.0")
    assert task.train_language == "no"


def test_conll_and_conllu_have_usual_columns(tmp_path):
    (tmp_path / "train.conll").write_text("Amina NN B-PER\nsings VB O\n\nRain NN O\n")
    (tmp_path / "my.yaml").write_text("name: ner\nformat: tagging\nlanguages: {sw: {train: train.conll}}\n")
    task = find_task(str(tmp_path / "my.yaml"))
    assert (task.columns, task.labels, task.metric) == ({"tokens": "0", "tags": "-1"}, ("B-PER", "O"), "chunk_f1")
    assert [row["tags"] for row in load_rows(task, "sw", "train", None, hold_out=False).each()] == [[0, 1], [1]]
    (tmp_path / "train.conllu").write_text("1\tAmina\t_\tPROPN" + 6 * "\t_" + "\n2\tsings\t_\tVERB" + 6 * "\t_" + "\n")
    (tmp_path / "my.yaml").write_text("name: pos\nformat: tagging\nlanguages: {sw: {train: train.conllu}}\n")
    task = find_task(str(tmp_path / "my.yaml"))
    assert task.columns == {"tokens": "form", "tags": "upos", "id": "sent_id"}
    assert task.labels == ("PROPN", "VERB")


BAD = {
    "entries": (
        """name: my
frmat: classification
format: clasification
metric: acuracy
languages:
  EN: {train: train.jsonl}
  sw:
    trian: train.jsonl
    test: tset.jsonl
  de:
  en: {train: train.jsonl}
  en: {train: train.jsonl}
labels: no
held_out: 2
learns_from: [snil]
licence: [a]
""",
        [
            "line 2: frmat: unknown; did you mean 'format'?",
            "line 3: format: 'clasification' is no format: did you mean 'classification'?",
            "line 4: metric: 'acuracy' is no metric: did you mean 'accuracy'?",
            "line 6: languages.EN: no language code",
            "line 8: languages.sw.trian: unknown; did you mean 'train'?",
            "line 9: languages.sw.test: there is no file tset.jsonl: did you mean 'test.jsonl'?",
            "line 10: languages.de: names no file",
            "line 11: languages.en: stands here and again in line 12",
            "line 13: labels: 'no': write a list, [a, b]",
            "line 14: held_out: '2': input should be less than 1",
            "line 15: learns_from.0: 'snil' is no task: did you mean 'snli'?",
            "line 16: licence: ['a']: write one text",
        ],
    ),
    "entries together": (
        """name: my
format: classification
metric: squad_v1
languages:
  sw: {train: train.jsonl, dev: train.jsonl}
  de: {train: train.jsonl}
columns: {text_a: premise, text_b: hypothesis, lable: label}
labels: [yes, no, no]
held_out: 0.2
no_answer: true
learns_from: [squad_v1]
""",
        [
            "line 3: metric: 'squad_v1' does not score format classification: known: accuracy",
            "line 4: languages: several languages have a train file; say which is trained on: train_language: sw",
            "line 7: columns.lable: format classification has no such field: did you mean 'label'?",
            "line 8: labels: 'no' stands twice",
            "line 9: held_out: there are dev files",
            "line 10: no_answer: format classification has no answers",
            "line 11: learns_from.0: squad_v1 is not of format classification",
        ],
    ),
    "files": (
        """name: my
format: classification
train_language: sw
languages:
  en:
    train: train.jsonl
    dev: damaged.jsonl
    test: other.csv
columns: {text_a: premise, text_b: hypotesis, label: label}
labels: [yes, nope]
""",
        [
            "line 3: train_language: 'sw' has no train file: known: en",
            "line 6: languages.en.train: train.jsonl has no column 'hypotesis' for text_b: did you mean 'hypothesis'?",
            "line 6: languages.en.train: train.jsonl, line 2: label 'no' is not declared: did you mean 'nope'?",
            "damaged.jsonl, line 2: not JSON",
            "line 8: languages.en.test: other.csv has no column 'hypotesis' for text_b: did you mean 'hypothesis'?",
            "line 8: languages.en.test: other.csv, line 3: 'label' is empty: there is no label",
        ],
    ),
    "nothing but unknown entries": (
        "nmae: my\n",
        [
            "line 1: format: needed, and not given",
            "line 1: languages: needed, and not given",
            "line 1: name: needed, and not given",
            "line 1: nmae: unknown; did you mean 'name'?",
        ],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_everything_wrong_is_told_at_once_in_the_order_of_the_lines(case, own):
    (own.parent / "damaged.jsonl").write_text('{"premise": "a", "hypothesis": "b", "label": "yes"}\n{"premise"\n')
    (own.parent / "other.csv").write_text("premise,hypothesis,label\na,b,yes\nc,d,\n")
    text, expected = BAD[case]
    told = wrong(own, text)
    assert [line for line in expected if line not in told] == [], told
    assert f": {len(expected)} problems" in told.splitlines()[0]
    numbers = [int(number) for number in re.findall(r"^  line (\d+):", told, re.M)]
    assert numbers == sorted(numbers)
    assert "adapterstilts tasks init" in told.splitlines()[-1]


OTHERS = {
    "unequal": (
        "format: tagging", {"tokens": ["a", "b"], "tags": ["X"]}, "train.jsonl, line 1: 2 words and 1 tags"
    ),
    "choices": (
        "format: multiple_choice\nlabels: [A, B]", {"context": "c", "choices": ["x", "y", "z"], "label": "A"},
        "line 1: 3 choices, and 2 labels",
    ),
    "a choice that is none": (
        "format: multiple_choice", {"context": "c", "choice_0": "x", "choice_1": "y", "label": 2},
        "line 1: label '2' is not declared: known: 0, 1",
    ),
    "no text": ("format: classification", {"text_a": None, "label": "x"}, "line 1: 'text_a' has no value"),
    "a column by the field's name": (
        "format: classification", {"text": "a", "label": "x"},
        "has no column 'text_a' for text_a: did you mean 'text'? (columns: text_a: ...)",
    ),
    "a name of the catalog": ("name: snli\nformat: masked_lm", {"text": "a"}, "'snli' is the name of a task"),
    "a name of a group": ("name: xtreme\nformat: masked_lm", {"text": "a"}, "'xtreme' is the name of a task"),
    "a name of torch's": ("name: train\nformat: masked_lm", {"text": "a"}, "'train' is a word of torch's"),
    "a name that leaves its folder": ("name: ../x\nformat: masked_lm", {"text": "a"}, "'../x' is no name: use letters"),
    "a format without own data": ("format: mining", {"text": "a"}, "'mining' is no format"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_what_does_not_suit_is_told_with_its_line(case, own):
    words, row, what = OTHERS[case]
    write_rows(own.parent, rows=[row])
    name = "" if words.startswith("name") else "name: my\n"
    assert what in wrong(own, f"{name}{words}\nlanguages: {{en: {{train: train.jsonl}}}}\n")


def test_many_flaws_of_a_file_are_counted(own):
    write_rows(own.parent, rows=[{**ROWS[0], "premise": None}] * 9)
    told = wrong(own, MY)
    assert told.count("'premise' has no value") == 5
    assert "train.jsonl, and 4 more rows" in told


def test_labels_must_be_known_before_test_rows_are(own):
    assert "no train file says which labels there are" in wrong(own, MY.replace("train: train.jsonl, ", ""))


FILES = {
    "absent.yaml": (None, "there is no file absent.yaml"),
    "odd.yaml": ("name: [", "is not YAML"),
    "list.yaml": ("- name", "holds no names with values"),
    "latin.yaml": ("name: caf\xe9".encode("latin1"), "is not UTF-8"),
    "empty.yml": ("", "name: needed, and not given"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, what = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        find_task(name)
    assert what in str(error.value)


def test_a_file_without_its_ending_is_pointed_at(own, monkeypatch):
    monkeypatch.chdir(own.parent)
    with pytest.raises(UserError, match=r"--task \./my\.yaml"):
        find_task("my")
    assert find_task("my.yaml").name == "my"


def test_two_different_tasks_of_one_name_are_refused(own, arguments, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(own.parent, other)
    assert len(find_tasks([str(own), "snli"])) == 2
    for find in (find_tasks, lambda names: train_intermediate(names, out=tmp_path / "run", **arguments)):
        with pytest.raises(UserError, match="two different tasks are called 'my'"):
            find([str(own), str(other / "my.yaml")])
    assert not (tmp_path / "run").exists()


def test_its_identity_is_how_rows_are_read_and_no_path(own):
    first = find_task(str(own))
    moved = own.parent.rename(own.parent.with_name("moved"))
    (moved / "my.yaml").rename(moved / "renamed.yaml")
    assert find_task(str(moved / "renamed.yaml")).repo == first.repo
    others = [MY.replace("text_a: premise, text_b: hypothesis", "text_b: premise, text_a: hypothesis"),
              MY + "labels: [yes, no]\n"]  # fmt: skip
    assert first.repo not in {_changed(moved / "renamed.yaml", text).repo for text in others}
    same = MY.replace("  sw: {test: test.jsonl}\n", "") + "licence: mine\n"
    assert _changed(moved / "renamed.yaml", same).repo == first.repo


def _changed(file, text):
    file.write_text(text)
    return find_task(str(file))


def test_a_run_is_the_same_wherever_its_files_lie_and_another_one_when_they_change(own, arguments, tmp_path, capsys):
    out = tmp_path / "run"
    made = train_target(str(own), out=out, **arguments)
    assert made.record.config["tasks"] == ["my"]
    assert "own" not in json.dumps(made.record.config)
    assert made.record.data["my-train"]["repo"] == find_task(str(own)).repo
    assert made.record.data["my-train"]["revision"].startswith("file:")
    moved = own.parent.rename(own.parent.with_name("moved")) / "my.yaml"
    assert train_target(str(moved), out=out, **arguments).record == made.record
    assert "already done" in capsys.readouterr().err
    [scores] = evaluate(made, str(moved))
    assert set(scores.metrics["languages"]) == {"en", "sw"}
    evaluate(made, str(moved))
    assert "my sw: kept from an earlier command" in capsys.readouterr().err
    write_rows(moved.parent, "test.jsonl", ROWS[6:12])
    [changed] = evaluate(made, str(moved))
    assert changed.metrics["rows"] != scores.metrics["rows"]
    write_rows(moved.parent, rows=ROWS[:20])
    with pytest.raises(UserError, match=r"rows\.my-train\.revision: 'file:\w{16}' -> 'file:\w{16}'"):
        train_target(str(moved), out=out, **arguments)


def test_scores_of_other_rows_are_not_compared(own, arguments, tmp_path):
    runs = [train_target(str(own), out=tmp_path / name, **arguments) for name in ("one", "two")]
    for made in runs:
        evaluate(made, str(own))
    assert compare([made.path for made in runs])
    write_rows(own.parent, "test.jsonl", ROWS[6:12])
    evaluate(runs[1], str(own))
    with pytest.raises(UserError, match="rows"):
        compare([made.path for made in runs])


def test_an_own_test_set_is_answered_by_the_head_that_it_learns_from(own, base, mirror, tmp_path):
    settings = {"precision": "fp32", "train.max_steps": 2, "resources.mirror": str(mirror)}
    made = train_intermediate("snli", out=tmp_path / "run", base=str(base), settings=settings)
    rows = [{**row, "label": "entailment"} for row in ROWS[:4]]
    write_rows(own.parent, "test.jsonl", rows)
    own.write_text("""name: my
format: classification
languages: {sw: {test: test.jsonl}}
columns: {text_a: premise, text_b: hypothesis}
labels: [contradiction, neutral, entailment]
learns_from: [mnli, snli]
""")
    [scores] = evaluate(made, str(own))
    assert (scores.metrics["head"], scores.metrics["languages"]["sw"]["n"]) == ("snli", 4)


def test_without_train_rows_nothing_is_learned(own, arguments, tmp_path):
    own.write_text(MY.replace("train: train.jsonl, ", "") + "labels: [yes, no]\n")
    with pytest.raises(UserError, match="task my has no train rows"):
        train_target(str(own), out=tmp_path / "run", **arguments)


def test_a_language_other_than_english_is_trained_on(own, arguments, tmp_path, capfd):
    own.write_text(MY.replace("en: {train", "yo: {train"))
    words = ["train-target", "--task", str(own), "--base", arguments["base"], "--max-steps", "2", "--precision", "fp32"]
    assert call([*words, "--out", str(tmp_path / "run")]) == 0
    captured = capfd.readouterr()
    assert "on dev (yo)" in captured.err
    assert f"evaluate {tmp_path / 'run'} --task {own}" in captured.err
    assert json.loads((tmp_path / "run/run.json").read_text())["data"]["my-train"]["language"] == "yo"
