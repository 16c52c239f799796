"""Masked LM beside intermediate tasks: its share, its text, what it leaves alone, what it tells; any run on text."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
from collections import Counter

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, XLMRobertaForMaskedLM

from adapterstilts.base import find_base, load_lm_head
from adapterstilts.cli import call
from adapterstilts.compose.merge import merge
from adapterstilts.config.schema import TrainSettings
from adapterstilts.data.mixing import Interleaved, Mixture, proportional, text_steps
from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.methods import methods
from adapterstilts.store.run import read_run
from adapterstilts.train import loop
from adapterstilts.train.command import continue_mlm, train_intermediate, train_target

LANGUAGES = ("en", "sw")


@pytest.fixture(scope="module")
def with_head(base, tmp_path_factory):
    """The tiny base as transformers saves it with an LM head, as XLM-R's own files have it."""
    folder = tmp_path_factory.mktemp("base") / "mlm"
    torch.manual_seed(0)
    XLMRobertaForMaskedLM.from_pretrained(base).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def arguments(with_head, mirror):
    settings = {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "data.max_length": 32,
        "train.batch_size": 8,
        "train.max_steps": 6,
        "train.eval_every": 4,
        "train.eval_examples": 20,
        "train.learning_rate": 5e-3,
        "mlm.ratio": 0.4,
        "mlm.languages": ",".join(LANGUAGES),
    }
    return {"task": "snli", "base": str(with_head), "settings": settings}


def but(arguments, *absent, **changed):
    """Return the arguments without some settings, with some changed; a double underscore stands for a dot."""
    kept = {name: value for name, value in arguments["settings"].items() if name not in absent}
    return {**arguments, "settings": {**kept, **{name.replace("__", "."): value for name, value in changed.items()}}}


WITHOUT = ("mlm.ratio", "mlm.languages")


