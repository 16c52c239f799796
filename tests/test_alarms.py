"""Alarms: each goes off in a made-up case, is written beside the scores, and is silent where nothing is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from adapterstilts.base import find_base, load_encoder
from adapterstilts.compose.stack import stack
from adapterstilts.errors import UserError
from adapterstilts.evaluation import answers
from adapterstilts.evaluation.alarms import of_answers, of_run
from adapterstilts.evaluation.command import evaluate
from adapterstilts.formats import Prediction
from adapterstilts.methods import methods
from adapterstilts.mini.rows import write_rows
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import score_tables
from adapterstilts.store.run import read_run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_target

LABELS = ("contradiction", "entailment", "neutral")
TURNED = dict(zip(LABELS, (*LABELS[1:], LABELS[0]), strict=True))
EFFECTS = {"lora": "lora_B", "bottleneck": "adapter_up"}


def kinds(gold, prediction):
    return [alarm.kind for alarm in of_answers("t", "en", gold, prediction)]


def answered(gold, right, wrong):
    """Answer a share `right` of the rows rightly, evenly spread, and the others by `wrong`."""
    return [label if (row * 37) % 100 < right else wrong(label) for row, label in enumerate(gold)]


# Answers


def test_labels_in_another_order_are_noticed_and_told():
    gold = list(LABELS) * 100
    [alarm] = of_answers("xnli test sw", "sw", gold, answered(gold, 5, TURNED.get))
    assert (alarm.kind, alarm.language) == ("labels_renamed", "sw")
    assert alarm.message.startswith("xnli test sw: accuracy 5.0, chance 33.3, but 95.0 if the predictions were read as")
    assert "'entailment' for 'contradiction'" in alarm.message
    binary = ["0", "1"] * 30
    assert kinds(binary, answered(binary, 10, {"0": "1", "1": "0"}.get)) == ["labels_renamed"]


@pytest.mark.parametrize(
    ("why", "gold", "prediction"),
    [
        ("right", list(LABELS) * 40, list(LABELS) * 40),
        ("at chance", list(LABELS) * 40, list(np.random.default_rng(0).choice(LABELS, 120))),
        ("too few rows", ["0", "1"] * 24, ["1", "0"] * 24),
        ("too many labels", [str(row % 9) for row in range(90)], [str((row + 1) % 9) for row in range(90)]),
        ("bad, but not like that", ["0"] * 30 + ["1"] * 30, ["1"] * 15 + ["0"] * 15 + ["1"] * 12 + ["0"] * 18),
        ("a lean towards the rarer label", ["0"] * 90 + ["1"] * 10, ["1", "1", "1", "1", "0"] * 20),
        ("below chance, but not far", ["0", "1"] * 2500, ["0", "1"] * 1100 + ["1", "0"] * 1400),
        ("texts", [["a", "b"]] * 60, ["b"] * 30 + ["c"] * 30),
    ],
)
def test_nothing_is_said_of_answers_that_are(why, gold, prediction):
    assert kinds(gold, prediction) == []


def test_guessing_raises_no_alarm_once_in_hundreds_of_times():
    rng = np.random.default_rng(1)
    for labels in (2, 3, 5, 8):
        names = [str(label) for label in range(labels)]
        raised = [kinds(list(rng.choice(names, 60)), list(rng.choice(names, 60))) for _ in range(250)]
        assert sum(map(len, raised)) <= 1


def test_one_answer_to_everything_is_noticed():
    gold = list(LABELS) * 7
    [alarm] = of_answers("xnli test de", "de", gold, ["neutral"] * 21)
    assert alarm == ("one_answer", "de", "xnli test de: all 21 predictions are 'neutral'")
    assert kinds(gold, ["neutral"] * 20 + ["entailment"]) == []
    assert kinds(gold[:20], ["neutral"] * 20) == []
    assert kinds(["neutral"] * 30, ["neutral"] * 30) == []  # and right so
    assert kinds([["NOUN", "VERB"]] * 25, [["NOUN", "NOUN"]] * 25) == ["one_answer"]
    assert kinds([["NOUN", "VERB"]] * 25, [["NOUN", "X"]] * 25) == []
    assert kinds([[], ["a dog"], ["a cat"]] * 10, [""] * 30) == ["one_answer"]
    assert kinds([[4.0, 0.1], [4.0, 0.2]] * 20, [[4.0, 4.0]] * 40) == []  # guesses at hidden tokens are no labels


# A whole evaluation


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Enough rows a language for every alarm."""
    folder = tmp_path_factory.mktemp("rows") / "mirror"
    return write_rows(folder, size=90, few=60, speaking=("en", "de"), only=("xnli",))


