"""Typological distances: URIEL's numbers as they are, every language of the catalog, and honest correlations."""

from __future__ import annotations

import json
import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cosine
from scipy.stats import spearmanr

from adapterstilts.errors import UserError
from adapterstilts.experiment.typology import FILE, KINDS, against_gain, attested, correlations, distance, languages
from adapterstilts.tasks import tasks

TABLE = json.loads(FILE.read_text(encoding="utf-8"))
NO_FAMILY = {"eu", "nb", "qu", "tw"}  # an isolate, and gaps in URIEL


def bits(language, kind):
    return [int(one) for one in TABLE["languages"][language][kind]]


def test_every_language_of_the_catalog_has_a_distance_of_every_kind_but_four_families():
    catalog = {language for name in tasks.names() for language in tasks.get(name).languages}
    assert catalog == set(languages())
    without = {(one, kind) for one in catalog for kind in KINDS if distance(one, kind=kind) is None}
    assert without == {(one, "family") for one in NO_FAMILY}


@pytest.mark.parametrize(
    ("language", "kind", "expected"),
    [  # computed with numpy from the files of lang2vec 1.1.2
        ("fr", "syntax", 0.1882),
        ("de", "syntax", 0.0975),
        ("hi", "syntax", 0.3838),
        ("fr", "phonology", 0.2474),
        ("de", "inventory", 0.2372),
        ("fr", "family", 0.9038),
        ("de", "family", 0.4557),
        ("zh", "family", 1.0),
    ],
)
def test_distances_to_english_are_those_of_lang2vecs_vectors(language, kind, expected):
    assert distance(language, kind=kind) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("kind", ["syntax", "phonology", "inventory"])