def steps_of(made):
    entries = [json.loads(line) for line in (made.path / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if "task" in entry], [entry for entry in entries if "dev" in entry]


@pytest.fixture(scope="module")
def whole(arguments, tmp_path_factory):
    return train_intermediate(out=tmp_path_factory.mktemp("whole") / "run", method="full", **arguments)


@pytest.mark.parametrize(("ratio", "own"), [(0.2, 100), (0.5, 7), (0.9, 3), (0.01, 5), (0.37, 41)])
def test_the_share_is_exact_even_and_on_top_of_the_tasks_own_steps(ratio, own):
    of_text = text_steps(own, ratio)
    tasks, text = Mixture(["a", "b"], [0.5, 0.5], 0), Mixture(["en"], [1.0], 0)
    mixture = Interleaved(tasks, text, own + of_text, of_text)
    taken = [mixture.task_at(step) for step in range(own + of_text)]
    assert [name for name in taken if name != "en"] == [tasks.task_at(step) for step in range(own)]
    assert of_text == max(1, round(ratio * len(taken)))
    for end in range(len(taken) + 1):  # at no point is the text more than half a step ahead or behind
        assert abs(taken[:end].count("en") - end * of_text / len(taken)) <= 0.5


def test_the_tasks_steps_are_those_of_the_run_without(arguments, tmp_path):
    two = {**arguments, "task": ["snli", "udpos"]}
    runs = [
        train_intermediate(out=tmp_path / "with", **two),
        train_intermediate(out=tmp_path / "no", **but(two, *WITHOUT)),
    ]
    (mixed, _), (plain, _) = map(steps_of, runs)
    assert [step["task"] for step in mixed if "wikipedia" not in step["task"]] == [step["task"] for step in plain]
    assert len(plain) == 6
    assert len(mixed) == 10
    assert runs[0].record.best["planned"] == 10
    assert (runs[0].record.budget.steps, runs[1].record.budget.steps) == (10, 6)


def test_the_tasks_examples_are_those_of_the_run_without(arguments, tmp_path, monkeypatch):
    seen: dict[str, list[tuple[str, list[int]]]] = {"with": [], "no": []}
    real = loop._backward
    for name, given in (("with", arguments), ("no", but(arguments, *WITHOUT))):
        with monkeypatch.context() as patch:
            patch.setattr(
                loop,
                "_backward",
                lambda member, task, indices, runtime, name=name: (
                    seen[name].append((task, indices.tolist())) or real(member, task, indices, runtime)
                ),
            )
            train_intermediate(out=tmp_path / name, **given)
    assert [one for one in seen["with"] if one[0] == "snli"] == seen["no"]
    assert len(seen["no"]) == 6


def test_by_epochs_too_the_text_comes_on_top(arguments, tmp_path):
    short = but(arguments, "train.max_steps", train__epochs=1, data__limit_train=40)
    steps, _ = steps_of(train_intermediate(out=tmp_path / "run", **short))
    counts = Counter(step["task"].split(".")[0] for step in steps)
    assert counts == {"snli": 5, "wikipedia": text_steps(5, 0.4)}


def test_languages_share_the_text_steps_by_the_exponent():
    sizes, settings = {"w.en": 900, "w.sw": 100}, TrainSettings(language_exponent=0.5)
    text = proportional(sizes, dict.fromkeys(sizes, "w"), settings, 1)
    mixture = Interleaved(Mixture(["snli"], [1.0], 0), text, 4000, 2000)
    counts = Counter(mixture.task_at(step) for step in range(4000))
    assert counts["snli"] == 2000
    assert counts["w.sw"] / 2000 == pytest.approx(0.25, abs=0.03)


def test_the_record_tells_of_the_share_the_text_and_what_held_out_text_says(whole):
    record = whole.record
    assert record.config["tasks"] == ["snli"]
    assert record.config["mlm"] == {"ratio": 0.4, "languages": list(LANGUAGES)}
    text = [f"wikipedia.{language}-{split}" for language in LANGUAGES for split in ("train", "dev")]
    assert set(record.data) == {"snli-train", "snli-dev", *text}
    assert whole.heads == ["snli", "wikipedia"]
    held_out = record.held_out
    assert set(held_out.before) == set(held_out.after) == set(LANGUAGES)
    assert all(held_out.after[language].loss < held_out.before[language].loss for language in LANGUAGES)


def test_limits_of_the_tasks_rows_are_none_of_the_text(arguments, whole, tmp_path):
    few = train_intermediate(out=tmp_path / "run", **but(arguments, data__limit_train=16))
    assert few.record.data["snli-train"]["rows"] == 16
    assert few.record.data["wikipedia.sw-train"] == whole.record.data["wikipedia.sw-train"]
    assert few.record.data["wikipedia.sw-train"]["rows"] > 16


def test_the_tasks_dev_rows_alone_choose_the_checkpoint(arguments, tmp_path, monkeypatch):
    scores = itertools.count(1)
    asked = []
    rising = {"snli": lambda number: -number, "wikipedia.en": lambda number: 1e6 * number}
    monkeypatch.setattr(
        loop,
        "_dev_score",
        lambda member, label, *_: asked.append(label) or float(rising.get(label, rising["wikipedia.en"])(next(scores))),
    )
    made = train_intermediate(out=tmp_path / "run", method="full", **arguments)
    assert set(asked) == {"snli"}
    _, looks = steps_of(made)
    assert [set(look["dev"]) for look in looks] == [{"snli"}] * 3  # after 4, 8 and 10 steps
    assert made.record.best["step"] == 4  # where snli was best, although every later look at text would be better


def test_after_is_of_the_checkpoint_that_the_task_has_chosen(arguments, mirror, tmp_path, monkeypatch):
    scores = itertools.count(1)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_dev_score", lambda *_: -float(next(scores)))
        made = train_intermediate(out=tmp_path / "run", method="full", **but(arguments, train__eval_examples=500))
    assert made.record.best["step"] == 4
    found = evaluated(made, mirror)
    for language, guesses in made.record.held_out.after.items():
        assert guesses.loss == pytest.approx(found[language]["loss"], rel=1e-5)
        assert guesses.perplexity == pytest.approx(found[language]["perplexity"], rel=1e-4)


def evaluated(made, mirror, **others):
    settings = {"resources.mirror": str(mirror)}
    [found] = evaluate(made, "wikipedia", split="dev", languages=LANGUAGES, settings=settings, **others)
    return found.metrics["languages"]


@pytest.mark.parametrize("method", methods.names())
def test_text_reaches_the_module_and_the_base_head_is_trained_by_full_alone(arguments, with_head, method, tmp_path):
    made = train_intermediate(out=tmp_path / "run", method=method, **arguments)
    plain = train_intermediate(out=tmp_path / "plain", method=method, **but(arguments, *WITHOUT))
    kept, own = load_file(made.path / "heads/wikipedia.safetensors"), load_lm_head(find_base(str(with_head)))
    assert all(torch.equal(kept[name], tensor) for name, tensor in own.items()) == (method != "full")
    assert made.record.cost.trainable_params.adapter == plain.record.cost.trainable_params.adapter
    files = [next((one.path / methods.get(method).folder).rglob("*.safetensors")) for one in (made, plain)]
    assert files[0].read_bytes() != files[1].read_bytes()
    assert all(made.record.held_out.after[code].loss != made.record.held_out.before[code].loss for code in LANGUAGES)


def test_text_files_stand_in_for_wikipedia(arguments, tmp_path):
    (tmp_path / "notes.txt").write_text("\n".join(f"Habari ya leo ni ya {number}." for number in range(60)))
    own = but(arguments, "mlm.languages", data__text={"sw": [str(tmp_path / "notes.txt")]})
    made = train_intermediate(out=tmp_path / "run", **own)
    assert set(made.record.data) == {"snli-train", "snli-dev", "wikipedia.sw-train", "wikipedia.sw-dev"}
    assert made.record.data["wikipedia.sw-train"]["revision"].startswith("text:")
    assert set(made.record.held_out.after) == {"sw"}


def stopped_after(monkeypatch, step):
    real = loop.optimiser_step

    def stopped(member, runtime):
        result = real(member, runtime)
        if member.progress.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(loop, "optimiser_step", stopped)


@pytest.mark.parametrize("method", methods.names())
def test_an_interrupted_run_ends_bit_by_bit_like_an_undisturbed_one(arguments, method, tmp_path, monkeypatch):
    arguments = {**but(arguments, train__save_every=2), "method": method}
    undisturbed = train_intermediate(out=tmp_path / "whole", **arguments)
    for step in (1, 3, 7):
        with monkeypatch.context() as patch:
            stopped_after(patch, step)
            with pytest.raises(Interrupted):
                train_intermediate(out=tmp_path / "broken", **arguments)
    again = train_intermediate(out=tmp_path / "broken", **arguments)
    names = [path for path in again.path.rglob("*") if path.suffix in {".safetensors", ".jsonl"}]
    assert len(names) >= 4
    for path in names:
        assert path.read_bytes() == (undisturbed.path / path.relative_to(again.path)).read_bytes()
    assert again.record.held_out == undisturbed.record.held_out
    assert again.record.best == undisturbed.record.best


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5, "nan", "much"])
def test_a_ratio_outside_is_refused_with_its_value(arguments, ratio, tmp_path):
    with pytest.raises(UserError, match=f"mlm.ratio = {ratio!r}"):
        train_intermediate(out=tmp_path / "no", **but(arguments, mlm__ratio=ratio))
    assert not (tmp_path / "no").exists()


