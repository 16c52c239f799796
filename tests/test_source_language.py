"""The source language: which rows are learned from, what is refused, and where it shows from then on."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
from small_studies import Done, small

from adapterstilts.cli import call as command
from adapterstilts.compose.merge import merge
from adapterstilts.data import source_language
from adapterstilts.data.source import has_rows, load_rows
from adapterstilts.data.source_language import from_language
from adapterstilts.data.translated import with_translations
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.experiment.collect import collect
from adapterstilts.report.compare import compare
from adapterstilts.report.overview import Overview
from adapterstilts.report.scores import score_tables
from adapterstilts.store.run import Run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import continue_mlm, train_intermediate, train_target
from adapterstilts.translation.command import translate


@pytest.fixture(scope="module")
def where(mirror):
    return {"resources.mirror": str(mirror)}


@pytest.fixture(scope="module")
def train(base, where, tmp_path_factory):
    def make(task, language=None, phase=train_target, start=None, **given):
        out = tmp_path_factory.mktemp("runs") / f"{task}-{language}"
        settings = {"train.max_steps": 1, "precision": "fp32", "data.max_length": 64, **where, **given}
        if language:
            settings["data.source_language"] = language
        begin = {"start": start} if start else {"base": str(base)}
        return phase(task, out=out, settings=settings, **begin)

    return make


@pytest.fixture(scope="module")
def german(train):
    return train("xnli", "de")


@pytest.fixture(scope="module")
def english(train):
    return train("xnli")


@pytest.mark.parametrize(("task", "language"), [("xnli", "de"), ("pawsx", "de"), ("tydiqa", "sw")])
def test_train_and_dev_rows_are_in_the_language_that_was_asked_for(train, task, language, capsys):
    run = train(task, language)
    assert {name: rows["language"] for name, rows in run.record.data.items()} == {
        f"{task}-train": language,
        f"{task}-dev": language,
    }
    assert f"{task}: trained on its {language} rows; its {language} dev rows choose the" in capsys.readouterr().err
    assert run.record.config["data"]["source_language"] == language
    assert run.record.source_languages == [language]
    assert json.loads((run.path / "config.json").read_text())["data"]["source_language"] == language


def test_without_one_it_is_the_tasks_own(english, capsys):
    assert {rows["language"] for rows in english.record.data.values()} == {"en"}
    assert english.source_languages == ["en"]


def test_an_intermediate_task_takes_it_too_by_flag(base, mirror, tmp_path, capsys):
    words = ["train-intermediate", "--task", "udpos", "--base", str(base), "--mirror", str(mirror), "--max-steps", "1",
             "--source-language", "de", "--out", str(tmp_path / "udpos")]  # fmt: skip
    assert command(words) == 0
    said = capsys.readouterr().err
    assert "on dev (de)" in said
    assert "English" not in said
    assert json.loads((tmp_path / "udpos/run.json").read_text())["source_languages"] == ["de"]


def test_where_no_rows_are_here_at_all_the_mirror_is_named(train, mirror, tmp_path, capsys):
    config = "tatoeba.deu"  # a mirror of the repository with another task's rows alone
    shutil.copytree(mirror / "google/xtreme" / config, tmp_path / "google/xtreme" / config)
    card = f"---\nconfigs:\n- config_name: {config}\n  data_files: {config}/*\n---\n"
    (tmp_path / "google/xtreme/README.md").write_text(card, encoding="utf-8")
    with pytest.raises(UserError, match="cannot read configuration 'PAN-X.sw', split 'train'"):
        train("panx", "sw", **{"resources.mirror": str(tmp_path)})
    assert "its sw rows" not in capsys.readouterr().err


def test_a_language_that_the_task_lacks_is_refused_with_those_that_it_has(train):
    with pytest.raises(UserError) as caught:
        train("xnli", "dee")
    assert "task xnli has no train and dev rows in language 'dee'" in str(caught.value)
    assert "languages that have them here: en, de, es, sw\n" in str(caught.value)
    assert "did you mean 'de'?" in str(caught.value)
    with pytest.raises(UserError, match="task snli has no train and dev rows(.|\n)*have them here: en\n"):
        train("snli", "de", phase=train_intermediate)


def test_a_language_without_train_rows_is_refused_though_the_task_is_scored_in_it(train):
    assert "fi" in tasks.get("tydiqa").configs
    with pytest.raises(UserError, match="task tydiqa has no train rows in language 'fi'\n.*here: en, sw\n"):
        train("tydiqa", "fi")  # nobody speaks it in this mirror, whose languages share one file


def test_what_is_scored_is_never_trained_on(train):
    """XQuAD's German rows are test rows; it learns from SQuAD, which has none."""
    with pytest.raises(UserError) as caught:
        train("xquad", "de")
    assert "task squad_v1, which xquad learns from, has no train and dev rows in language 'de'" in str(caught.value)
    assert "xquad has de rows, but those are what is scored" in str(caught.value)


