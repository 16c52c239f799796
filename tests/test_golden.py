"""Every case of the official scorers' own answers, one by one: what they give, ours give (golden/README.md there)."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from adapterstilts.data.labels import LabelReader
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation.benchmarks import BENCHMARKS, benchmark_average
from adapterstilts.evaluation.mining import Candidate, Pool, candidates, choose_threshold, extract, read_pool
from adapterstilts.evaluation.neighbours import nearest, to_unit
from adapterstilts.evaluation.submission.kinds import KINDS
from adapterstilts.evaluation.submission.score import score as score_submission
from adapterstilts.formats import formats
from adapterstilts.metrics import _answers, metrics, mlqa
from adapterstilts.tasks import tasks

COUNTS = {
    "bucc_mining.json": 8,
    "classification_accuracy.json": 4,
    "jiant_intermediate.json": 7,
    "mlqa_em_f1.json": 16,
    "ner_bio_seqeval.json": 15,
    "squad_v1_em_f1.json": 10,
    "squad_v2.json": 9,
    "tatoeba_retrieval.json": 5,
    "udpos_seqeval.json": 17,
    "xquad_em_f1.json": 23,
    "xtreme_average.json": 8,
    "xtreme_end_to_end.json": 1,
}
CLOSE = 1e-9
CLOSE_SINGLE = 1e-4  # scores of mined pairs are single precision there
V2_NAMES = {"exact": "exact_match", "f1": "f1", "HasAns_f1": "has_answer_f1", "NoAns_exact": "no_answer_accuracy"}
NO_ANSWER, WRONG = "", "\ufffd"


def score(metric: str, gold: list, prediction: list, language: str = "en") -> dict[str, float]:
    return metrics.get(metric).of(language)(gold, prediction)


def must_agree(ours: dict[str, float], theirs: dict[str, float], close: float = CLOSE) -> None:
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=0, abs=close)


def rows(case: dict) -> tuple[list[list[str]], list[str]]:
    """A question without a prediction is one that was answered with nothing: 0 in SQuAD 1.1 and MLQA."""
    gold = [question["answers"] for question in case["references"]]
    return gold, [case["predictions"].get(question["id"], NO_ANSWER) for question in case["references"]]


def check_answers(case: dict, metric: str, normalise, language: str = "en") -> None:
    gold, prediction = rows(case)
    theirs = dict(case["expected"])
    questions = theirs.pop("per_question")
    must_agree(score(metric, gold, prediction, language), theirs)
    for question, given in zip(case["references"], prediction, strict=True):
        one = questions[question["id"]]
        if "normalized_prediction" in one:
            assert normalise(given) == one["normalized_prediction"]
            assert [normalise(answer) for answer in question["answers"]] == one["normalized_references"]
        alone = score(metric, [question["answers"]], [given], language)
        must_agree(alone, {name: 100 * one[name] for name in ("exact_match", "f1")})


def check_squad_v1(case: dict) -> None:
    check_answers(case, "squad_v1", _answers.normalise)


def check_mlqa(case: dict) -> None:
    language = case["language"]
    if "official_raises" in case["expected"]:
        with pytest.raises(UserError, match=f"no rules for language '{language}'"):
            score("mlqa", *rows(case), language)
    else:
        check_answers(case, "mlqa", lambda text: mlqa.normalise(text, language), language)


def check_squad_v2(case: dict) -> None:
    """At the case's threshold; ours searches none on the gold, as best_exact and best_f1 do."""
    doubt, limit = case["na_probs"] or {}, 1.0 if case["na_prob_thresh"] is None else case["na_prob_thresh"]
    gold, given = rows(case)
    decided = [
        (WRONG if question["answers"] else NO_ANSWER) if doubt.get(question["id"], 0.0) > limit else text
        for question, text in zip(case["references"], given, strict=True)
    ]
    ours, theirs = score("squad_v2", gold, decided), case["expected"]
    parts = {ours_too: theirs[name] for name, ours_too in V2_NAMES.items() if name in theirs}
    assert set(ours) == {*parts, "em_f1"}
    must_agree(ours, {**parts, "em_f1": (theirs["exact"] + theirs["f1"]) / 2})


