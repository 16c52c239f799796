"""Rows that are not plain: of several tasks, of branches, in other shapes, with other labels; on small mirrors."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import datasets
import pytest

from adapterstilts.data.joined import joined
from adapterstilts.data.labels import read_labels, with_own_labels
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.heads import HeadRecord, SavedHead, as_answered
from adapterstilts.metrics import metrics
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_intermediate, train_target

NLI = ("entailment", "neutral", "contradiction")
ENTITIES = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def write(folder: Path, config: str, split: str, columns: dict[str, list], **kinds: datasets.Features) -> None:
    """Write one split in the Hub's layout; `kinds` are the columns that are not what their values look like."""
    table = datasets.Dataset.from_dict(columns)
    table = table.cast(datasets.Features({**table.features, **kinds}))
    (folder / config).mkdir(parents=True, exist_ok=True)
    table.to_parquet(str(folder / config / f"{split}-00000-of-00001.parquet"))
    splits = sorted(file.name.split("-00000")[0] for file in (folder / config).glob("*.parquet"))
    lines = "".join(f"  - split: {one}\n    path: {config}/{one}-*\n" for one in splits)
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{lines}---\n")


def pairs(name: str, count: int) -> dict[str, list[str]]:
    said = [f"{name} {number}" for number in range(count)]
    return {"premise": [f"{one} because" for one in said], "hypothesis": [f"{one} so" for one in said]}


@pytest.fixture
def parts(tmp_path):
    """ANLI, MNLI and SNLI of a few rows, each with its labels in another order."""
    orders = {"anli": NLI, "mnli": NLI[::-1], "snli": (NLI[1], NLI[2], NLI[0])}
    for name, order in orders.items():
        task = tasks.get(name)
        for split in ("train", "dev"):
            for hub_split in task.split(split).split("+"):
                gold = ["neutral", "entailment", "contradiction"]
                columns = pairs(f"{name} {hub_split}", 3 + (name == "snli"))
                labels = [order.index(one) for one in gold] + [-1] * (name == "snli")
                ids = (
                    {task.columns["id"]: [f"{hub_split}{n}" for n in range(len(labels))]}
                    if "id" in task.columns
                    else {}
                )
                write(tmp_path / task.repo, task.config("en"), hub_split, {**columns, "label": labels, **ids},
                      label=datasets.ClassLabel(names=list(order)))  # fmt: skip
    return str(tmp_path)


def test_anli_plus_maps_labels_of_every_order_by_name(parts):
    rows = load_rows(tasks.get("anli_plus"), "en", "train", parts)
    assert len(rows) == 3 * 3 + 3 + 3
    said = [(row["text_a"], NLI[row["label"]]) for row in rows.each()]
    wanted = ["neutral", "entailment", "contradiction"]
    assert [label for _, label in said] == wanted * 5
    assert said[0][0] == "anli train_r1 0 because"
    assert said[-1] == ("snli train 2 because", "contradiction")
    assert rows.dropped == 1, "SNLI's row without a label"
    assert rows.table["id"][0] == "anli-train_r10"


def test_a_part_that_declares_its_labels_in_another_order_is_mapped_by_name_too(parts):
    task, mnli = tasks.get("anli_plus"), replace(tasks.get("mnli"), labels=NLI[::-1])
    rows = joined(task, "en", "train", [load_rows(one, "en", "train", parts) for one in (tasks.get("anli"), mnli)])
    told = {row["text_a"]: NLI[row["label"]] for row in rows.each()}
    assert [told[f"mnli train {number} because"] for number in range(3)] == ["neutral", "entailment", "contradiction"]


def test_anli_plus_has_the_revisions_of_its_parts(parts):
    train = load_rows(tasks.get("anli_plus"), "en", "train", parts)
    assert train.revision.count("mirror:") == 3
    shutil.rmtree(Path(parts) / tasks.get("snli").repo)
    with pytest.raises(UserError, match="stanfordnlp/snli"):
        load_rows(tasks.get("anli_plus"), "en", "train", parts)