def test_what_makes_no_sense_is_refused_before_anything_is_written(arguments, mirror, tmp_path):
    cases = [
        (train_intermediate, but(arguments, "mlm.ratio"), "--mlm-languages says nothing without a share"),
        (train_intermediate, but(arguments, mlm__languages="en,xx"), "has no language 'xx'"),
        (train_intermediate, {**arguments, "task": "wikipedia"}, "wikipedia is masked LM itself"),
        (train_intermediate, but(arguments, data__text={"sw": ["a.txt"]}), "stand in for them"),
        (train_intermediate, but(arguments, *WITHOUT, data__text={"sw": ["a.txt"]}), "cannot be rows of task snli"),
        (train_target, {**arguments, "task": "xnli"}, "train-target has no masked LM beside it"),
        (continue_mlm, {**arguments, "task": "wikipedia"}, "continue-mlm has no masked LM beside it"),
    ]
    for train, given, message in cases:
        with pytest.raises(UserError, match=message):
            train(out=tmp_path / "no", **given)
    assert not (tmp_path / "no").exists()


def test_a_head_that_is_asked_for_is_the_tasks_alone(arguments, with_head, tmp_path):
    first = train_intermediate(out=tmp_path / "first", **but(arguments, *WITHOUT))
    from_it = {**but(arguments, reuse_head="snli", train__learning_rate=1e-30), "base": None, "start": first.path}
    again = train_intermediate(out=tmp_path / "again", **from_it)
    before, after = (load_file(one.path / "heads/snli.safetensors") for one in (first, again))
    assert all(torch.allclose(before[name], after[name]) for name in before)
    lm, own = load_file(again.path / "heads/wikipedia.safetensors"), load_lm_head(find_base(str(with_head)))
    assert all(torch.equal(lm[name], own[name]) for name in own)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_without_masked_lm_is_scored_on_text_by_its_bases_head(arguments, method, mirror, with_head, tmp_path):
    """Where nothing was learned, the figures are those of the base itself."""
    still = but(arguments, *WITHOUT, "data.max_length", train__learning_rate=1e-30, train__max_steps=1)
    made = train_intermediate(out=tmp_path / "run", method=method, **still)
    found, settings = evaluated(made, mirror), {"resources.mirror": str(mirror), "precision": "fp32"}
    asked = {"split": "dev", "languages": LANGUAGES, "settings": settings}
    [of_base] = evaluate_base(str(with_head), "wikipedia", out=tmp_path / "base", **asked)
    for language in LANGUAGES:
        assert found[language]["n"] > 1
        assert found[language] == pytest.approx(of_base.metrics["languages"][language], rel=1e-5)
    metrics = json.loads((made.path / "eval/wikipedia-dev/metrics.json").read_text())
    assert metrics["head_from"] == f"base {find_base(str(with_head)).fingerprint}"
    assert made.heads == ["snli"]