def check_chunks(case: dict) -> None:
    must_agree(score("chunk_f1", case["references"], case["predictions"]), case["expected"])


def check_accuracy(case: dict) -> None:
    must_agree(score("accuracy", case["references"], case["predictions"]), case["expected"])


def check_jiant(case: dict) -> None:
    """Fractions there; the gold is a word's first token, by jiant's mask."""
    major, kind, given = 100 * case["expected"]["major"], case["kind"], case["predictions"]
    if kind == "ccg":
        pairs = zip(case["references"]["label_ids"], case["references"]["label_mask"], strict=True)
        gold = [[tag for tag, counts in zip(tags, mask, strict=True) if counts] for tags, mask in pairs]
        masks = case["references"]["label_mask"]
        words = [[tag for tag, counts in zip(*both, strict=False) if counts] for both in zip(given, masks, strict=True)]
        must_agree(score("token_accuracy", gold, words), {"token_accuracy": major})
    elif kind == "acc_and_f1":
        names, minor = ["not_duplicate", "duplicate"], case["expected"]["minor"]
        gold, guess = ([names[label] for label in labels] for labels in (case["references"], given))
        theirs = {"accuracy": 100 * minor["acc"], "f1": 100 * minor["f1"], "accuracy_and_f1": major}
        must_agree(score("accuracy_f1", gold, guess), theirs)
    else:
        if kind == "multiple_choice_logits":
            logits = torch.tensor(given)
            answers = formats.get("multiple_choice").decode(logits, {"labels": torch.tensor(case["references"])})
            given = [choice for choice, _ in answers]
            assert given == case["expected"]["predictions"]
        must_agree(score("accuracy", case["references"], given), {"accuracy": major})


def check_tatoeba(case: dict) -> None:
    vectors, gold, expected = case["predictions"], case["references"], case["expected"]
    english, other = (np.array(vectors[f"{side}_embeddings"], np.float32) for side in ("english", "other_language"))
    for queries, index, direction, answers in (
        (english, other, "english_to_other", gold["other_row_of_each_english_row"]),
        (other, english, "other_to_english", gold["english_row_of_each_other_row"]),
    ):
        for block in (7, 1024):
            found, _ = nearest(queries, index, block)
            assert found.tolist() == expected[direction]["predictions"]
        ours = score("accuracy", [str(row) for row in answers], [str(row) for row in found])
        must_agree(ours, {"accuracy": expected[direction]["accuracy"]})


def pool(sides: dict, gold: list[list[str]]) -> Pool:
    """The golden sentences as rows, and as mining reads them."""
    columns: dict[str, list] = {name: [] for name in ("id", "text", "side", "partners")}
    for side in ("source", "target"):
        for one in sides[side]:
            columns["id"].append(one["id"])
            columns["text"].append(one["text"])
            columns["side"].append(side)
            columns["partners"].append([target for source, target in gold if source == one["id"]])
    table = datasets.Dataset.from_dict(columns)
    return read_pool(Rows(tasks.get("bucc"), "de", "test", table, LabelReader({}), "golden", None))


def mined(sides: dict, gold: list[list[str]], expected: dict) -> tuple[Pool, list[Candidate]]:
    """Mine one golden pool; the candidates must be the official ones, in their order."""
    ours = pool(sides, gold)
    assert ours.pairs == len({tuple(pair) for pair in gold})
    vectors = {one["id"]: one["embedding"] for side in ("source", "target") for one in sides[side]}
    left, right = (to_unit(np.array([vectors[name] for name in side.ids], np.float32)) for side in ours[:2])
    found = candidates(ours, left, right)
    assert len(found) == expected["n_candidates"]
    assert [one[:2] for one in found] == [tuple(one[:2]) for one in expected["candidates"]]
    theirs = [one[2] for one in expected["candidates"]]
    assert [one.score for one in found] == pytest.approx(theirs, rel=0, abs=CLOSE_SINGLE)
    return ours, found


