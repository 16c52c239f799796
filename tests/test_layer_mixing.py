"""Weights by layer and place: what each layer gets, what a schedule may say, and the two published recipes."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from adapterstilts.cli import call as command_line
from adapterstilts.compose.combine import combine, ingredients
from adapterstilts.compose.merge import merge
from adapterstilts.compose.merges import merges
from adapterstilts.compose.peft_folder import read_peft, write_peft
from adapterstilts.compose.updates import Update, distance
from adapterstilts.config.resolve import read_settings
from adapterstilts.errors import UserError

PLACES = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "attention_output": "attention.output.dense", "intermediate": "intermediate.dense", "output": "output.dense",
}  # fmt: skip
LAYERED = merges.get("layers")


def member(seed, layers=range(4), places=PLACES, rank=2):
    """Random updates on all places of some layers; in no place of the encoder have two the same shape."""
    draw = np.random.default_rng(seed)
    return {
        f"encoder.layer.{number}.{PLACES[place]}": Update(
            draw.normal(size=(7 + list(PLACES).index(place), rank)), draw.normal(size=(rank, 5))
        )
        for number in layers
        for place in places
    }


def mixed(schedule, members, weights):
    settings = read_settings(LAYERED.schema, {"schedule": schedule})
    return combine(LAYERED, ingredients(members, weights), settings).updates


def by_hand(members, weights_of):
    """The dense sum, layer by layer, of what each member has there; `weights_of` gives a layer's weights by name."""
    total = {}
    for name in {name for one in members for name in one}:
        number, place = re.fullmatch(r"encoder\.layer\.(\d+)\.(.*)", name).groups()
        short = next(key for key, value in PLACES.items() if value == place)
        parts = zip(members, weights_of(int(number), short), strict=True)
        total[name] = sum(weight * one[name].left @ one[name].right for one, weight in parts if name in one)
    return total


def assert_holds(updates, expected):
    assert updates.keys() == expected.keys()
    for name, dense in expected.items():
        np.testing.assert_allclose(updates[name].left @ updates[name].right, dense, atol=1e-12, err_msg=name)


def test_every_layer_has_the_weights_that_the_last_part_covering_it_gives():
    def weights(number, place):
        if number in (1, 2):
            return (-2, 0.25) if place == "output" else (0.5, 0.75)
        return (0, 1) if (number, place) == (3, "key") else (3, 4)

    members = [member(0), member(1, rank=3)]
    schedule = "0-2=9,9; 1-2=.5,.75;2.output = -2,0.25; 1.output=-2,.25; 3.key=0,1; 0=3,4"
    assert_holds(mixed(schedule, members, [3, 4]), by_hand(members, weights))


def test_without_a_schedule_it_is_the_weighted_sum():
    members = [member(0), member(1)]
    linear = combine(merges.get("linear"), ingredients(members, [1.5, -1]), merges.get("linear").schema()).updates
    assert all(distance(one, linear[name]).relative < 1e-12 for name, one in mixed("", members, [1.5, -1]).items())


def test_members_may_change_different_layers():
    def weights(number, place):
        return (1, 2) if number == 1 else (1, -1) if place == "value" and number == 2 else (1, 1)

    members = [member(0, layers=[0, 1]), member(1, layers=[1, 2], places=["value", "output"])]
    assert_holds(mixed("1=1,2; 2.value=0,-1", members, [1, 1]), by_hand(members, weights))


def test_the_order_of_the_members_follows_that_of_their_weights():
    one, other = member(0), member(1)
    there = mixed("0-1=1,0; 2=0.2,0.8", [one, other], [1, 2])
    back = mixed("0-1=0,1; 2=0.8,0.2", [other, one], [2, 1])
    assert all(distance(back[name], update).relative < 1e-12 for name, update in there.items())


def test_swapping_takes_outer_layers_from_one_and_inner_ones_from_the_other():
    task, language = member(0, layers=range(6)), member(1, layers=range(6))
    swapped = mixed("0=0,1; 1=0.5,0.5; 2-3=1,0; 4=0.5,0.5; 5=0,1", [task, language], [1, 1])
    for name, update in swapped.items():
        number = int(name.split(".")[2])
        if number in (0, 5):
            assert distance(update, language[name]).relative < 1e-12
        elif number in (2, 3):
            assert distance(update, task[name]).relative < 1e-12
        else:
            halves = (task[name].left @ task[name].right + language[name].left @ language[name].right) / 2
            np.testing.assert_allclose(update.left @ update.right, halves, atol=1e-12)