def test_winogrande_is_cut_at_its_gap(tmp_path):
    task = tasks.get("winogrande")
    columns = {
        "sentence": ["Ann thanked Sue because _ had helped.", "_ was tired, so Bo slept."],
        "option1": ["Ann", "Bo"],
        "option2": ["Sue", "Al"],
        "answer": ["2", "1"],
    }
    write(tmp_path / task.repo, task.config("en"), "train", columns)
    first, second = load_rows(task, "en", "train", str(tmp_path)).each()
    assert first["context"] == "Ann thanked Sue because"
    assert [first["choice_0"], first["choice_1"]] == ["Ann had helped.", "Sue had helped."]
    assert (first["label"], second["label"]) == (1, 0)
    assert (second["context"], second["choice_1"]) == ("", "Al was tired, so Bo slept.")


def test_a_sentence_without_its_gap_is_refused(tmp_path):
    task = tasks.get("winogrande")
    columns = {"sentence": ["No gap here."], "option1": ["a"], "option2": ["b"], "answer": ["1"]}
    write(tmp_path / task.repo, task.config("en"), "train", columns)
    with pytest.raises(UserError, match="0 gaps"):
        load_rows(task, "en", "train", str(tmp_path))


@pytest.mark.parametrize("numbered", [False, True])
def test_a_treebank_loses_its_fused_words_and_keeps_their_parts(tmp_path, numbered):
    task = tasks.get("udpos_ud")
    first = ["NOUN", "PUNCT", "ADP", "DET", "_"]
    names = [*first, *(label for label in task.labels if label not in first)]
    tags = ["_", "ADP", "DET", "NOUN"]
    columns = {
        "tokens": [["zum", "zu", "dem", "Haus"]] * 2,
        "upos": [[names.index(t) for t in tags] if numbered else tags] * 2,
    }
    kinds = {"upos": datasets.List(datasets.ClassLabel(names=names))} if numbered else {}
    write(tmp_path / task.repo, task.config("de"), "test", columns, **kinds)
    [row, _] = load_rows(task, "de", "test", str(tmp_path)).each()
    assert row["tokens"] == ["zu", "dem", "Haus"]
    assert [task.labels[tag] for tag in row["tags"]] == ["ADP", "DET", "NOUN"]


def test_a_branch_is_read_by_its_files_never_without_a_configuration(monkeypatch):
    asked = []

    def stand_in(path, config=None, **extra):
        asked.append((path, config, extra))
        features = datasets.Features(
            {
                "id": datasets.Value("string"),
                "tokens": datasets.List(datasets.Value("string")),
                "ner_tags": datasets.List(datasets.ClassLabel(names=list(tasks.get("masakhaner").labels))),
            }
        )
        return datasets.Dataset.from_dict(
            {"id": ["0"], "tokens": [["a", "b"]], "ner_tags": [[0, 1]]}, features=features
        )

    monkeypatch.setattr(datasets, "load_dataset", stand_in)
    monkeypatch.setattr("adapterstilts.data.source._newest_commit", lambda task: None)
    branched = [tasks.get(name) for name in tasks.names() if tasks.get(name).branch]
    assert branched
    for language in ("sw", "yo"):
        load_rows(tasks.get("masakhaner"), language, "test", None)
    (path, _, first), (_, _, second) = asked
    assert path == "parquet"
    [files] = first["data_files"].values()
    assert files == "hf://datasets/masakhane/masakhaner@refs%2Fconvert%2Fparquet/swa/test/*.parquet"
    assert first["data_files"] != second["data_files"]
    assert first["split"] == "test"
    shared = [task.name for task in branched if len(set(task.configs.values())) < len(task.configs)]
    assert shared == [], "languages of one configuration would be mixed"


# labels that are not plain


def entities(folder: Path, config: str, names: tuple[str, ...], tags: list[list[int]]) -> None:
    columns = {"id": [str(n) for n in range(len(tags))], "tokens": [["w"] * len(row) for row in tags], "ner_tags": tags}
    kind = datasets.List(datasets.ClassLabel(names=list(names)))
    write(folder, config, "test", columns, ner_tags=kind)


def test_a_date_is_a_label_of_its_own_where_the_head_knows_it_and_no_name_elsewhere(tmp_path):
    task = tasks.get("masakhaner")
    names = ("B-DATE", "I-DATE", *ENTITIES)  # not the task's order
    entities(tmp_path / task.repo, task.config("sw"), names, [[2, 0, 1], [3, 4, 0]])

    def gold(labels):
        head = SavedHead(None, HeadRecord(task="any", task_version=1, format="tagging", labels=list(labels)))
        told = as_answered(task, head)
        return [
            [told.labels[tag] for tag in row["tags"]] for row in load_rows(told, "sw", "test", str(tmp_path)).each()
        ]

    assert gold(task.labels) == [["O", "B-DATE", "I-DATE"], ["B-PER", "I-PER", "B-DATE"]]
    assert gold(ENTITIES) == [["O", "O", "O"], ["B-PER", "I-PER", "O"]]


