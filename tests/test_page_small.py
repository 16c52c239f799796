"""The page of a study that is small in some way: one way, one method, one target, one seed, nothing to lay beside."""

from __future__ import annotations

from dataclasses import fields, replace

import page_results
import pandas as pd
import pytest

from adapterstilts.report.page import write_page

METHOD, WAY, TARGET = page_results.METHODS[0], page_results.BASELINE, page_results.TARGETS[0]


def only(thing, **kept):
    """Return results or judgements cut down to these methods, ways, targets, seeds."""
    frames = {
        one.name: getattr(thing, one.name)
        for one in fields(thing)
        if isinstance(getattr(thing, one.name), pd.DataFrame)
    }
    for name, values in kept.items():
        frames = {key: frame[frame[name].isin(values)] if name in frame else frame for key, frame in frames.items()}
    return replace(thing, **{key: frame.reset_index(drop=True) for key, frame in frames.items()})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "kept",
    [
        {"way": [WAY]},
        {"method": [METHOD]},
        {"target": [TARGET]},
        {"seed": [0]},
        {"method": [METHOD], "way": [WAY], "target": [TARGET], "seed": [0]},
    ],
    ids=lambda kept: "+".join(kept),
)
def test_a_small_study_has_a_page_that_shows_what_there_is(tmp_path, kept):
    study = page_results.results()
    lists = {f"{name}s": tuple(values) for name, values in kept.items()}
    lists |= {"reference": None, "certificates": {}, "configurations": {}} if "method" in kept else {}
    small = replace(only(study, **kept), **lists)
    file = write_page(small, only(page_results.judged(study), **kept), tmp_path / "small.html", None)
    text = file.read_text(encoding="utf-8")
    left_out = [one for one in page_results.METHODS if one not in kept.get("method", page_results.METHODS)]
    assert "</html>" in text
    assert f">{METHOD}<" in text
    assert not [one for one in left_out if f">{one}<" in text]


def test_a_target_that_nothing_is_trained_for_has_no_empty_picture_of_costs(tmp_path):
    study = page_results.results()
    judged = page_results.judged(study)
    searched = replace(study, costs=study.costs[study.costs["target"] != TARGET])
    pages = [
        write_page(one, judged, tmp_path / "page.html", None).read_text(encoding="utf-8") for one in (study, searched)
    ]
    costs = [page.partition('id="cost"')[2].partition("</section>")[0] for page in pages]
    assert costs[1].count("<svg") == costs[0].count("<svg") - 1
    assert f"nothing is trained for it: {TARGET}." in costs[1]
    assert "nothing is trained for it" not in costs[0]
