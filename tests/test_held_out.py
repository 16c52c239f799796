"""Held-out text before and after: the record's numbers are evaluation's own, and survive every interrupt."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal

import pytest

from adapterstilts.cli import call
from adapterstilts.errors import Interrupted
from adapterstilts.evaluation.command import evaluate
from adapterstilts.train import loop
from adapterstilts.train.command import continue_mlm, train_intermediate

LANGUAGES = ("en", "sw")


@pytest.fixture(scope="module")
def arguments(base, mirror):
    settings = {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "data.languages": ",".join(LANGUAGES),
        "data.max_length": 32,
        "train.max_steps": 6,
        "train.eval_every": 3,
        "train.learning_rate": 5e-3,
        "train.batch_size": 8,
    }
    return {"base": str(base), "settings": settings}


def but(arguments, **changes):
    return {**arguments, "settings": {**arguments["settings"], **{k.replace("__", "."): v for k, v in changes.items()}}}


@pytest.fixture(scope="module")
def whole(arguments, tmp_path_factory):
    return continue_mlm(out=tmp_path_factory.mktemp("whole") / "run", method="full", **arguments)


def evaluated(made, mirror):
    [found] = evaluate(made, "wikipedia", split="dev", languages=LANGUAGES, settings={"resources.mirror": str(mirror)})
    return found.metrics["languages"]


def test_after_is_what_evaluate_finds_with_the_kept_weights(whole, mirror):
    scores, after = evaluated(whole, mirror), whole.record.held_out.after
    assert set(after) == set(LANGUAGES)
    for language, guesses in after.items():
        assert guesses.loss == pytest.approx(scores[language]["loss"], rel=1e-5)
        assert guesses.accuracy == pytest.approx(scores[language]["accuracy"])
        assert guesses.perplexity == pytest.approx(math.exp(guesses.loss))


def test_before_is_what_evaluate_finds_where_nothing_was_learned(whole, arguments, mirror, tmp_path):
    still = continue_mlm(out=tmp_path / "run", method="full", **but(arguments, train__learning_rate=1e-30))
    assert still.record.held_out.before == still.record.held_out.after == whole.record.held_out.before
    scores = evaluated(still, mirror)
    for language, guesses in whole.record.held_out.before.items():
        assert guesses.loss == pytest.approx(scores[language]["loss"], rel=1e-5)
        assert whole.record.held_out.after[language].loss < guesses.loss


def test_after_is_of_the_look_that_was_best(arguments, mirror, tmp_path, monkeypatch):
    runs = {}
    for best, sign in ((3, -1.0), (6, 1.0)):  # scores that fall from look to look, and scores that rise
        numbers = itertools.count(1)
        with monkeypatch.context() as patch:
            patch.setattr(loop, "_dev_score", lambda *_, sign=sign, numbers=numbers: sign * next(numbers))
            runs[best] = continue_mlm(out=tmp_path / str(best), method="full", **arguments)
        assert (runs[best].record.best["step"], runs[best].record.best["steps"]) == (best, 6)
        scores = evaluated(runs[best], mirror)
        for language, guesses in runs[best].record.held_out.after.items():
            assert guesses.loss == pytest.approx(scores[language]["loss"], rel=1e-5)
    assert runs[3].record.held_out.before == runs[6].record.held_out.before
    assert runs[3].record.held_out.after["en"].loss != pytest.approx(runs[6].record.held_out.after["en"].loss, rel=1e-3)


def test_only_the_rows_that_choose_the_checkpoint_are_scored(whole, arguments, tmp_path):
    one = continue_mlm(out=tmp_path / "run", method="full", **but(arguments, train__eval_examples=1))
    assert one.record.data["wikipedia.sw-dev"]["rows"] == 1 < whole.record.data["wikipedia.sw-dev"]["rows"]
    assert one.record.held_out.before["sw"].loss != whole.record.held_out.before["sw"].loss


def interrupt(patch, name, call):
    """Let a signal arrive at the end of the given call of a function of the loop, counted from 1."""
    real, calls = getattr(loop, name), []

    def counted(*given):
        result = real(*given)
        calls.append(name)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    patch.setattr(loop, name, counted)


@pytest.mark.parametrize(
    ("function", "call"),
    [("_dev_scores", 1), ("_dev_scores", 2), ("optimiser_step", 1), ("optimiser_step", 4), ("_dev_scores", 7)],
    ids=["in the first look", "after it", "after one step", "between looks", "in the last look"],
)
def test_an_interrupted_run_keeps_both_and_ends_bit_by_bit(function, call, whole, arguments, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, function, call)
        with pytest.raises(Interrupted):
            continue_mlm(out=tmp_path / "run", method="full", **arguments)
    assert not (tmp_path / "run/run.json").exists()
    again = continue_mlm(out=tmp_path / "run", method="full", **arguments)
    assert again.record.held_out == whole.record.held_out
    for name in ("encoder/model.safetensors", "heads/wikipedia.safetensors", "log.jsonl"):
        assert (again.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_the_first_look_is_not_taken_again_from_trained_weights(whole, arguments, tmp_path, monkeypatch):
    seen = []
    with monkeypatch.context() as patch:
        interrupt(patch, "optimiser_step", 4)
        with pytest.raises(Interrupted):
            continue_mlm(out=tmp_path / "run", method="full", **arguments)
    real = loop._all_scores
    monkeypatch.setattr(loop, "_all_scores", lambda *given: [seen.append(1), real(*given)][1])
    continue_mlm(out=tmp_path / "run", method="full", **arguments)
    assert seen == [1]  # of the kept weights alone


def test_other_trainings_take_no_such_look(base, mirror, tmp_path):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 2}
    assert train_intermediate("snli", out=tmp_path / "run", base=str(base), settings=settings).record.held_out is None


def test_a_table_is_printed_at_the_end_and_again_when_all_was_done(base, mirror, tmp_path, capfd):
    words = ["continue-mlm", "--languages", "en,sw", "--max-steps", "4", "--precision", "fp32", "--method", "full"]
    words += ["--set", "train.learning_rate=5e-3", "--set", "train.eval_every=4"]
    words += ["--base", str(base), "--mirror", str(mirror), "--out", str(tmp_path / "run")]
    assert call(words) == 0
    first = capfd.readouterr()
    assert call(words) == 0
    again = capfd.readouterr()
    assert call([*words, "--json"]) == 0
    printed = capfd.readouterr()
    assert "already done" in again.err
    held_out = json.loads(printed.out)["held_out"]
    for captured in (first, again):
        assert captured.out.strip() == str(tmp_path / "run")
        table = captured.err[captured.err.index("\nheld-out text\n") :].splitlines()
        [headings] = [line for line in table if "loss before" in line]
        assert [words in headings for words in ("loss after", "guessed before", "guessed after")] == [True] * 3
        for language in LANGUAGES:
            [line] = [line for line in table if line.strip().startswith(f"{language} ")]
            before, after = held_out["before"][language], held_out["after"][language]
            expected = [f"{before['loss']:.3f}", f"{after['loss']:.3f}", f"{before['accuracy']:.1f}"]
            assert line.split()[1:4] == expected
            assert expected[0] != expected[1]
            assert f"{after['accuracy']:.1f}" in line.split()
    assert "held-out text" not in printed.err