def test_a_head_of_pan_x_answers_masakhaner(tmp_path, base):
    task, panx = tasks.get("masakhaner"), tasks.get("panx")
    rows = [[0, 1, 2], [3, 4, 0], [5, 6, 0], [0, 1, 0]] * 3
    for split in ("train", "validation"):
        columns = {"tokens": [["Ann", "Bo", "Cy"]] * len(rows), "ner_tags": rows}
        write(tmp_path / panx.repo, panx.config("en"), split, columns,
              ner_tags=datasets.List(datasets.ClassLabel(names=list(ENTITIES))))  # fmt: skip
    entities(tmp_path / task.repo, task.config("sw"), task.labels, [[0, 7, 8], [1, 2, 7]])
    settings = {"train.max_steps": 2, "train.eval_examples": 4, "resources.mirror": str(tmp_path)}
    trained = train_target("panx", out=tmp_path / "run", base=str(base), settings=settings)
    [scores] = evaluate(trained, "masakhaner", languages=["sw"], settings={"resources.mirror": str(tmp_path)})
    assert scores.metrics["head"] == "panx"
    gold = datasets.Dataset.from_parquet(str(scores.path / "predictions" / "sw.parquet"), cache_dir=str(tmp_path / "c"))
    assert gold["gold"][:] == [["O", "O", "O"], ["B-PER", "I-PER", "O"]]


def test_open_labels_are_those_of_the_rows(tmp_path):
    task = tasks.get("ccg")
    names = ["N", "NP/N", "(S\\NP)/NP"]
    columns = {"tokens": [["a", "dog"], ["saw"]], "tags": [[1, 0], [2]]}
    kind = {"tags": datasets.List(datasets.ClassLabel(names=names))}
    write(tmp_path / task.repo, task.config("en"), "train", columns, **kind)
    rows = load_rows(task, "en", "train", str(tmp_path))
    assert rows.task.labels == tuple(names)
    assert [row["tags"] for row in rows.each()] == [[1, 0], [2]]
    assert task.labels == ()


def test_open_labels_without_names_are_refused():
    with pytest.raises(UserError, match="its labels are those of the rows"):
        with_own_labels(tasks.get("ccg"), datasets.List(datasets.Value("string")))


def test_a_head_of_open_labels_is_trained_and_answers(tmp_path, base):
    task = tasks.get("ccg")
    kind = {"tags": datasets.List(datasets.ClassLabel(names=["N", "NP/N", "S\\NP"]))}
    columns = {"tokens": [["the", "dog", "ran"]] * 12, "tags": [[1, 0, 2]] * 12}
    for split in ("train", "validation", "test"):
        write(tmp_path / task.repo, task.config("en"), split, columns, **kind)
    settings = {"train.max_steps": 2, "train.eval_examples": 4, "resources.mirror": str(tmp_path)}
    first = train_intermediate("ccg", out=tmp_path / "run", base=str(base), settings=settings)
    [scores] = evaluate(first, "ccg", settings={"resources.mirror": str(tmp_path)})
    assert set(scores.metrics["average"]) == {"token_accuracy"}
    again = {**settings, "reuse_head": "ccg"}
    second = train_intermediate("ccg", out=tmp_path / "again", start=first.path, settings=again)
    assert json.loads((second.path / "heads/ccg.json").read_text())["labels"] == ["N", "NP/N", "S\\NP"]


def test_bare_numbers_are_read_only_where_their_order_is_documented():
    number = datasets.Value("int64")
    assert read_labels(tasks.get("afrixnli"), number, False).read([0, 2]) == [0, 2]
    with pytest.raises(UserError, match="without label names"):
        read_labels(tasks.get("mnli"), number, False)


def test_token_accuracy_counts_words_not_sentences():
    metric = metrics.get("token_accuracy")
    assert metric.score([["N", "N", "N"], ["NP"]], [["N", "N", "X"], ["NP"]]) == {"token_accuracy": 75.0}
    assert metric.score([[]], [[]]) == {"token_accuracy": 0.0}