def mining_scores(ours: Pool, found: list[Candidate], threshold: float) -> tuple[dict[str, float], int]:
    taken = extract(found, ours, threshold)
    answers = [one.value for one in taken.predictions]
    return score("mining_f1", taken.gold, answers), sum(map(len, answers))


def check_bucc(case: dict) -> None:
    given, gold, expected = case["predictions"], case["references"], case["expected"]
    numbers = ("precision", "recall", "f1")
    dev, found = mined(given["dev"], gold["dev"], expected["dev"])
    threshold = choose_threshold(found, dev)
    assert threshold == pytest.approx(expected["dev"]["threshold"], abs=CLOSE_SINGLE)
    must_agree(mining_scores(dev, found, threshold)[0], {name: expected["dev"][name] for name in numbers})
    if "test_with_dev_threshold" in expected:
        theirs = expected["test_with_dev_threshold"]
        test, found = mined(given["test"], gold["test"], theirs)
        ours, extracted = mining_scores(test, found, threshold)
        must_agree(ours, {name: theirs[name] for name in numbers})
        assert extracted == theirs["n_extracted"]
        theirs = expected["test_threshold_chosen_on_test_gold"]
        flattering = choose_threshold(found, test)
        assert flattering == pytest.approx(theirs["threshold"], abs=CLOSE_SINGLE)
        must_agree(mining_scores(test, found, flattering)[0], {name: theirs[name] for name in numbers})


def averages(case: dict) -> dict:
    """Our averages in the official program's words."""
    found = benchmark_average(case["predictions"], BENCHMARKS[case["references"]["xtreme_version"]])
    return official_words(found)


def official_words(found) -> dict:
    tasks = {
        task: {f"avg_{name}": value for name, value in means.items()} | {"avg_metric": found.main[task]}
        for task, means in found.tasks.items()
    }
    overall = {} if found.overall is None else {"all_task": found.overall}
    return {"overall": {**found.groups, **overall}, "tasks": tasks}


def check_average(case: dict) -> None:
    ours, theirs = averages(case), case["expected"]
    assert set(ours["overall"]) == set(theirs["overall"])
    assert set(ours["tasks"]) == set(theirs["tasks"])
    must_agree(ours["overall"], theirs["overall"])
    for task, means in theirs["tasks"].items():
        assert set(ours["tasks"][task]) == set(means)
        must_agree(ours["tasks"][task], means)


def write_layout(folder: Path, of: dict[str, dict[str, object]]) -> Path:
    """Write the golden values of a submission as its files; ours are written by `evaluate`'s own functions."""
    for task, languages in of.items():
        kind = KINDS[task]
        for language, values in languages.items():
            if task == "bucc2018":
                text = "".join(f"{pair}\n" for pair in values)
            elif isinstance(values, dict):
                text = kind.write(list(values), list(values.values()))
            elif isinstance(values[0], dict):
                text = kind.write([one["id"] for one in values], [one["answers"] for one in values])
            else:
                text = kind.write([str(row) for row in range(len(values))], values)
            (folder / task).mkdir(parents=True, exist_ok=True)
            (folder / task / f"test-{language}.{kind.suffix}").write_text(text, encoding="utf-8")
    return folder


def check_submission(case: dict, tmp_path: Path) -> None:
    given = write_layout(tmp_path / "predictions", case["predictions"])
    right = write_layout(tmp_path / "labels", case["references"])
    found = score_submission(given, labels=right)
    ours, theirs, compared = official_words(found.averages), case["expected"], 0
    assert set(ours["overall"]) == set(theirs["overall"])
    must_agree(ours["overall"], theirs["overall"])
    assert set(ours["tasks"]) == set(theirs["tasks"])
    for task, numbers in theirs["tasks"].items():
        must_agree(ours["tasks"][task], {name: mean for name, mean in numbers.items() if name.startswith("avg_")})
        for name, languages in numbers.items():
            if not name.startswith("avg_"):
                assert set(found.scores[task]) == set(languages)
                must_agree({code: scores[name] for code, scores in found.scores[task].items()}, languages)
                compared += len(languages)
    assert compared > 162  # task-language pairs, some with several numbers