def test_language_arithmetic_gives_the_task_back_where_both_references_are_one(tmp_path):
    """What differs between the target language and English is added; where nothing does, the task comes back."""
    write_peft(tmp_path / "task", member(0), "base")
    write_peft(tmp_path / "english", member(1), "base")
    shutil.copytree(tmp_path / "english", tmp_path / "target")
    task, target, english = (read_peft(tmp_path / name).updates for name in ("task", "target", "english"))
    for how in ("linear", "layers"):
        algorithm = merges.get(how)
        found = combine(algorithm, ingredients([task, target, english], [1, 1, -1]), algorithm.schema()).updates
        assert max(distance(found[name], update).relative for name, update in task.items()) < 1e-12
        assert all(update.rank == 2 for update in found.values())


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0-3", "is no part of a schedule"),
        ("0-3=", "is no part of a schedule"),
        ("=1,0", "is no part of a schedule"),
        ("-1=1,0", "is no part of a schedule"),
        ("0-3=1,0,", "cannot read its weights"),
        ("0-3=1,x", "cannot read its weights"),
        ("0-3=1,nan", "weights are finite"),
        ("3-0=1,0", "ends before it begins"),
        ("0-3.dense=1,0", "no place 'dense'"),
        ("0-3=1", "1 weights for 2 members"),
        ("0-3=1,0,1", "3 weights for 2 members"),
        ("0-3=1,0; 4-9=0,1", "'4-9=0,1' covers no layer"),
        ("0-3=1,0; 0.key=0,1", "'0.key=0,1' covers no layer"),
    ],
)
def test_a_schedule_that_means_nothing_is_refused_with_its_part(schedule, said):
    members = [member(0, places=["query"]), member(1, places=["value"])]
    with pytest.raises(UserError, match=re.escape(said)):
        mixed(schedule, members, [1, 1])


@pytest.fixture
def folders(base, tmp_path):
    """Two peft folders of the tiny base."""
    for seed in (0, 1):
        draw = np.random.default_rng(seed)
        updates = {
            f"encoder.layer.{number}.{PLACES[place]}": Update(draw.normal(size=(64, 2)), draw.normal(size=(2, 64)))
            for number in (0, 1)
            for place in ("query", "value")
        }
        write_peft(tmp_path / f"member{seed}", updates, str(base))
    return [tmp_path / "member0", tmp_path / "member1"]


def test_a_layered_merge_is_a_composition_whose_certificate_has_the_schedule(folders, tmp_path, capfd):
    out = tmp_path / "mixed"
    words = [*map(str, folders), "--how", "layers", "--set", "schedule=0=1,0;1.query=0.5,2", "--out", str(out)]
    assert command_line(["merge", *words]) == 0, capfd.readouterr().err
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["settings"] == {"schedule": "0=1,0; 1.query=0.5,2"}
    assert certificate["checks"].keys() >= {"identity", "reload"}
    assert certificate["truncation"]["largest"] == 0
    one, other = (read_peft(folder).updates for folder in folders)
    for name, update in read_peft(out / "adapter").updates.items():
        weights = (1, 0) if ".0." in name else (0.5, 2) if "query" in name else (1, 1)
        expected = weights[0] * one[name].left @ one[name].right + weights[1] * other[name].left @ other[name].right
        error = np.linalg.norm(update.left @ update.right - expected)
        assert error < 1e-6 * np.linalg.norm(expected)
    assert command_line(["merge", *words]) == 0
    assert "already done" in capfd.readouterr().err
    words[words.index("schedule=0=1,0;1.query=0.5,2")] = "schedule=0=1,0"
    assert command_line(["merge", *words]) == 2


def test_a_schedule_that_covers_nothing_leaves_nothing_behind(folders, tmp_path, capfd):
    before = sorted(tmp_path.iterdir())
    words = [*map(str, folders), "--how", "layers", "--set", "schedule=0-3=1,0;4-9=0,1", "--out", str(tmp_path / "m")]
    assert command_line(["merge", *words]) == 2
    assert "covers no layer" in capfd.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_setting_that_linear_does_not_have_is_refused(folders, tmp_path):
    with pytest.raises(UserError, match="unknown setting 'schedule'"):
        merge(folders, how="linear", out=tmp_path / "m", settings={"schedule": "0=1,0"})
