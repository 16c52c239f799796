"""Evaluation: predictions first, scores from them; finished languages are kept; only fair things are compared."""

from __future__ import annotations

import json
import math
import shutil

import pyarrow.parquet as pq
import pytest

from adapterstilts.errors import Interrupted, UserError
from adapterstilts.evaluation import answers
from adapterstilts.evaluation.command import evaluate
from adapterstilts.metrics import metrics
from adapterstilts.mini.rows import write_rows
from adapterstilts.report.compare import compare
from adapterstilts.report.tables import Table, amount
from adapterstilts.store.manifest import verify
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_target


@pytest.fixture(scope="module")
def resources(mirror):
    return {"resources.mirror": str(mirror)}


@pytest.fixture(scope="module")
def make_run(base, mirror, tmp_path_factory):
    def make(name, task="udpos", **settings):
        settings = {
            "resources.mirror": str(mirror),
            "precision": "fp32",
            "train.max_steps": 4,
            "train.learning_rate": 1e-2,
            **settings,
        }
        return train_target(task, out=tmp_path_factory.mktemp("runs") / name, base=str(base), settings=settings)

    return make


@pytest.fixture
def run(make_run):
    return make_run("run")


def test_scores_are_those_of_the_predictions_on_disk(run, resources):
    [found] = evaluate(run, "udpos", settings=resources)
    verify(found.path)
    on_disk = json.loads((found.path / "metrics.json").read_text())
    assert on_disk == found.metrics
    assert set(on_disk["languages"]) == {"en", "de", "es"}
    for language, scores in on_disk["languages"].items():
        table = pq.read_table(found.path / f"predictions/{language}.parquet")
        assert table.column_names == ["id", "gold", "prediction", "score"]
        expected = metrics.get("chunk_f1").score(table["gold"].to_pylist(), table["prediction"].to_pylist())
        assert scores == {**expected, "n": table.num_rows}
        assert all(0 < score <= 1 for score in table["score"].to_pylist())
    mean = sum(scores["f1"] for scores in on_disk["languages"].values()) / 3
    assert on_disk["average"]["f1"] == pytest.approx(mean)
    assert "fr" in on_disk["missing_languages"]


def test_finished_languages_are_kept_when_killed(run, resources, monkeypatch, capsys):
    real, calls = answers.predict, []

    def interrupted(model, encoded, *more):
        calls.append(encoded.rows.language)
        if len(calls) == 2:
            raise Interrupted("SIGTERM")
        return real(model, encoded, *more)

    monkeypatch.setattr(answers, "predict", interrupted)
    with pytest.raises(Interrupted):
        evaluate(run, "udpos", settings=resources)
    assert [path.name for path in (run.path / "eval/udpos-test/predictions").iterdir()] == ["en.parquet"]
    assert not (run.path / "eval/udpos-test/metrics.json").exists()
    evaluate(run, "udpos", settings=resources)
    assert calls == ["en", "de", "de", "es"]
    assert "udpos en: kept" in capsys.readouterr().err


def test_predictions_for_another_question_are_not_kept(run, resources, monkeypatch):
    evaluate(run, "udpos", languages=["en"], settings=resources)
    real, calls = answers.predict, []
    monkeypatch.setattr(answers, "predict", lambda *given: calls.append(1) or real(*given))
    evaluate(run, "udpos", languages=["en"], settings=resources)
    assert calls == []
    evaluate(run, "udpos", languages=["en"], settings={**resources, "precision": "bf16"})
    assert len(calls) == 1
    [found] = evaluate(run, "udpos", languages=["de"], settings=resources)
    assert len(calls) == 2
    assert set(found.metrics["languages"]) == {"de"}  # English was predicted in bf16: another question


@pytest.mark.parametrize("changed", ["run", "rows"])
def test_predictions_of_another_run_or_of_other_rows_are_not_kept(changed, run, mirror, tmp_path, monkeypatch):
    """The rows are as many as before: only the digest of their files tells them apart."""
    shutil.copytree(mirror, tmp_path / "rows")
    where = {"resources.mirror": str(tmp_path / "rows")}
    evaluate(run, "udpos", languages=["en"], settings=where)
    if changed == "run":
        record = json.loads((run.path / "run.json").read_text())
        (run.path / "run.json").write_text(json.dumps({**record, "fingerprint": "another"}))
    else:
        task = tasks.get("udpos")
        [file] = (tmp_path / "rows" / task.repo / task.configs["en"]).glob("test-*")
        table = pq.read_table(file)
        pq.write_table(table.take(list(reversed(range(table.num_rows)))), file)
    real, calls = answers.predict, []
    monkeypatch.setattr(answers, "predict", lambda *given: calls.append(1) or real(*given))
    evaluate(run.path, "udpos", languages=["en"], settings=where)
    assert calls == [1]
    evaluate(run.path, "udpos", languages=["en"], settings=where)
    assert calls == [1]


