"""Exports: what another library loads answers as the run does; what it cannot hold is refused and leaves nothing."""

from __future__ import annotations

import json
import shutil

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import adapterstilts
from adapterstilts.cli import call as cli
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import read_head
from adapterstilts.evaluation.load import load_run
from adapterstilts.exchange import probes
from adapterstilts.exchange.classes import head_tensors, labels_of
from adapterstilts.formats.tagging import IGNORED
from adapterstilts.mini.embedded import embedded_base
from adapterstilts.model import Runtime

CPU = Runtime(torch.device("cpu"), "fp32", 8192)
KINDS = {  # a task of each format, and the class of transformers that answers it
    "snli": "SequenceClassification",
    "helpsteer3": "SequenceClassification",
    "udpos": "TokenClassification",
    "squad_v1": "QuestionAnswering",
    "hellaswag": "MultipleChoice",
}
TRAINING = {"train.max_steps": 2, "train.eval_examples": 4, "precision": "fp32", "train.learning_rate": 0.02}
TRAINING["train.eval_every"] = 2  # one look, at the end: what is exported has really been trained


@pytest.fixture(scope="module")
def runs(base, mirror, tmp_path_factory):
    """A LoRA of every format, two tasks at once, a stack, a merge, masked LM, a full run."""
    folder = tmp_path_factory.mktemp("runs")
    settings = {**TRAINING, "resources.mirror": str(mirror)}
    for task in KINDS:
        lora = {"method.target_modules": "all", "method.rslora": True} if task == "udpos" else {}
        adapterstilts.train_intermediate(task, out=folder / task, base=str(base), settings={**settings, **lora})
    adapterstilts.train_intermediate(["snli", "udpos"], out=folder / "two", base=str(base), settings=settings)
    adapterstilts.stack([folder / "snli", folder / "udpos"], out=folder / "stack")
    adapterstilts.merge([folder / "snli", folder / "squad_v1"], how="mean", out=folder / "merged")
    adapterstilts.continue_mlm("wikipedia", out=folder / "mlm", base=str(base), settings=settings)
    full = {**settings, "train.learning_rate": 1e-3}
    adapterstilts.train_intermediate("snli", method="full", out=folder / "full", base=str(base), settings=full)
    return folder


def ours(path, task):
    """Logits of a run's head for two texts of unequal length, in our own way; masked positions are left out."""
    run = adapterstilts.read_run(path)
    model = load_run(run, CPU).model
    read_head(run, task).load(model, task)
    with torch.no_grad():
        return model.eval()(task, {**TEXTS, "labels": torch.where(REAL, TEXTS["input_ids"], IGNORED)})


IDS = torch.tensor([[0, 5, 6, 7, 8, 2], [0, 8, 9, 2, 1, 1]])
REAL = IDS != 1
TEXTS = {"input_ids": IDS, "attention_mask": REAL.long()}


def theirs(model, task):
    batch = {name: tensor[None] for name, tensor in TEXTS.items()} if task == "hellaswag" else TEXTS
    with torch.no_grad():
        found = model.eval()(**batch)
    if task == "squad_v1":
        return torch.stack([found.start_logits, found.end_logits], -1)
    if task == "hellaswag":
        return found.logits.view(-1, 1)
    return found.logits[REAL] if task == "wikipedia" else found.logits


def same(one, other):
    size = max(float(other.abs().max()), 0.1)
    torch.testing.assert_close(one, other, rtol=0, atol=2e-6 * size)
    return True


@pytest.mark.parametrize("task", KINDS)
def test_transformers_alone_answers_as_the_run_does(task, runs, base, tmp_path):
    out = adapterstilts.export(runs / task, to="transformers", out=tmp_path / "out").path
    kind = getattr(transformers, f"AutoModelFor{KINDS[task]}")
    model = kind.from_pretrained(out)
    assert same(theirs(model, task), ours(runs / task, task))
    head = read_head(adapterstilts.read_run(runs / task), task)
    if task in ("snli", "udpos"):
        assert list(model.config.id2label.values()) == head.record.labels
        assert model.config.label2id == {name: number for number, name in model.config.id2label.items()}
    bare = transformers.AutoModel.from_pretrained(base)
    moved = bare.state_dict()[VALUE]
    assert float((load_file(out / "model.safetensors")[f"roberta.{VALUE}"] - moved).abs().max()) > 1e-3
    assert transformers.AutoTokenizer.from_pretrained(out)("a b")["input_ids"][0] == 0


VALUE = "encoder.layer.0.attention.self.value.weight"