def test_a_task_of_ones_own_is_trained_on_in_any_language_that_has_files(base, tmp_path):
    rows = "premise,hypothesis,label\nA bus.,A car.,no\nA box.,A box.,yes\nA cup.,A hat.,no\nA man.,A man.,yes\n"
    for name in ("en", "sw", "dev"):
        (tmp_path / f"{name}.csv").write_text(rows)
    (tmp_path / "own.yaml").write_text(
        "name: own\nformat: classification\nlabels: ['no', 'yes']\n"
        "columns: {text_a: premise, text_b: hypothesis, label: label}\n"
        "languages: {en: {train: en.csv, dev: dev.csv}, sw: {train: sw.csv, dev: dev.csv}, de: {dev: dev.csv}}\n"
    )
    begin = {"base": str(base), "settings": {"train.max_steps": 1, "precision": "fp32", "data.source_language": "sw"}}
    run = train_target(str(tmp_path / "own.yaml"), out=tmp_path / "run", **begin)
    assert run.source_languages == [rows["language"] for rows in run.record.data.values()][:1] == ["sw"]
    begin["settings"]["data.source_language"] = "de"
    with pytest.raises(UserError, match="task own has no train and dev rows in language 'de'\n.*here: en, sw\n"):
        train_target(str(tmp_path / "own.yaml"), out=tmp_path / "none", **begin)


@pytest.mark.real
def test_real_rows_of_other_languages_are_those_that_were_published(real_data):
    mirror = str(real_data / "hub")
    swahili = source_language.from_language(tasks.get("tydiqa"), tasks.get("tydiqa"), "sw", mirror)
    split = [load_rows(swahili, swahili.train_language, split, mirror) for split in ("train", "dev")]
    assert sum(map(len, split)) == 2755  # TyDiQA's own count of Swahili train questions
    assert all(name.startswith("swahili-") for rows in split for name in rows.ids())
    assert not set(split[0].ids()) & set(split[1].ids())
    udpos = tasks.get("udpos")
    assert source_language.from_language(udpos, udpos, "tr", mirror).train_language == "tr"
    with pytest.raises(UserError, match="has no train and dev rows in language 'th'\n.*here: en, tr\n"):
        source_language.from_language(udpos, udpos, "th", mirror)


def test_translations_in_the_mirror_count_as_the_tasks_own(train, monkeypatch):
    """A stand-in for the mirror's translations: SNLI's German rows are XNLI's."""

    def translated(task, mirror):
        xnli = tasks.get("xnli")
        return dataclasses.replace(task, repo=xnli.repo, configs={**task.configs, "de": "de"}, splits=xnli.splits)

    monkeypatch.setattr(source_language, "with_translations", translated)
    run = train("snli", "de", phase=train_intermediate)
    assert run.source_languages == ["de"]
    assert {(rows["task"], rows["config"]) for rows in run.record.data.values()} == {("snli", "de")}


def test_it_is_refused_beside_a_choice_on_english_rows(train):
    with pytest.raises(UserError, match="XTREME chooses checkpoints on English test rows"):
        train("tydiqa", "sw", **{"data.select_on": "xtreme"})