def test_a_run_is_evaluated_in_its_own_precision_unless_another_is_asked_for(make_run, resources):
    run = make_run("rounded", **{"precision": "bf16", "train.max_steps": 1})
    [own] = evaluate(run, "udpos", languages=["en"], settings=resources)
    [other] = evaluate(run, "udpos", languages=["en"], settings={**resources, "precision": "fp32"})
    assert (own.metrics["precision"], other.metrics["precision"]) == ("bf16", "fp32")


def test_languages_of_an_earlier_command_stay_in_the_average(run, resources):
    evaluate(run, "udpos", languages=["en"], settings=resources)
    [found] = evaluate(run, "udpos", languages=["de"], settings=resources)
    assert set(found.metrics["languages"]) == {"de", "en"}


def test_a_task_without_a_head_names_the_heads_there_are(run, resources):
    with pytest.raises(UserError, match="has no head for task 'xnli'"):
        evaluate(run, "xnli", settings=resources)


def test_small_passes_give_the_predictions_of_large_ones(run, resources):
    [large] = evaluate(run, "udpos", settings=resources)
    before = {path.name: pq.read_table(path) for path in (large.path / "predictions").iterdir()}
    for path in (large.path / "predictions").iterdir():
        path.unlink()
    small = {**resources, "resources.micro_batch_tokens": 16}
    [found] = evaluate(run, "udpos", settings=small)
    for path in (found.path / "predictions").iterdir():
        assert pq.read_table(path)["prediction"].equals(before[path.name]["prediction"])
    assert found.metrics["languages"] == large.metrics["languages"]


def test_compare_lays_scores_and_costs_side_by_side(make_run, resources):
    runs = [make_run("one"), make_run("two", seed=1)]
    for run in runs:
        evaluate(run, "udpos", settings=resources)
    comparison = compare(runs, baseline=runs[1].path)
    frame = comparison.scores.set_index(["run", "language", "metric"])
    one, two = (json.loads((r.path / "eval/udpos-test/metrics.json").read_text()) for r in runs)
    assert frame.loc[("one", "de", "f1"), "score"] == one["languages"]["de"]["f1"]
    expected = one["average"]["token_accuracy"] - two["average"]["token_accuracy"]
    assert frame.loc[("one", "average", "token_accuracy"), "difference"] == pytest.approx(expected)
    assert math.isnan(frame.loc[("two", "average", "f1"), "difference"])
    costs = comparison.costs.set_index("run")
    assert costs.loc["one", "trained_in_adapter"] == runs[0].record.cost.trainable_params.adapter
    assert json.dumps(comparison.as_json(), allow_nan=True)
    text = "\n".join(table.markdown() for table in comparison.tables())
    assert f"| one | {one['average']['f1']:.2f} |" in text
    assert "| bytes |" in text


def test_compare_averages_over_the_languages_that_all_have(make_run, resources):
    one, two = make_run("one"), make_run("two")
    evaluate(one, "udpos", languages=["en", "de"], settings=resources)
    evaluate(two, "udpos", languages=["en"], settings=resources)
    comparison = compare([one, two])
    assert set(comparison.scores.language) == {"en", "average"}
    frame = comparison.scores.set_index(["run", "language", "metric"])["score"]
    assert frame.loc["one", "average", "f1"] == frame.loc["one", "en", "f1"]
    assert any("not scored for every run: de" in note for note in comparison.notes)


def test_compare_marks_another_precision_and_another_budget(make_run, resources):
    one, two = make_run("one"), make_run("two", **{"precision": "bf16", "train.max_steps": 2})
    for run in (one, two):
        evaluate(run, "udpos", languages=["en"], settings=resources)
    notes = " ".join(compare([one, two]).notes)
    assert "two: trained in bf16, one in fp32" in notes
    assert "other training budgets than one's 128 examples: two 64" in notes


def test_compare_refuses_what_cannot_be_compared(make_run, resources, tmp_path):
    one, two = make_run("one"), make_run("two")
    with pytest.raises(UserError, match="has not been evaluated"):
        compare([one, two])
    evaluate(one, "udpos", languages=["en"], settings=resources)
    evaluate(two, "udpos", languages=["en"], split="dev", settings=resources)
    with pytest.raises(UserError, match="different splits"):
        compare([one, two])
    other = {"resources.mirror": str(write_rows(tmp_path / "rows", size=64, seed=5))}
    evaluate(two, "udpos", languages=["en"], settings=other)
    with pytest.raises(UserError, match="other rows of udpos test"):
        compare([one, two])
    evaluate(two, "udpos", languages=["en"], settings=resources)
    file = two.path / "eval/udpos-test/metrics.json"
    content = json.loads(file.read_text())
    content["metric"]["version"] += 1
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match="other metric versions"):
        compare([one, two])
    with pytest.raises(UserError, match="is not among the runs"):
        compare([one], baseline=two)


def test_tables_are_markdown_with_escaped_bars():
    table = Table("t", ["", "a"], [["x|y", "1"]], ["note"])
    assert table.markdown() == "**t**\n\n|  | a |\n| :-- | --: |\n| x\\|y | 1 |\n\n- note\n"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (512, "512"), (49152, "49.2k"), (1_280_000, "1.28M"), (999_600, "1M"), (2.5, "2.5")]
)
def test_amounts_keep_three_digits(value, text):
    assert amount(value) == text
