"""The probe: a composition's last check, through peft and the base itself; and merging real runs by what needs it."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import peft
import pytest
import torch

from adapterstilts.base import find_base
from adapterstilts.cli import call
from adapterstilts.compose.average import average
from adapterstilts.compose.merge import merge
from adapterstilts.compose.merges import merges
from adapterstilts.compose.peft_folder import write_peft
from adapterstilts.compose.stack import stack
from adapterstilts.compose.updates import Update
from adapterstilts.errors import UserError

QUERY, OUTPUT = "encoder.layer.0.attention.self.query", "encoder.layer.1.output.dense"
SHAPES = {QUERY: (64, 64), OUTPUT: (64, 256)}


@pytest.fixture(scope="module")
def members(base, tmp_path_factory):
    """Two peft folders of small drawn changes on the tiny base."""
    root = tmp_path_factory.mktemp("members")
    for number, layers in enumerate(([QUERY, OUTPUT], [QUERY])):
        draw = np.random.default_rng(number)
        updates = {
            layer: Update(0.02 * draw.normal(size=(SHAPES[layer][0], 2)), draw.normal(size=(2, SHAPES[layer][1])))
            for layer in layers
        }
        write_peft(root / str(number), updates, str(base))
    return [root / "0", root / "1"]


@pytest.mark.parametrize("how", ["mean", "ties", "dare_ties", "knots"])
def test_a_merge_is_probed_where_its_base_is_at_hand(how, members, tmp_path):
    made = merge(members, how=how, out=tmp_path / "out")
    assert made.certificate["probe"]["done"]
    assert 0.0 < made.certificate["checks"]["probe"]["largest"] < made.certificate["checks"]["probe"]["allowed"] == 2e-5
    page = (tmp_path / "out/certificate.md").read_text()
    assert "- probe made: the base with the change added" in page
    assert "| probe |" in page
    assert ("- density: " in page) == (how != "mean")
    assert "Sign conflict 0." in page


def test_a_stack_is_probed_with_all_its_updates(members, tmp_path):
    made = stack(members, out=tmp_path / "out", probe=True)
    assert 0.0 < made.certificate["checks"]["probe"]["largest"] <= 2e-5


def test_a_base_that_is_not_at_hand_is_said_or_refused(members, base, tmp_path, monkeypatch):
    def lost(name, *, online=True):
        if not online:
            raise UserError(f"no {name} here")
        return find_base(name)

    monkeypatch.setattr("adapterstilts.compose.probe.find_base", lost)
    made = merge(members, how="linear", out=tmp_path / "out")
    assert made.certificate["probe"] == {"done": False, "what": f"the base {base} is not on this machine"}
    assert "probe" not in made.certificate["checks"]
    assert "- probe not made: the base" in (tmp_path / "out/certificate.md").read_text()
    for make in (
        lambda out: merge(members, how="linear", out=out, probe=True),
        lambda out: stack(members, out=out, probe=True),
    ):
        with pytest.raises(UserError, match="there can be no probe: the base .* is not on this machine"):
            make(tmp_path / "must")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_base_of_the_same_name_and_other_weights_is_not_at_hand(members, base, tmp_path, monkeypatch):
    other = type(find_base(str(base)))(str(base), base, "another")
    monkeypatch.setattr("adapterstilts.compose.probe.find_base", lambda name, online: other)
    assert not merge(members, how="linear", out=tmp_path / "out").certificate["probe"]["done"]


def test_a_probe_is_made_or_not_as_asked(members, tmp_path, capfd):
    words = ["merge", *map(str, members), "--how", "linear", "--out", str(tmp_path / "out")]
    assert call([*words, "--no-probe"]) == 0
    assert "checked probe" not in capfd.readouterr().err
    told = json.loads((tmp_path / "out/certificate.json").read_text())
    assert told["probe"] == {"done": False, "what": "it was switched off"}
    assert call([*words, "--probe"]) == 2
    assert "was made without a probe" in capfd.readouterr().err
    assert call(words) == 0
    words[-1] = str(tmp_path / "probed")
    assert call([*words, "--probe"]) == 0
    assert "checked probe: " in capfd.readouterr().err
    assert call([*words, "--probe"]) == 0
    assert "already done" in capfd.readouterr().err


def test_a_probe_that_fails_leaves_nothing(members, tmp_path, monkeypatch, capfd):
    """A peft that computes a twentieth more than what lies in the files."""
    right = peft.tuners.lora.Linear.forward

    def wrong(self, x):
        plain = self.base_layer(x)
        return plain + 1.05 * (right(self, x) - plain)

    monkeypatch.setattr(peft.tuners.lora.Linear, "forward", wrong)
    for words in (["merge", "--how", "ties"], ["stack"]):
        assert call([words[0], *map(str, members), *words[1:], "--out", str(tmp_path / "out")]) == 2
        assert "the base's hidden states are" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_change_that_does_not_fit_the_base_is_refused(base, members, tmp_path):
    for name, layer, shape in (("shape", QUERY, (64, 32)), ("deep", "encoder.layer.7.output.dense", (64, 256))):
        write_peft(tmp_path / name, {layer: Update(np.ones((shape[0], 1)), np.ones((1, shape[1])))}, str(base))
        with pytest.raises(UserError, match="but the base"):
            merge([tmp_path / name], how="linear", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bottlenecks_and_whole_encoders_have_no_probe(mirror, base, tmp_path):
    pytest.importorskip("adapters")
    from adapterstilts.train.command import train_intermediate

    settings = {"resources.mirror": str(mirror), "precision": "fp32", "train.max_steps": 1, "init_seed": 1}
    runs = {"bottleneck": [], "full": []}
    for method in runs:
        for seed in (0, 1):
            out = tmp_path / f"{method}-{seed}"
            given = {**settings, "seed": seed}
            runs[method].append(train_intermediate("snli", out=out, base=str(base), method=method, settings=given).path)
    for method, why in (("bottleneck", "bottlenecks are no change"), ("full", "whole encoders stand")):
        told = average(runs[method], out=tmp_path / f"mean-{method}").certificate["probe"]
        assert not told["done"]
        assert why in told["what"]
        with pytest.raises(UserError, match="there can be no probe"):
            average(runs[method], out=tmp_path / "must", probe=True)
    assert "bottlenecks" in stack(runs["bottleneck"][:1], out=tmp_path / "stack").certificate["probe"]["what"]
    assert not (tmp_path / "must").exists()


def test_help_does_not_wait_for_torch():
    code = "import sys; import adapterstilts.compose.probe, adapterstilts.compose.merge; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_the_probe_knows_nothing_of_chance(members, tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = merge(members, how="linear", out=tmp_path / "a").certificate["checks"]["probe"]["largest"]
    assert merge(members, how="linear", out=tmp_path / "b").certificate["checks"]["probe"]["largest"] == first
    assert math.isfinite(first)
    assert torch.equal(torch.get_rng_state(), before)


def test_settings_of_a_merge_are_given_by_set_and_kept(members, tmp_path, capfd):
    words = ["merge", *map(str, members), "--how", "ties", "--set", "density=0.5", "--set", "scope=layer"]
    assert call([*words, "--out", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out/certificate.json").read_text())
    assert told["settings"] == {"density": 0.5, "scope": "layer", "majority": "total", "scale": 1.0}
    assert told["formula"] == merges.get("ties").formula
    capfd.readouterr()
    assert call([*words[:-2], "--set", "densty=1", "--out", str(tmp_path / "bad")]) == 2
    assert "density" in capfd.readouterr().err
    assert not (tmp_path / "bad").exists()