def test_every_pair_has_the_cosine_distance_of_its_vectors_both_ways(kind):
    for one, two in combinations(sorted(languages())[::4], 2):
        assert distance(one, two, kind) == pytest.approx(cosine(bits(one, kind), bits(two, kind)), abs=1e-12)
        assert distance(one, two, kind) == distance(two, one, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_are_shares_symmetric_and_zero_to_oneself(kind):
    known = [one for one in languages() if kind != "family" or one not in NO_FAMILY]
    assert {distance(one, one, kind) for one in known} == {0}
    pairs = [(distance(one, two, kind), distance(two, one, kind)) for one, two in combinations(known, 2)]
    assert all(there == pytest.approx(back, abs=1e-15) and 0 <= there <= 1 for there, back in pairs)


def test_a_geographic_distance_is_a_great_circle_between_the_places():
    north, east = np.radians([TABLE["languages"][one]["place"] for one in ("en", "zh")]).T
    vectors = np.c_[np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
    assert distance("zh", "en", "geography") == pytest.approx(math.acos(vectors[0] @ vectors[1]) / math.pi)
    assert TABLE["languages"]["en"]["place"] == [53.0, -0.9]
    assert TABLE["languages"]["zh"]["place"] == [35.0, 110.0]


def test_it_is_said_how_much_of_a_vector_is_filled_in():
    assert attested("en") == 1
    assert attested("sk") == 0
    assert attested("de", "syntax") == pytest.approx(87 / 103)
    assert attested("de", "family") is None
    assert attested("tlh") is None


def test_a_language_outside_the_table_has_no_distance_and_another_kind_is_refused():
    assert distance("tlh") is None
    assert distance("de", "tlh", "geography") is None
    with pytest.raises(UserError, match="'sintax'") as caught:
        distance("de", kind="sintax")
    assert "'syntax'" in caught.value.fix


def test_the_note_beside_the_table_names_source_licence_and_what_is_missing():
    note = FILE.with_name("README.md").read_text(encoding="utf-8")
    assert "Littell" in note
    assert "CC BY-SA 4.0" in note
    assert f"{len(languages())} of 7,970 languages" in note
    unattested = {one for one in languages() if attested(one) == 0}
    assert all(f"({one})" in note for one in NO_FAMILY | unattested)


def results_of(scores, zero_shot):
    """What `against_gain` reads of a study: `scores` has way, target, language, seed, score."""
    frame = pd.DataFrame(scores, columns=["way", "target", "language", "seed", "score"])
    return SimpleNamespace(
        scores=frame.assign(base="mini", variant="", method="lora"), baseline="none", zero_shot=zero_shot
    )


def study(gains, seeds=(0, 1), target="xnli"):
    """Scores of the ways none and snli in which a language gains what is said, by another level each seed."""
    return [
        (way, target, language, seed, 50 + 3 * seed + (gain if way == "snli" else 0))
        for way in ("none", "snli")
        for language, gain in gains.items()
        for seed in seeds
    ]


def test_a_gain_is_the_mean_over_seeds_that_both_ways_have():
    scores = [row for row in study({"en": 9.0, "de": 1.0, "zh": 2.0}) if row[:4] != ("none", "xnli", "zh", 1)]
    scores[-1] = ("snli", "xnli", "zh", 1, 99.0)  # has nothing to be held against
    gains = against_gain(results_of(scores, {"xnli": ("de", "zh")}))
    assert gains["language"].tolist() == ["de", "zh"]
    assert gains["gain"].tolist() == [1.0, 2.0]
    assert gains["seeds"].tolist() == [2, 1]
    assert gains["distance"].tolist() == [distance("de"), distance("zh")]
    assert set(gains["way"]) == {"snli"}


def test_the_kind_and_the_source_language_may_be_others():
    results = results_of(study({"de": 1.0, "fr": 2.0}), {"xnli": ("de", "fr")})
    gains = against_gain(results, kind="geography", source="fr")
    assert gains["distance"].tolist() == [distance("de", "fr", "geography"), 0]
    assert gains["attested"].isna().all()


def test_a_language_without_a_distance_stays_in_the_frame_and_out_of_the_correlation():
    results = results_of(study({"de": 1.0, "fr": 2.0, "hi": 3.0, "tlh": 4.0}), {"xnli": ("de", "fr", "hi", "tlh")})
    gains = against_gain(results)
    assert gains["distance"].isna().tolist() == [False, False, False, True]
    assert correlations(gains)["n"].tolist() == [3, 3]


def test_a_correlation_is_spearmans_with_its_p_and_the_number_of_languages():
    chosen = ["de", "fr", "es", "hi", "zh", "sw", "tr", "ru", "th"]
    values = [1.0, 0.5, 2.0, 3.0, 2.5, 1.5, 4.0, 0.1, 2.2]
    gains = against_gain(results_of(study(dict(zip(chosen, values, strict=True))), {"xnli": tuple(chosen)}))
    over_all, of_target = correlations(gains).to_dict("records")
    expected = spearmanr([distance(one) for one in chosen], values)
    assert (of_target["target"], over_all["target"]) == ("xnli", "")
    assert of_target["rho"] == over_all["rho"] == pytest.approx(expected.statistic)
    assert of_target["p"] == pytest.approx(expected.pvalue)
    assert (of_target["n"], of_target["caution"]) == (9, "")


def test_few_languages_are_cautioned_about_and_fewer_than_three_have_no_correlation():
    few = against_gain(results_of(study({"de": 1.0, "hi": 2.0, "sw": 3.0}), {"xnli": ("de", "hi", "sw")}))
    line = correlations(few).iloc[0]
    assert line["rho"] == pytest.approx(1)
    assert line["caution"].startswith("only 3 languages")
    two = correlations(few[few["language"] != "sw"]).iloc[0]
    assert math.isnan(two["rho"])
    assert two["caution"] == "no correlation of 2 languages"


def test_equal_gains_have_no_correlation():
    few = against_gain(results_of(study({"de": 1.0, "hi": 1.0, "sw": 1.0}), {"xnli": ("de", "hi", "sw")}))
    line = correlations(few).iloc[0]
    assert math.isnan(line["rho"])
    assert "equal" in line["caution"]


def test_over_targets_a_target_with_other_languages_is_not_mistaken_for_distance():
    near, far = {"de": 1.0, "fr": 1.2, "es": 1.1}, {"hi": 21.1, "sw": 21.0, "tr": 21.2}
    scores = study(near, target="xnli") + study(far, target="xcopa")
    gains = against_gain(results_of(scores, {"xnli": tuple(near), "xcopa": tuple(far)}))
    over_all = correlations(gains).iloc[0]
    assert over_all["n"] == 6
    assert spearmanr(gains["distance"], gains["gain"]).statistic > 0.5
    assert abs(over_all["rho"]) < 0.5


def test_a_study_without_anything_scored_has_empty_frames():
    gains = against_gain(results_of([], {}))
    assert gains.empty
    assert list(correlations(gains).columns) == [
        "base",
        "variant",
        "method",
        "way",
        "target",
        "n",
        "rho",
        "p",
        "caution",
    ]
