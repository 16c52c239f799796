"""Named merges: what a recipe asks for, what goes before it, which ones are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adapterstilts.cli import call
from adapterstilts.compose.peft_folder import read_peft, write_peft
from adapterstilts.compose.recipe import from_recipe
from adapterstilts.compose.updates import Update
from adapterstilts.errors import UserError

PLACE = "attention.self.query"
LAYERS = range(24)


@pytest.fixture
def members(tmp_path, base):
    """Three peft folders with drawn updates of all 24 layers."""
    for number in range(3):
        draw = np.random.default_rng(number)
        updates = {
            f"encoder.layer.{layer}.{PLACE}": Update(draw.normal(size=(8, 2)), draw.normal(size=(2, 8)))
            for layer in LAYERS
        }
        write_peft(tmp_path / str(number), updates, str(base))
    return [str(tmp_path / str(number)) for number in range(3)]


def dense(folder):
    updates = read_peft(folder).updates
    return np.stack([updates[f"encoder.layer.{n}.{PLACE}"].left @ updates[f"encoder.layer.{n}.{PLACE}"].right
                     for n in LAYERS])  # fmt: skip


def merged(members, tmp_path, *words):
    out = tmp_path / "out"
    assert call(["merge", *members, "--out", str(out), "--no-probe", *words]) == 0
    return dense(out / "adapter"), json.loads((out / "certificate.json").read_text())


def test_layer_swapping_takes_outer_layers_of_the_language_and_inner_ones_of_the_task(members, tmp_path, capfd):
    found, certificate = merged(members[:2], tmp_path, "--recipe", "compose/layer-swapping")
    task, language = (dense(tmp_path / name) for name in "01")
    for layer in LAYERS:
        share = 0.0 if layer < 5 or layer > 18 else 0.5 if layer in (5, 18) else 1.0
        expected = share * task[layer] + (1 - share) * language[layer]
        np.testing.assert_allclose(found[layer], expected, atol=1e-6)
    assert certificate["how"] == "layers"
    assert "members, in this order: the task; the language" in capfd.readouterr().err


def test_language_arithmetic_adds_what_differs_between_languages(members, tmp_path):
    found, certificate = merged(members, tmp_path, "--recipe", "compose/language-arithmetic")
    task, target, english = (dense(tmp_path / name) for name in "012")
    np.testing.assert_allclose(found, task + target - english, atol=1e-5)
    assert [member["weight"] for member in certificate["members"]] == [1, 1, -1]


def test_what_is_said_by_hand_goes_before_the_recipe(members, tmp_path):
    words = ("--recipe", "compose/language-arithmetic", "--weights=1,0,0")
    found, _ = merged(members, tmp_path, *words)
    np.testing.assert_allclose(found, dense(tmp_path / "0"), atol=1e-6)


def test_the_embedded_base_has_a_recipe_for_its_four_layers():
    assert from_recipe("mini/layer-swapping", 2).settings == {"schedule": "0=0,1; 1-2=1,0; 3=0,1"}


def test_another_number_of_members_is_refused_with_what_each_should_be():
    with pytest.raises(UserError, match="(?s)for 3 members, not 2.*the task; a reference in the target language"):
        from_recipe("compose/language-arithmetic", 2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("how: layer", "(?s)line 4: how: unknown merge 'layer'.*'layers'"),
        ("how: linear\nweights: [1]", "line 5: weights: 1 for 2 members"),
        ("how: layers\nsettings: {schedul: x}", "(?s)line 5: settings: .*schedul"),
        ("how: linear\nother: 1", "line 5: other"),
    ],
)
def test_wrong_recipes_are_refused_by_line(changed, said, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"about: a\nsource: b\nmembers: [c, d]\n{changed}\n")
    with pytest.raises(UserError, match=said):
        from_recipe(str(file), 2)


@pytest.mark.parametrize("words", [[], ["--how", "mean", "--recipe", "compose/language-arithmetic"]])
def test_a_merge_is_named_in_one_way(words, members, tmp_path, capfd):
    assert call(["merge", *members, "--out", str(tmp_path / "out"), *words]) == 2
    assert "either --how or --recipe" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_recipe_of_another_kind_is_refused(members, tmp_path, capfd):
    assert call(["merge", *members, "--recipe", "paper/jiant", "--out", str(tmp_path / "out")]) == 2
    assert "is not a recipe of this kind" in capfd.readouterr().err