@pytest.mark.parametrize("task", KINDS)
def test_peft_loads_a_task_class_that_answers_as_the_run_does(task, runs, base, tmp_path):
    made = adapterstilts.export(runs / task, to="peft", head=task, out=tmp_path / "out")
    head = read_head(adapterstilts.read_run(runs / task), task)
    kind = getattr(transformers, f"AutoModelFor{KINDS[task]}")
    model = peft.PeftModel.from_pretrained(kind.from_pretrained(base, **labels_of(head)), made.path)
    assert same(theirs(model, task), ours(runs / task, task))
    keys = load_file(made.path / "adapter_model.safetensors")
    assert all(key.startswith("base_model.model.") for key in keys)
    assert any(key.startswith("base_model.model.roberta.encoder.layer.1.") for key in keys)
    assert made.record["check"]["compared"] == "logits"


def test_pefts_own_auto_classes_load_an_export(runs, tmp_path):
    sequence = adapterstilts.export(runs / "snli", to="peft", head="snli", out=tmp_path / "snli").path
    choice = adapterstilts.export(runs / "hellaswag", to="peft", head="hellaswag", out=tmp_path / "choice").path
    model = peft.AutoPeftModelForSequenceClassification.from_pretrained(sequence, num_labels=3)
    assert same(theirs(model, "snli"), ours(runs / "snli", "snli"))
    assert same(theirs(peft.AutoPeftModel.from_pretrained(choice), "hellaswag"), ours(runs / "hellaswag", "hellaswag"))


@pytest.mark.parametrize("name", ["snli", "stack", "merged"])
def test_peft_loads_a_run_a_stack_or_a_merge_onto_the_bare_encoder(name, runs, base, tmp_path):
    out = adapterstilts.export(runs / name, to="peft", out=tmp_path / "out").path
    model = peft.PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(base, add_pooling_layer=False), out)
    with torch.no_grad():
        wanted = load_run(adapterstilts.read_run(runs / name), CPU).model.encoder(**TEXTS).last_hidden_state
        assert same(model.eval()(**TEXTS).last_hidden_state, wanted)
    if name == "snli":  # a copy, so that its rank, alpha and dropout are those it was trained with
        weights = "adapter_model.safetensors"
        assert (out / weights).read_bytes() == (runs / name / "adapter" / weights).read_bytes()


def test_a_stack_is_exported_with_the_head_of_one_member(runs, tmp_path):
    out = adapterstilts.export(runs / "stack", to="transformers", head="udpos", out=tmp_path / "out").path
    model = transformers.AutoModelForTokenClassification.from_pretrained(out)
    assert same(theirs(model, "udpos"), ours(runs / "stack", "udpos"))


def test_masked_lm_is_exported_with_the_bases_tied_embeddings(runs, tmp_path):
    out = adapterstilts.export(runs / "mlm", to="transformers", out=tmp_path / "out").path
    model, report = transformers.AutoModelForMaskedLM.from_pretrained(out, output_loading_info=True)
    assert list(report["missing_keys"]) == []
    assert same(theirs(model, "wikipedia"), ours(runs / "mlm", "wikipedia"))


def test_peft_takes_an_lm_head_that_is_the_bases_own(tmp_path, mirror):
    settings = {**TRAINING, "resources.mirror": str(mirror)}
    run = adapterstilts.continue_mlm("wikipedia", out=tmp_path / "run", base="mini", settings=settings)
    out = adapterstilts.export(run.path, to="peft", head="wikipedia", out=tmp_path / "out").path
    base = transformers.AutoModelForMaskedLM.from_pretrained(embedded_base(), dtype=torch.float32)
    assert same(theirs(peft.PeftModel.from_pretrained(base, out), "wikipedia"), ours(run.path, "wikipedia"))
    assert all(".lora_" in key for key in load_file(out / "adapter_model.safetensors"))


def test_a_full_run_is_exported_bit_for_bit(runs, tmp_path):
    made = adapterstilts.export(runs / "full", to="transformers", out=tmp_path / "out")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(made.path)
    assert torch.equal(theirs(model, "snli"), ours(runs / "full", "snli"))
    assert made.record["check"]["largest"] == 0.0
    assert made.record["from"]["modules"] == ["full"]


def test_without_a_head_the_bare_encoder_is_exported(runs, tmp_path):
    shutil.copytree(runs / "snli", tmp_path / "headless")
    shutil.rmtree(tmp_path / "headless/heads")
    made = adapterstilts.export(tmp_path / "headless", to="transformers", out=tmp_path / "out")
    encoder = transformers.AutoModel.from_pretrained(made.path, add_pooling_layer=False).eval()
    with torch.no_grad():
        wanted = load_run(adapterstilts.read_run(runs / "snli"), CPU).model.encoder(**TEXTS).last_hidden_state
        assert same(encoder(**TEXTS).last_hidden_state, wanted)
    assert json.loads((made.path / "config.json").read_text())["architectures"] == ["XLMRobertaModel"]