def test_a_run_from_a_run_answers_with_the_nearest_lm_head(arguments, mirror, with_head, whole, tmp_path):
    still = {**but(arguments, *WITHOUT, train__learning_rate=1e-30, train__max_steps=1), "base": None}
    child = train_intermediate(out=tmp_path / "child", method="full", **{**still, "start": whole.path})
    grandchild = train_intermediate(out=tmp_path / "more", method="lora", on_top=True, **{**still, "start": child.path})
    wanted = evaluated(whole, mirror)
    for made in (child, grandchild):
        found = evaluated(made, mirror)
        for language in LANGUAGES:
            assert found[language]["loss"] == pytest.approx(wanted[language]["loss"], rel=1e-4)
        metrics = json.loads((made.path / "eval/wikipedia-dev/metrics.json").read_text())
        assert metrics["head_from"] == f"run {whole.record.fingerprint}"


def test_training_goes_on_with_the_lm_head_of_the_run_before(arguments, whole, tmp_path):
    more = {**but(arguments, train__learning_rate=1e-30), "base": None, "start": whole.path}
    made = train_intermediate(out=tmp_path / "run", method="full", **more)
    before, after = (load_file(one.path / "heads/wikipedia.safetensors") for one in (whole, made))
    assert all(torch.allclose(before[name], after[name]) for name in before)
    for language in LANGUAGES:
        wanted = whole.record.held_out.after[language].loss
        assert made.record.held_out.before[language].loss == pytest.approx(wanted, rel=1e-5)


def test_a_merged_run_answers_with_the_bases_own_head(arguments, mirror, with_head, tmp_path):
    runs = [train_intermediate(out=tmp_path / task, **{**arguments, "task": task}) for task in ("snli", "qqp")]
    merged = read_run(merge(runs, how="linear", out=tmp_path / "merged").path)
    assert "wikipedia" not in merged.heads
    assert set(evaluated(merged, mirror)) == set(LANGUAGES)


def test_a_base_moved_or_changed_is_said(arguments, mirror, with_head, tmp_path):
    moving = tmp_path / "base"
    shutil.copytree(with_head, moving)
    short = {**but(arguments, *WITHOUT, train__max_steps=1), "base": str(moving)}
    made = train_intermediate(out=tmp_path / "run", method="full", **short)
    model = XLMRobertaForMaskedLM.from_pretrained(moving)
    torch.nn.init.normal_(model.roberta.embeddings.word_embeddings.weight)
    model.save_pretrained(moving)
    with pytest.raises(UserError, match="is another one now"):
        evaluated(made, mirror)


def test_a_run_on_a_base_without_lm_head_cannot_be_asked(arguments, base, mirror, tmp_path):
    made = train_intermediate(
        out=tmp_path / "run", **{**but(arguments, *WITHOUT, train__max_steps=1), "base": str(base)}
    )
    with pytest.raises(UserError, match="its base has none in its files"):
        evaluated(made, mirror)


def test_the_command_trains_prints_the_table_and_measures(with_head, mirror, tmp_path, capfd):
    out = tmp_path / "run"
    words = [
        "train-intermediate",
        "--task",
        "snli",
        "--with-mlm",
        "0.4",
        "--mlm-languages",
        "en,sw",
        "--max-steps",
        "3",
    ]
    words += ["--base", str(with_head), "--mirror", str(mirror), "--precision", "fp32", "--out", str(out)]
    assert call(words) == 0
    printed = capfd.readouterr()
    assert printed.out.strip() == str(out)
    assert "\nheld-out text\n" in printed.err
    assert [line.split()[0] for line in printed.err.splitlines() if line.strip().endswith("%")] == ["en", "sw"]
    assert call([*words, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["config"]["mlm"]["ratio"] == 0.4
    assert (
        call(
            [
                "evaluate",
                str(out),
                "--task",
                "wikipedia",
                "--split",
                "dev",
                "--languages",
                "sw",
                "--mirror",
                str(mirror),
            ]
        )
        == 0
    )
    assert "perplexity" in capfd.readouterr().out
    assert call([*words[:-1], str(tmp_path / "no"), "--with-mlm", "1.5"]) == 2
    assert "mlm.ratio = '1.5'" in capfd.readouterr().err


def test_own_text_comes_by_language_on_the_command_line(with_head, mirror, tmp_path, capfd):
    file = tmp_path / "notes.txt"
    file.write_text("\n".join(f"Habari ya leo ni ya {number}." for number in range(60)))
    words = ["train-intermediate", "--task", "snli", "--with-mlm", "0.4", "--max-steps", "3", "--base", str(with_head)]
    words += ["--mirror", str(mirror), "--precision", "fp32", "--out"]
    assert call([*words, str(tmp_path / "run"), "--mlm-text", f"sw={file}"]) == 0
    assert call([*words, str(tmp_path / "no"), "--mlm-text", "sw"]) == 2
    assert "cannot read --mlm-text 'sw'" in capfd.readouterr().err