@pytest.fixture(scope="module")
def make_run(base, rows, tmp_path_factory):
    def make(method="lora"):
        settings = {
            "resources.mirror": str(rows),
            "precision": "fp32",
            "train.max_steps": 4,
            "train.eval_every": 4,
            "train.learning_rate": 1e-3,
        }
        out = tmp_path_factory.mktemp("runs") / method
        return train_target("xnli", out=out, base=str(base), method=method, settings=settings)

    return make


@pytest.fixture(scope="module")
def trained(make_run):
    return make_run()


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained.path, tmp_path / "run")
    return replace(trained, path=tmp_path / "run")


@pytest.fixture
def answering(monkeypatch):
    """Let an evaluation answer as a function of the right label does."""

    def answer(wrong):
        def predict(model, encoded, *_):
            return [Prediction(wrong(answers.gold_values(encoded)[row]), 1.0) for row in range(len(encoded.rows))]

        monkeypatch.setattr(answers, "predict", predict)

    return answer


def silenced(run, effect):
    """Set everything to zero through which the run's module changes the encoder."""
    [file] = (run.path / "adapter").glob("*.safetensors")
    tensors = load_file(file)
    zeros = {name: torch.zeros_like(tensor) for name, tensor in tensors.items() if effect in name}
    assert zeros
    save_file({**tensors, **zeros}, file, metadata={"format": "pt"})
    return read_run(run.path)


def test_alarms_are_said_once_written_down_and_shown(run, rows, answering, capsys):
    answering(TURNED.get)
    [found] = evaluate(run, "xnli", settings={"resources.mirror": str(rows)})
    written = json.loads((found.path / "metrics.json").read_text())["alarms"]
    assert [(alarm["kind"], alarm["language"]) for alarm in written] == [
        ("labels_renamed", "de"),
        ("labels_renamed", "en"),
    ]
    evaluate(run, "xnli", settings={"resources.mirror": str(rows)})
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ALARM: ")]
    assert said == [f"ALARM: {alarm['message']}" for alarm in written]
    assert [note for note in score_tables([found])[0].notes if "ALARM" in note] == said
    assert f"xnli test: ALARM in run: {written[0]['message']}" in compare([run]).notes


def test_a_sound_evaluation_raises_none(run, rows, answering, capsys):
    answering(lambda label: label)
    [found] = evaluate(run, "xnli", settings={"resources.mirror": str(rows)})
    assert found.metrics["alarms"] == []
    assert "ALARM" not in capsys.readouterr().err
    assert not any("ALARM" in note for note in score_tables([found])[0].notes + compare([run]).notes)


def test_one_predicted_class_is_written_down(run, rows, answering):
    answering(lambda label: "neutral")
    [found] = evaluate(run, "xnli", languages=["de"], settings={"resources.mirror": str(rows)})
    assert [alarm["kind"] for alarm in found.metrics["alarms"]] == ["one_answer"]


def test_placeholder_gold_is_refused(run, rows, tmp_path):
    shutil.copytree(rows, tmp_path / "rows")
    task = tasks.get("xnli")
    [file] = (tmp_path / "rows" / task.repo / "de").glob("test-*")
    table = pq.read_table(file)
    place = table.column_names.index("label")
    for label, message in [(-1, "every label is -1"), (1, "as in files with placeholder labels")]:
        column = pa.array([label] * table.num_rows, table.schema.field("label").type)
        pq.write_table(table.set_column(place, table.schema.field("label"), column), file)
        with pytest.raises(UserError, match=message):
            evaluate(run, "xnli", settings={"resources.mirror": str(tmp_path / "rows")})


# Modules