def takes_all_candidates(case: dict) -> None:
    """The official search reads past the end; the lowest score as threshold keeps all, and all are right."""
    dev, found = mined(case["predictions"]["dev"], case["references"]["dev"], case["expected"]["dev"])
    threshold = choose_threshold(found, dev)
    assert threshold == found[-1].score
    assert mining_scores(dev, found, threshold) == ({"f1": 100.0, "precision": 100.0, "recall": 100.0}, len(found))


def refuses_uneven_sentences(case: dict) -> None:
    """seqeval 0.0.12 shifts all later sentences against each other; ours refuses a sentence with other words."""
    with pytest.raises(ValueError, match="shorter"):
        score("chunk_f1", case["references"], case["predictions"])


def refuses_a_missing_answer(case: dict) -> None:
    """The official script stops with a KeyError; too few predictions are refused here too."""
    with pytest.raises(ValueError, match=r"shorter|longer"):
        score("squad_v2", rows(case)[0], list(case["predictions"].values()))


def names_the_missing_language(case: dict) -> None:
    """The official program stops at the first file that is not there; ours names all languages."""
    with pytest.raises(UserError, match=r"some are missing\n  xquad: th\n"):
        averages(case)


def leaves_lareqa_out(case: dict) -> None:
    """The official program stops at LAReQA's folder; ours gives the groups, and no overall number without it."""
    without = {**case, "predictions": {task: of for task, of in case["predictions"].items() if task != "lareqa"}}
    assert averages(case) == averages(without)
    assert set(averages(case)["overall"]) == {"classification", "tagging", "qa", "retrieval", "multi_choice"}


CHECKS = {
    "bucc_mining.json": check_bucc,
    "classification_accuracy.json": check_accuracy,
    "jiant_intermediate.json": check_jiant,
    "mlqa_em_f1.json": check_mlqa,
    "ner_bio_seqeval.json": check_chunks,
    "squad_v1_em_f1.json": check_squad_v1,
    "squad_v2.json": check_squad_v2,
    "tatoeba_retrieval.json": check_tatoeba,
    "udpos_seqeval.json": check_chunks,
    "xquad_em_f1.json": check_squad_v1,
    "xtreme_average.json": check_average,
    "xtreme_end_to_end.json": check_submission,
}
MAY_DIFFER = {
    ("bucc_mining.json", "best_is_last_candidate"): takes_all_candidates,
    ("squad_v2.json", "missing_prediction"): refuses_a_missing_answer,
    ("udpos_seqeval.json", "shorter_prediction"): refuses_uneven_sentences,
    ("xtreme_average.json", "xtreme_missing_language"): names_the_missing_language,
    ("xtreme_average.json", "xtreme_r_with_lareqa"): leaves_lareqa_out,
}


def cases(real_data: Path, file: str) -> list[dict]:
    return json.loads((real_data / "golden" / file).read_text(encoding="utf-8"))["cases"]


@pytest.mark.real
def test_every_file_and_every_case_is_covered(real_data):
    files = sorted(path.name for path in (real_data / "golden").glob("*.json"))
    assert {file: len(cases(real_data, file)) for file in files} == COUNTS
    assert set(CHECKS) == set(COUNTS)
    free = {(file, case["name"]) for file in files for case in cases(real_data, file) if case.get("port_may_differ")}
    assert free == set(MAY_DIFFER)


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "number"), [(file, number) for file, count in COUNTS.items() for number in range(count)]
)
def test_a_case_gives_what_the_official_scorer_gives(real_data, file, number, tmp_path):
    case = cases(real_data, file)[number]
    check = MAY_DIFFER.get((file, case["name"]), CHECKS[file])
    if check is check_submission:
        check(case, tmp_path)
    else:
        check(case)
