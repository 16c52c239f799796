"""XTREME's submission layout: what `evaluate` writes, `score` reads; all that is wrong with the files is named."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

import adapterstilts
from adapterstilts.cli import call
from adapterstilts.errors import UserError
from adapterstilts.evaluation.benchmarks import XTREME, XTREME_R, benchmark_average
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.evaluation.submission.kinds import KINDS
from adapterstilts.metrics import metrics
from adapterstilts.train.command import train_target

ANSWERS = {"q1": "blue sky", "q2": "42"}
RIGHT = {"q1": ["the wide blue sky"], "q2": ["42", "forty-two"]}
VALUES = {  # predictions and gold of two examples
    "xnli": (["neutral", "entailment"], ["neutral", "neutral"]),
    "pawsx": (["0", "1"], ["0", "0"]),
    "xcopa": (["0", "1"], ["0", "0"]),
    "udpos": ([["DET", "NOUN"], ["VERB"]], [["DET", "NOUN"], ["AUX"]]),
    "panx": ([["B-PER", "I-PER", "O"], ["O"]], [["B-PER", "I-PER", "O"], ["B-LOC"]]),
    "xquad": (list(ANSWERS.values()), list(RIGHT.values())),
    "tydiqa": (list(ANSWERS.values()), list(RIGHT.values())),
    "mlqa": (list(ANSWERS.values()), list(RIGHT.values())),
    "bucc2018": ([["en-1"], []], [["en-1", "en-7"], ["en-2"]]),
    "tatoeba": (["1", "1"], ["1", "0"]),
}


def write(folder, task: str, values: list, languages) -> None:
    kind = KINDS[task]
    (folder / task).mkdir(parents=True, exist_ok=True)
    for language in languages:
        text = kind.write(list(ANSWERS), values)
        (folder / task / f"test-{language}.{kind.suffix}").write_text(text, encoding="utf-8")


@pytest.fixture
def fill(tmp_path):
    """Write predictions and labels of tasks, in all languages of XTREME."""

    def fill(*tasks: str, benchmark=XTREME):
        folders = tmp_path / "predictions", tmp_path / "labels"
        for task in tasks:
            for folder, values in zip(folders, VALUES[task], strict=True):
                write(folder, task, values, benchmark.languages[task])
        return folders

    return fill


@pytest.mark.parametrize("task", VALUES)
def test_what_is_written_is_read_back_and_scored_like_the_task(fill, task):
    benchmark = XTREME_R if task == "xcopa" else XTREME
    given, right = fill(task, benchmark=benchmark)
    found = adapterstilts.score(given, labels=right, benchmark=benchmark.name)
    prediction, gold = VALUES[task]
    for language in benchmark.languages[task]:
        ours = metrics.get(KINDS[task].metric).of(language)(gold, prediction)
        assert 0 < ours[metrics.get(KINDS[task].metric).main] < 100
        assert found.scores[task][language] == {**ours, "n": 2}
    assert set(found.scores[task]) == set(benchmark.languages[task])


def test_groups_stand_once_they_are_complete_and_the_overall_number_once_all_tasks_are_there(fill):
    given, right = fill("xnli")
    assert adapterstilts.score(given, labels=right).averages.groups == {}
    fill("pawsx")
    found = adapterstilts.score(given, labels=right)
    assert found.averages.groups == {"classification": 50.0}
    assert found.averages.overall is None
    fill(*XTREME.languages)
    found = adapterstilts.score(given, labels=right)
    assert set(found.averages.groups) == {"classification", "tagging", "qa", "retrieval"}
    assert found.averages.overall == pytest.approx(sum(found.averages.main.values()) / 9)


def test_xtreme_r_never_has_an_overall_number():
    scored = {task: languages for task, languages in XTREME_R.languages.items() if languages}
    half = {task: {language: {"accuracy": 50.0} for language in languages} for task, languages in scored.items()}
    found = benchmark_average(half, XTREME_R)
    assert found.overall is None
    assert found.groups == dict.fromkeys(XTREME_R.groups, 50.0)


def test_languages_beyond_the_benchmarks_are_left_out_of_its_mean():
    scores = {language: {"exact_match": 10.0, "f1": 30.0} for language in XTREME.languages["xquad"]}
    more = {**scores, "ro": {"exact_match": 90.0, "f1": 90.0}}
    assert benchmark_average({"xquad": more}, XTREME).main == {"xquad": 20.0}
    assert benchmark_average({"xquad": more}, XTREME_R).main["xquad"] > 20.0
    with pytest.raises(UserError, match="xtreme has no task 'xcopa'"):
        benchmark_average({"xcopa": more}, XTREME)


def test_fewer_languages_have_means_that_are_told_apart(fill):
    given, right = fill(*XTREME.languages)
    found = adapterstilts.score(given, labels=right, languages=["sw", "de"])
    assert {task: set(scores) for task, scores in found.scores.items()} == {
        task: {"sw", "de"} & set(languages) for task, languages in XTREME.languages.items()
    }
    assert found.averages.main["xnli"] == 50.0
    assert (found.averages.groups, found.averages.overall) == ({}, None)
    assert "means over sw de alone, which are not those of xtreme" in found.notes
    assert "bucc2018" not in adapterstilts.score(given, labels=right, languages=["sw"]).scores
    with pytest.raises(UserError, match="has no language 'xx'"):
        adapterstilts.score(given, labels=right, languages=["xx"])


def test_the_command_prints_tables_or_json(fill, capfd):
    given, right = fill("xnli", "pawsx")
    (given / "poems").mkdir()
    assert call(["score", str(given), "--labels", str(right)]) == 0
    shown = capfd.readouterr().out
    for words in ("classification (group)", "50.00", "no overall number", "left out: poems", "sw"):
        assert words in shown
    assert call(["score", str(given), "--labels", str(right), "--task", "pawsx", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert list(found["tasks"]) == ["pawsx"]
    assert found["tasks"]["pawsx"]["languages"]["ko"] == {"accuracy": 50.0, "n": 2}
    assert found["tasks"]["pawsx"]["score"] == found["tasks"]["pawsx"]["average"]["accuracy"] == 50.0
    assert found["overall"] is None
    assert found["groups"] == {}


def test_scoring_runs_without_torch(fill):
    given, right = fill("xnli", "xquad")
    code = (
        "import sys\n"
        "from adapterstilts.cli import call\n"
        f"assert call(['score', {str(given)!r}, '--labels', {str(right)!r}]) == 0\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def cut_line(path):
    path.write_text("neutral\n")


def add_line(path):
    path.write_text("neutral\nneutral\nneutral\n")


def empty_line(path):
    path.write_text("\nneutral\n")


def cut_tag(path):
    path.write_text("DET\n\nVERB\n")


def cut_question(path):
    path.write_text(json.dumps({"q1": "x"}))


def repeat_question(path):
    path.write_text('{"q1": "x", "q2": "y", "q1": "z"}')


def other_question(path):
    path.write_text(json.dumps({**ANSWERS, "q9": "x"}))


def no_texts(path):
    path.write_text(json.dumps({"q1": ["x"], "q2": ["y"]}))


def no_json(path):
    path.write_text("{")


def no_utf8(path):
    path.write_bytes(b"\xff\xfe\n")


def one_column(path):
    path.write_text("q1\n")


def repeat_pair(path):
    path.write_text("q1\ten-1\nq2\ten-1\nq1\ten-1\n")


def remove(path):
    path.unlink()


def strip_answers(path):
    path.write_text(KINDS["xquad"].write(list(RIGHT), [[""], ["x"]]))


def repeat_gold(path):
    path.write_text(KINDS["xquad"].write(["q1", "q2", "q1"], [["x"]] * 3))


def plain_gold(path):
    path.write_text(json.dumps({"q1": ["x"]}))


BAD = {  # task, what happens to its German file, where, words of the message
    "too few": ("xnli", cut_line, "predictions", ["1 predictions for 2 labels, missing: 2"]),
    "too many": ("xnli", add_line, "predictions", ["3 predictions for 2 labels, without a label: 3"]),
    "empty line": ("xnli", empty_line, "predictions", ["line 1 is empty"]),
    "other encoding": ("xnli", no_utf8, "predictions", ["utf-8"]),
    "too few tags": ("udpos", cut_tag, "predictions", ["another number of tags than the labels in sentence 1"]),
    "missing id": ("xquad", cut_question, "predictions", ["1 predictions for 2 labels, missing: q2"]),
    "repeated id": ("xquad", repeat_question, "predictions", ["repeated: q1"]),
    "unknown id": ("xquad", other_question, "predictions", ["without a label: q9"]),
    "lists for texts": ("xquad", no_texts, "predictions", ["not a JSON object from question ids to texts"]),
    "broken JSON": ("xquad", no_json, "predictions", ["test-de.json", "line 1 column 2"]),
    "public test labels": ("xquad", strip_answers, "labels", ["without an answer", "q1"]),
    "repeated label": ("mlqa", repeat_gold, "labels", ["repeated: q1"]),
    "no SQuAD": ("tydiqa", plain_gold, "labels", ["not SQuAD's JSON"]),
    "one id": ("bucc2018", one_column, "predictions", ["line 1 is no pair"]),
    "repeated pair": ("bucc2018", repeat_pair, "predictions", ["repeated: q1\ten-1"]),
    "missing predictions": ("xnli", remove, "predictions", ["predictions/xnli: no test-LANGUAGE.tsv for de"]),
    "missing labels": ("xnli", remove, "labels", ["labels/xnli: no test-LANGUAGE.tsv for de"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_with_what_is_wrong(case, fill, capfd):
    task, spoil, where, words = BAD[case]
    folders = dict(zip(("predictions", "labels"), fill(task), strict=True))
    language = "fi" if task == "tydiqa" else "de"
    spoil(folders[where] / task / f"test-{language}.{KINDS[task].suffix}")
    assert call(["score", str(folders["predictions"]), "--labels", str(folders["labels"])]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("error: ") == 1
    assert "Traceback" not in captured.err
    for word in [*words, task]:
        assert word in captured.err


def test_all_problems_are_told_at_once(fill, capfd):
    given, right = fill("xnli", "xquad", "tatoeba")
    cut_line(given / "xnli/test-de.tsv")
    remove(given / "xnli/test-sw.tsv")
    remove(given / "xnli/test-ur.tsv")
    repeat_question(given / "xquad/test-el.json")
    remove(right / "tatoeba/test-eu.tsv")
    assert call(["score", str(given), "--labels", str(right)]) == 2
    message = capfd.readouterr().err
    for words in ("for sw ur", "xnli/test-de.tsv: 1 predictions", "test-el.json: repeated: q1", "tatoeba: no test"):
        assert words in message


def test_folders_benchmarks_and_tasks_that_are_not_there_are_refused(fill, tmp_path, capfd):
    given, right = fill("xnli")
    wrong = {
        "there is no folder nowhere": [str(given), "--labels", "nowhere"],
        "did you mean 'xtreme'?": [str(given), "--labels", str(right), "--benchmark", "extreme"],
        "did you mean 'xnli'?": [str(given), "--labels", str(right), "--task", "xnly"],
        "no folder of a task of xtreme": [str(tmp_path), "--labels", str(right)],
    }
    for message, words in wrong.items():
        assert call(["score", *words]) == 2
        assert message in capfd.readouterr().err


def test_xtremes_own_way_to_write_a_retrieved_row_is_read(fill):
    given, right = fill("tatoeba")
    (given / "tatoeba/test-de.tsv").write_text("[1]\n[0]\n")
    assert adapterstilts.score(given, labels=right).scores["tatoeba"]["de"]["accuracy"] == 100.0


def test_a_sentence_without_a_pair_is_mined_for_nothing(fill):
    given, right = fill("bucc2018")
    (given / "bucc2018/test-de.tsv").write_text("q1\ten-1\nq9\ten-3\n")
    (given / "bucc2018/test-fr.tsv").write_text("")
    found = adapterstilts.score(given, labels=right).scores["bucc2018"]
    assert found["de"]["precision"] == 50.0
    assert found["de"]["recall"] == pytest.approx(100 / 3)
    assert found["fr"]["f1"] == 0.0


@pytest.fixture(scope="module")
def settings(mirror):
    return {"resources.mirror": str(mirror), "precision": "fp32"}


@pytest.fixture(scope="module")
def tagger(base, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "udpos"
    return train_target("udpos", out=out, base=str(base), settings={**settings, "train.max_steps": 2})


def test_several_runs_fill_one_submission(tagger, base, mirror, settings, tmp_path, capfd):
    folders = {"submission": tmp_path / "submission", "labels": tmp_path / "labels"}
    words = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    assert call(["evaluate", str(tagger.path), "--task", "udpos", "--mirror", str(mirror), *words]) == 0
    assert "submission: udpos: 3 languages" in capfd.readouterr().err
    places = {f"{name}": str(folder) for name, folder in folders.items()}
    [found] = evaluate_base(str(base), "tatoeba", out=tmp_path / "base", settings={**settings, **places})
    assert sorted(path.name for path in folders["submission"].iterdir()) == ["tatoeba", "udpos"]
    for name, column in (("submission", "prediction"), ("labels", "gold")):
        for language in ("en", "de", "es"):
            table = pq.read_table(tagger.path / f"eval/udpos-test/predictions/{language}.parquet")
            lines = (folders[name] / f"udpos/test-{language}.tsv").read_text().split("\n\n")
            assert [sentence.split() for sentence in lines] == table[column].to_pylist()
    for language, scores in found.metrics["languages"].items():
        given, right = ((folder / f"tatoeba/test-{language}.tsv").read_text().split() for folder in folders.values())
        assert len(given) == scores["n"]
        assert metrics.get("accuracy").score(right, given)["accuracy"] == scores["accuracy"]


def test_retrieved_rows_are_in_the_order_of_the_sorted_english_sentences(base, mirror, settings, tmp_path):
    import datasets

    places = {"submission": str(tmp_path / "submission"), "labels": str(tmp_path / "labels")}
    [found] = evaluate_base(
        str(base), "tatoeba", out=tmp_path / "base", languages=["de"], settings={**settings, **places}
    )
    repository, cache = str(mirror / "google/xtreme"), str(tmp_path / "cache")
    rows = datasets.load_dataset(repository, "tatoeba.deu", split="validation", cache_dir=cache)
    english = rows["target_sentence"]
    order = sorted(range(len(english)), key=lambda row: english[row].strip())
    assert order != list(range(len(english)))
    predicted = pq.read_table(found.path / "predictions/de.parquet")["prediction"].to_pylist()
    assert (tmp_path / "labels/tatoeba/test-de.tsv").read_text().split() == [str(row) for row in order]
    assert (tmp_path / "submission/tatoeba/test-de.tsv").read_text().split() == [predicted[row] for row in order]


def test_what_has_no_place_in_a_submission_is_refused_before_any_answer(tagger, base, settings, tmp_path):
    asked = {**settings, "submission": str(tmp_path / "submission")}
    with pytest.raises(UserError, match=r"snli: no task of xtreme or xtreme-r(.|\n)*their tasks: xnli"):
        evaluate(tagger, "snli", settings=asked)
    with pytest.raises(UserError, match="test rows, not of dev"):
        evaluate(tagger, "udpos", split="dev", settings=asked)
    with pytest.raises(UserError, match="choose one --layer"):
        evaluate_base(str(base), "tatoeba", out=tmp_path / "base", layer="sweep", settings=asked)
    assert not (tmp_path / "submission").exists()
    assert not (tagger.path / "eval/udpos-dev").exists()