@pytest.mark.parametrize("method", ["lora", "bottleneck", "full"])
def test_a_trained_module_is_not_idle(method, make_run):
    assert of_run(make_run(method)) == []


@pytest.mark.parametrize("method", EFFECTS)
def test_a_module_that_does_nothing_is_noticed_in_every_evaluation(method, make_run, rows, capsys):
    run = silenced(make_run(method), EFFECTS[method])
    [found] = evaluate(run, "xnli", languages=["en"], settings={"resources.mirror": str(rows)})
    idle = [alarm for alarm in found.metrics["alarms"] if alarm["kind"] == "idle_adapter"]
    assert len(idle) == 1
    assert idle[0]["language"] == ""
    assert f"every {EFFECTS[method]} is zero: it does nothing" in idle[0]["message"]
    assert f"ALARM: {idle[0]['message']}" in capsys.readouterr().err


def test_one_number_is_enough_for_a_module_to_do_something(make_run):
    run = silenced(make_run(), "lora_B")
    [file] = (run.path / "adapter").glob("*.safetensors")
    tensors = load_file(file)
    tensors[max(name for name in tensors if "lora_B" in name)][0, 0] = 1e-4
    save_file(tensors, file, metadata={"format": "pt"})
    assert of_run(run) == []


def test_nothing_is_known_of_a_method_that_names_no_such_tensors(run, monkeypatch):
    silenced(run, "lora_B")
    monkeypatch.setattr(methods.get("lora"), "effect", "")
    assert of_run(run) == []


def test_an_idle_module_inside_a_stack_is_named(run, make_run, tmp_path):
    above = silenced(make_run(), "lora_B")
    made = stack([run, above], out=tmp_path / "stack")
    [alarm] = of_run(read_run(made.path))
    assert str(read_run(made.path).modules[1].folder) in alarm.message


# The base


@pytest.fixture
def changed(base, tmp_path):
    """Write the tiny base anew, with other tensors or another configuration."""

    def write(change=None, **config):
        shutil.copytree(base, tmp_path / "changed")
        known = json.loads((base / "config.json").read_text())
        (tmp_path / "changed/config.json").write_text(json.dumps({**known, **config}))
        tensors = load_file(base / "model.safetensors")
        save_file(
            change(tensors) if change else tensors, tmp_path / "changed/model.safetensors", metadata={"format": "pt"}
        )
        return str(tmp_path / "changed")

    return write


def test_weights_that_a_base_lacks_are_named(changed):
    lost = {"encoder.layer.0.output.dense.bias", "embeddings.LayerNorm.weight"}
    folder = changed(lambda tensors: {name: tensor for name, tensor in tensors.items() if name not in lost})
    with pytest.raises(UserError, match=r"lacks 2 weights .*: embeddings\.LayerNorm\.weight, encoder\.layer\.0"):
        find_base(folder)


def test_layers_that_the_configuration_has_no_place_for_are_named(changed):
    with pytest.raises(UserError, match=r"holds 16 weights that .* no place for: encoder\.layer\.1\..*, \.\.\."):
        find_base(changed(num_hidden_layers=1))


def test_weights_in_another_shape_are_named(changed):
    with pytest.raises(UserError, match=r"another shape than .*: .*encoder\.layer\.0\.intermediate\.dense\.bias"):
        find_base(changed(intermediate_size=128))


def test_heads_and_old_buffers_beside_the_encoder_are_no_error(changed, base):
    def with_heads(tensors):
        beside = {
            "lm_head.dense.weight": torch.zeros(64, 64),
            "lm_head.decoder.weight": torch.zeros(9, 64),
            "pooler.dense.weight": torch.zeros(64, 64),
            "classifier.out_proj.weight": torch.zeros(2, 64),
            "roberta.embeddings.position_ids": torch.arange(258)[None],
        }
        return {**{f"roberta.{name}": tensor for name, tensor in tensors.items()}, **beside}

    found = find_base(changed(with_heads))
    assert found.fingerprint == find_base(str(base)).fingerprint
    same = dict(load_encoder(find_base(str(base))).named_parameters())
    assert all(torch.equal(tensor, same[name]) for name, tensor in load_encoder(found).named_parameters())