REFUSED = {
    "several heads": (["two", "--to", "transformers"], "2 heads: snli, udpos"),
    "no such head": (["snli", "--to", "transformers", "--head", "snly"], "did you mean 'snli'"),
    "a whole encoder for peft": (["full", "--to", "peft"], "no adapter"),
    "a whole encoder for adapters": (["full", "--to", "adapters"], "no adapter"),
    "a trained LM head for peft": (["mlm", "--to", "peft", "--head", "wikipedia"], "the LM head was trained"),
    "another library": (["snli", "--to", "pefd"], "did you mean 'peft'"),
    "a head for adapters": (["snli", "--to", "adapters", "--head", "snli"], "no place for a head"),
    "attention output for adapters": (["udpos", "--to", "adapters"], "silently ignores attention-output LoRA on XLM-R"),
    "a rank": (["snli", "--to", "peft", "--rank", "4"], "--rank is for a DoRA"),
    "no run": (["nowhere", "--to", "peft"], "there is no folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_format_cannot_hold_is_refused_with_exit_2_and_leaves_nothing(case, runs, tmp_path, monkeypatch, capfd):
    words, message = REFUSED[case]
    monkeypatch.chdir(runs)
    assert cli(["export", *words, "--out", str(tmp_path / "out")]) == 2
    assert message in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_answers_otherwise_is_not_kept(runs, tmp_path, monkeypatch):
    room = "adapterstilts.exchange.targets.transformers"

    def spoil(tensors, file, **more):
        save_file({**tensors, f"roberta.{VALUE}": tensors[f"roberta.{VALUE}"] + 1e-6}, file, **more)

    def swapped(head, config):
        tensors = head_tensors(head, config)
        return {**tensors, "classifier.out_proj.weight": tensors["classifier.out_proj.weight"].flip(0)}

    monkeypatch.setattr("safetensors.torch.save_file", spoil)
    with pytest.raises(UserError, match="differs between"):
        adapterstilts.export(runs / "snli", to="transformers", out=tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr(f"{room}.head_tensors", swapped)
    with pytest.raises(UserError, match="answers otherwise"):
        adapterstilts.export(runs / "snli", to="transformers", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_exports_tolerance_is_far_below_what_any_one_fault_gives(runs, tmp_path):
    """Without the bias in the head, or with the update of one layer at a scale of 1.1, answers are further off."""
    out = adapterstilts.export(runs / "snli", to="transformers", out=tmp_path / "out").path
    right = load_file(out / "model.safetensors")
    answers = theirs(transformers.AutoModelForSequenceClassification.from_pretrained(out), "snli")
    base = transformers.AutoModel.from_pretrained(adapterstilts.read_run(runs / "snli").record.base.name).state_dict()
    key = f"roberta.{VALUE}"
    for change in (
        {key: right[key] + 0.1 * (right[key] - base[VALUE])},
        {"classifier.out_proj.bias": 0 * right["classifier.out_proj.bias"]},
    ):
        save_file({**right, **change}, out / "model.safetensors", metadata={"format": "pt"})
        wrong = theirs(transformers.AutoModelForSequenceClassification.from_pretrained(out), "snli")
        assert probes.relative(wrong, answers) > probes.ALLOWED


def test_the_same_export_again_is_done_and_another_one_refused(runs, tmp_path, capfd):
    first = adapterstilts.export(runs / "snli", to="peft", out=tmp_path / "out")
    stamp = (first.path / "export.json").stat().st_mtime_ns
    assert adapterstilts.export(runs / "snli", to="peft", out=tmp_path / "out").record == first.record
    assert "already done" in capfd.readouterr().err
    assert (first.path / "export.json").stat().st_mtime_ns == stamp
    with pytest.raises(UserError, match="something else"):
        adapterstilts.export(runs / "snli", to="peft", head="snli", out=tmp_path / "out")


def test_another_base_is_refused(runs, tmp_path, tokenizer_folder):
    from adapterstilts.mini.random_base import Shape, random_base

    other = random_base(tokenizer_folder, tmp_path / "other", shape=Shape(layers=2, hidden=64, positions=258), seed=1)
    for name in ("snli", "full"):
        with pytest.raises(UserError, match="another base"):
            adapterstilts.export(runs / name, to="transformers", base=str(other), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
