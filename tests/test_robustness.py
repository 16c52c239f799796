"""Scores under other conditions, mixed pairs and noise: seeded, exact, and never taken for ordinary scores."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapterstilts.cli import call as run_cli
from adapterstilts.data.mixed import PARTNER, mixed_pairs
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation import answers
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import score_tables
from adapterstilts.tasks import tasks
from adapterstilts.train.command import train_target


@pytest.fixture(scope="module")
def rows_of(mirror):
    def load(task, language="en", split="test"):
        return load_rows(tasks.get(task), language, split, str(mirror))

    return load


@pytest.fixture(scope="module")
def trained(base, mirror, tmp_path_factory):
    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 2, "train.learning_rate": 1e-2}

    def make(name, task="xnli", seed=0):
        out = tmp_path_factory.mktemp("runs") / name
        return train_target(task, out=out, base=str(base), settings={**settings, "seed": seed})

    return make


@pytest.fixture(scope="module")
def finished(trained):
    return trained("run")


@pytest.fixture
def run(finished, tmp_path):
    """The same run, not evaluated yet."""
    shutil.copytree(finished.path, tmp_path / "run")
    return replace(finished, path=tmp_path / "run")


@pytest.fixture
def under(mirror):
    return lambda **conditions: {"resources.mirror": str(mirror), **conditions}


# Mixed pairs


def test_second_texts_come_from_the_other_languages_in_equal_parts(rows_of):
    many = [rows_of("xnli", language) for language in ("en", "de", "es", "sw")]
    for rows, mixed in zip(many, mixed_pairs(many), strict=True):
        by_language = {other.language: list(other.table["text_b"]) for other in many}
        spoken = list(mixed.table[PARTNER])
        counts = Counter(spoken)
        assert set(counts) == set(by_language) - {rows.language}
        assert max(counts.values()) - min(counts.values()) <= 1
        assert list(mixed.table["text_b"]) == [by_language[language][row] for row, language in enumerate(spoken)]
        for name in ("text_a", "label"):
            assert list(mixed.table[name]) == list(rows.table[name])
        recorded = mixed.origin()["changed"]["text_b"]
        assert {language: one["rows"] for language, one in recorded.items()} == counts
        assert all(one["revision"].startswith("mirror:") for one in recorded.values())
        assert spoken != sorted(spoken)  # drawn, not dealt in a row
    again = mixed_pairs(many)
    assert [list(rows.table[PARTNER]) for rows in again] == [list(rows.table[PARTNER]) for rows in mixed_pairs(many)]
    assert [list(rows.table[PARTNER]) for rows in mixed_pairs(many[::-1])][::-1] == [
        list(rows.table[PARTNER]) for rows in again
    ]


def test_rows_that_are_not_parallel_are_refused(rows_of):
    one, other = rows_of("xnli", "en"), rows_of("xnli", "de")
    with pytest.raises(UserError, match="'en' and 'de' are not the same items\n  24 and 23 rows"):
        mixed_pairs([one, other.pick(23, None)])
    labels = list(other.table["label"])
    place = next(row for row, label in enumerate(labels) if label != labels[0])
    turned = other.table.select([place, *range(1, place), 0, *range(place + 1, 24)])
    with pytest.raises(UserError, match="2 rows have other gold, the first is row 0"):
        mixed_pairs([one, replace(other, table=turned)])


def test_mixed_pairs_need_pairs_and_two_languages(run, under):
    with pytest.raises(UserError, match="task udpos has no pairs of texts to mix"):
        evaluate(run, "udpos", settings=under(pairs="mixed"))
    with pytest.raises(UserError, match="here is only en"):
        evaluate(run, "xnli", languages=["en"], settings=under(pairs="mixed"))


# Scores


def test_noise_that_would_change_the_gold_is_refused_with_its_reason(run, under):
    with pytest.raises(UserError, match="would move the words that its labels belong to(.|\n)*chars:0.3"):
        evaluate(run, "udpos", settings=under(noise="words:0.3"))
    with pytest.raises(UserError, match="task wikipedia has no text that noise could touch"):
        evaluate(run, "wikipedia", settings=under(noise="chars:0.3"))


def test_other_conditions_have_folders_and_questions_of_their_own(run, under):
    [plain] = evaluate(run, "xnli", settings=under())
    before = (plain.path / "metrics.json").read_bytes()
    [mixed] = evaluate(run, "xnli", settings=under(pairs="mixed"))
    [noisy] = evaluate(run, "xnli", settings=under(noise="chars:0.5"))
    [both] = evaluate(run, "xnli", settings=under(pairs="mixed", noise="words:0.5"))
    names = ["xnli-test", "xnli-test-mixed", "xnli-test-chars-0.5", "xnli-test-mixed-words-0.5"]
    assert [found.path.name for found in (plain, mixed, noisy, both)] == names
    assert (plain.path / "metrics.json").read_bytes() == before
    assert "conditions" not in plain.metrics
    assert mixed.metrics["conditions"] == {"mixed": ["de", "en", "es", "sw"]}
    assert noisy.metrics["conditions"] == {"noise": {"kind": "chars", "rate": 0.5, "version": 1}}
    assert set(both.metrics["conditions"]) == {"mixed", "noise"}
    tables = [pq.read_table(found.path / "predictions/en.parquet") for found in (plain, mixed, noisy, both)]
    scores = [table["score"].to_pylist() for table in tables]
    assert len(set(map(tuple, scores))) == 4  # other texts were read, no cache of the plain ones
    assert [PARTNER in table.column_names for table in tables] == [False, True, False, True]
    assert set(tables[1][PARTNER].to_pylist()) == {"de", "es", "sw"}
    assert all(table["gold"].equals(tables[0]["gold"]) for table in tables)
    assert score_tables([both])[0].title == "xnli test, pairs of de en es sw mixed, noise words:0.5 (percent)"


def test_answers_to_pairs_of_other_languages_are_not_kept(run, under, monkeypatch):
    evaluate(run, "xnli", languages=["en", "de"], settings=under(pairs="mixed"))
    real, calls = answers.predict, []
    monkeypatch.setattr(answers, "predict", lambda *given: calls.append(1) or real(*given))
    evaluate(run, "xnli", languages=["de", "en"], settings=under(pairs="mixed"))
    assert calls == []
    [found] = evaluate(run, "xnli", languages=["en", "es"], settings=under(pairs="mixed"))
    assert len(calls) == 2
    assert set(found.metrics["languages"]) == {"en", "es"}


def test_compare_never_mixes_conditions(run, trained, under):
    other = trained("other", seed=1)
    for one in (run, other):
        evaluate(one, "xnli", settings=under())
        evaluate(one, "xnli", settings=under(noise="chars:1"))
    evaluate(run, "xnli", settings=under(pairs="mixed"))  # the other run has none: left out
    comparison = compare([run, other])
    assert set(comparison.scores["conditions"]) == {"", "noise chars:1"}
    for name, folder in (("", "xnli-test"), ("noise chars:1", "xnli-test-chars-1")):
        lines = comparison.scores[comparison.scores["conditions"] == name].set_index(["run", "language"])["score"]
        metrics = json.loads((other.path / "eval" / folder / "metrics.json").read_text())
        assert lines["other", "average"] == pytest.approx(metrics["average"]["accuracy"])
    titles = [table.title for table in comparison.tables()]
    assert sum(title.startswith("xnli test: accuracy") for title in titles) == 1
    assert sum(title.startswith("xnli test, noise chars:1: accuracy") for title in titles) == 1


def test_compare_refuses_runs_that_share_no_conditions(run, trained, under):
    other = trained("elsewhere")
    evaluate(run, "xnli", languages=["en", "de"], settings=under(pairs="mixed"))
    evaluate(other, "xnli", languages=["en", "es"], settings=under(pairs="mixed"))
    with pytest.raises(UserError, match="under different conditions(.|\n)*pairs of de en mixed(.|\n)*--pairs"):
        compare([run, other])


def test_a_base_is_searched_under_noise_too(base, tmp_path, under):
    where = under(noise="chars:0.5")
    [found] = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", languages=["de"], settings=where)
    assert found.path.name.startswith("tatoeba-test-chars-0.5-layer")
    assert found.metrics["conditions"]["noise"]["kind"] == "chars"


def test_a_submission_never_holds_answers_under_other_conditions(run, under, tmp_path):
    with pytest.raises(UserError, match="a submission holds answers to the rows as they are"):
        evaluate(run, "xnli", settings=under(pairs="mixed", submission=str(tmp_path / "answers")))


def test_the_command_line_asks_for_conditions(run, mirror, capfd):
    words = ["evaluate", str(run.path), "--task", "xnli", "--mirror", str(mirror), "--languages", "en,de", "--json"]
    assert run_cli([*words, "--pairs", "mixed", "--noise", "words:0.2"]) == 0
    [found] = json.loads(capfd.readouterr().out)
    assert found["conditions"]["mixed"] == ["de", "en"]
    assert found["conditions"]["noise"]["rate"] == 0.2
    assert run_cli([*words, "--noise", "letters:0.2"]) == 2
    assert "unknown kind of noise 'letters'" in capfd.readouterr().err


def test_rows_without_ids_are_told_apart_by_their_numbers(rows_of):
    rows = rows_of("xnli")
    assert "id" not in rows.table.column_names
    assert rows.ids() == [str(number) for number in range(24)]
    table = rows.table.add_column("id", pa.array([f"q{number}" for number in range(24)]))
    assert replace(rows, table=table).ids()[:2] == ["q0", "q1"]