def test_text_of_several_languages_has_none(base, where, tmp_path):
    settings = {**where, "data.source_language": "de"}
    with pytest.raises(UserError, match="wikipedia is text of several languages(.|\n)*--languages de"):
        continue_mlm(out=tmp_path / "mlm", base=str(base), settings=settings)


def test_a_run_knows_the_source_languages_of_all_runs_before_it(train, german, where, base, tmp_path):
    spanish = train("pawsx", "es", phase=train_target)
    after = train("xnli", "sw", start=german.path)
    assert after.record.source_languages == ["de", "sw"]
    merged = merge([german.path, spanish.path], how="mean", out=tmp_path / "merged")
    assert merged.run.record.source_languages == ["de", "es"]
    [found] = evaluate(merged.run, "tatoeba", settings=where)
    assert found.metrics["source_languages"] == ["de", "es"]
    [untrained] = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", settings=where)
    assert untrained.metrics["source_languages"] == []


def test_text_without_labels_makes_no_source_language(train, base, where, tmp_path):
    text = continue_mlm(out=tmp_path / "mlm", base=str(base),
                        settings={**where, "train.max_steps": 1, "data.languages": "sw"})  # fmt: skip
    assert text.record.source_languages == []
    assert train("xnli", "de", start=text.path).record.source_languages == ["de"]


def test_scores_and_comparisons_say_it(german, english, where):
    for run, language in ((german, "de"), (english, "en")):
        [found] = evaluate(run, "xnli", languages=["en", "de", "sw"], settings=where)
        assert found.metrics["source_languages"] == [language]
        assert f"zero-shot except in what it was trained on: {language}" in score_tables([found])[0].notes
    comparison = compare([english, german])
    note = "xnli test: other source languages, so other languages are zero-shot: xnli-None: en, xnli-de: de"
    assert note in comparison.notes
    assert list(comparison.costs["source_languages"]) == ["en", "de"]
    assert not any("source languages" in one for one in compare([english]).notes)


def test_a_study_averages_over_languages_that_no_run_of_the_lineage_learned(base, mirror, tmp_path):
    settings = {"precision": "fp32", "train.max_steps": 1, "data.max_length": 64, "data.source_language": "de"}
    recipe = {"mirror": str(mirror), "targets": ["xnli", "tatoeba"], "settings": {"all": settings}}
    done = Done(small(tmp_path / "small.yaml", base, ways={"none": {}}, **recipe), tmp_path / "study")
    found = collect(done.opened, done.folder)
    taught = found.scores[found.scores["taught"]]
    assert set(zip(taught["target"], taught["language"], strict=True)) == {("xnli", "de")}
    assert set(found.zero_shot["xnli"]) == {"en", "es", "sw"}
    scores = found.scores[found.scores["target"] == "xnli"].set_index("language")["score"]
    assert Overview(found).zero_shot()["xnli"].item() == pytest.approx(scores[["en", "es", "sw"]].mean())


def test_a_record_of_before_there_was_a_choice_still_tells_it(english, tmp_path):
    old = english.record.model_copy(update={"source_languages": None})
    assert Run(english.path, old).source_languages == ["en"]
    merged = old.model_copy(update={"data": {}})
    assert Run(english.path, merged).source_languages == ["en"]


def test_a_joined_task_learns_from_translations_of_all_its_parts(tmp_path, mirror):
    task = tasks.get("anli_plus")
    for part in task.parts:
        assert not has_rows(with_translations(task, str(tmp_path)), "de", "train", str(tmp_path))
        translate(part, to=["de"], model="mini", out=tmp_path, limit=8, settings={"resources.mirror": str(mirror)})
    assert has_rows(with_translations(task, str(tmp_path)), "de", "train", str(tmp_path))
    found = from_language(task, task, "de", str(tmp_path))
    rows = load_rows(found, "de", "train", str(tmp_path))
    assert found.train_language == "de"
    assert len(rows) == 8 * len(task.parts)
