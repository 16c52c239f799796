"""Recipes, and the pretraining that follows one: a base in half precision that other commands can use."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM

from adapterstilts.base import find_base, load_encoder, load_lm_head, load_tokenizer
from adapterstilts.cli import call
from adapterstilts.config import recipe
from adapterstilts.config.recipe import find_recipe, flat, read_recipe
from adapterstilts.config.resolve import resolve
from adapterstilts.errors import UserError
from adapterstilts.evaluation.heads import read_head
from adapterstilts.methods import methods
from adapterstilts.mini.random_base import random_base
from adapterstilts.model import TransferModel
from adapterstilts.store.run import read_run
from adapterstilts.train.pretrain import Pretraining, pretrain

ROOT = Path(__file__).parents[1]
TINY = {
    "seed": 3,
    "mirror": {"size": 30},
    "tokenizer": {"vocabulary": 1500},
    "shape": {"layers": 1, "hidden": 64, "heads": 2, "positions": 66, "dropout": 0, "spread": 0.05},
    "settings": {
        "precision": "fp32",
        "train": {"max_steps": 2, "batch_size": 8, "learning_rate": 1e-2, "eval_every": 2, "eval_examples": 4},
        "data": {"max_length": 32, "hidden": 0.3},
    },
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return written(TINY, tmp_path_factory.mktemp("recipe") / "tiny.yaml")


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A base, what it is made of beside it."""
    folder = tmp_path_factory.mktemp("made")
    return pretrain(str(tiny), out=folder / "base", work=folder / "work")


def written(content, file):
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


def changed(**parts):
    """The tiny recipe with some entries of some parts changed."""
    return {**TINY, **{part: {**TINY[part], **entries} for part, entries in parts.items()}}


def test_a_recipe_is_found_by_name_and_by_path(tiny):
    assert find_recipe("mini/base") == ROOT / "recipes/mini/base.yaml"
    assert find_recipe(str(tiny)) == tiny
    assert read_recipe(str(tiny), Pretraining).tokenizer.vocabulary == 1500


def test_an_unknown_recipe_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(UserError, match=r"there is no recipe 'mini/bass'\n  did you mean 'mini/base'\?"):
        find_recipe("mini/bass")
    with pytest.raises(UserError, match=r"there is no recipe .*nowhere\.yaml\n  give a file that exists"):
        find_recipe(str(tmp_path / "nowhere.yaml"))


def test_an_installed_recipe_is_found_where_there_is_no_checkout(tmp_path, monkeypatch):
    checkout, package = tmp_path / "recipes", tmp_path / "package/_recipes"
    (package / "mini").mkdir(parents=True)
    written("seed: 1", package / "mini/base.yaml")
    monkeypatch.setattr(recipe, "_FOLDERS", (checkout, package))
    assert find_recipe("mini/base") == package / "mini/base.yaml"
    checkout.mkdir()
    written("seed: 2", checkout / "other.yaml")
    assert find_recipe("other") == checkout / "other.yaml"
    with pytest.raises(UserError, match="known: other"):
        find_recipe("mini/base")


def test_a_wheel_has_the_recipes_where_they_are_looked_for():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    checkout, installed = recipe._FOLDERS
    assert wheel["force-include"][checkout.relative_to(ROOT).as_posix()] == installed.relative_to(ROOT).as_posix()


def test_bad_yaml_is_refused_with_its_line(tmp_path):
    file = written("seed: 0\nmirror: {size: 3\n", tmp_path / "bad.yaml")
    with pytest.raises(UserError, match=r"bad\.yaml is not YAML\n(.|\n)*line 3"):
        read_recipe(str(file), Pretraining)


WRONG = {
    "an unknown part": ({**TINY, "extra": 7}, "extra = 7"),
    "an unknown entry": (changed(mirror={"rows": 5}), "mirror.rows = 5"),
    "an unknown shape": (changed(shape={"depth": 5}), "shape.depth = 5: unknown key, known: .*layers"),
    "too small": (changed(tokenizer={"vocabulary": 10}), r"tokenizer.vocabulary = 10: .*100"),
    "no number": (changed(mirror={"size": "many"}), "mirror.size = 'many'"),
    "a list": ("- 1\n- 2\n", r"\[1, 2\]"),
    "nothing": ("", "None"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_named_with_its_value(case, tmp_path, capsys):
    content, message = WRONG[case]
    file = written(content, tmp_path / "wrong.yaml")
    with pytest.raises(UserError, match=rf"wrong\.yaml is not a recipe of this kind\n.*{message}"):
        read_recipe(str(file), Pretraining)
    assert call(["pretrain", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_every_wrong_entry_is_told_at_once(tmp_path):
    file = written(changed(mirror={"rows": 5}, tokenizer={"vocabulary": -1}), tmp_path / "wrong.yaml")
    with pytest.raises(UserError) as caught:
        read_recipe(str(file), Pretraining)
    assert "mirror.rows = 5" in str(caught.value)
    assert "tokenizer.vocabulary = -1" in str(caught.value)


def test_nested_settings_become_dotted_names():
    nested = {"precision": "fp32", "train": {"max_steps": 2, "deep": {"er": None}}, "list": [1, {"a": 2}]}
    assert flat(nested) == {"precision": "fp32", "train.max_steps": 2, "train.deep.er": None, "list": [1, {"a": 2}]}


def test_a_base_is_written_in_half_precision_with_its_tokenizer(made):
    assert {path.name for path in made.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert {tensor.dtype for tensor in load_file(made / "model.safetensors").values()} == {torch.float16}
    assert not list(made.glob("*.bin"))
    base = find_base(str(made))
    assert load_encoder(base).config.num_hidden_layers == 1
    assert load_encoder(base).config.num_attention_heads == 2
    assert load_encoder(base).config.hidden_dropout_prob == 0
    assert load_tokenizer(base)("a")["input_ids"]
    work = made.parent / "work"
    assert (made / "tokenizer.json").read_bytes() == (work / "tokenizer/tokenizer.json").read_bytes()


def test_the_lm_head_and_the_logits_are_those_of_the_run(made):
    trained = read_run(made.parent / "work/run")
    assert trained.record.cost.trainable_params.heads > 0
    head = load_lm_head(find_base(str(made)))
    for name, tensor in load_file(trained.path / "heads/wikipedia.safetensors").items():
        torch.testing.assert_close(head[name], tensor, rtol=1e-3, atol=1e-6)

    ours = TransferModel(AutoModel.from_pretrained(trained.path / "encoder", add_pooling_layer=False))
    read_head(trained, "wikipedia").load(ours, "wikipedia")
    theirs = AutoModelForMaskedLM.from_pretrained(made, dtype=torch.float32).eval()
    ids = load_tokenizer(find_base(str(made)))(["a house is a house", "the cat"], padding=True, return_tensors="pt")
    everywhere = {**ids, "labels": ids["input_ids"]}  # our head looks at the hidden tokens alone
    with torch.inference_mode():
        whole = theirs(**ids).logits.flatten(0, 1)
        found = ours.eval()("wikipedia", everywhere)
    assert found.std() > 0.05
    torch.testing.assert_close(found, whole, rtol=2e-3, atol=2e-3)


def test_what_was_learned_is_in_the_base(made):
    first, last = load_encoder(find_base(str(made.parent / "work/base"))), load_encoder(find_base(str(made)))
    changed = [not torch.allclose(a, b, atol=2e-3) for a, b in zip(first.parameters(), last.parameters(), strict=True)]
    assert sum(changed) > len(changed) / 2


def test_the_text_is_wikipedias_alone_in_every_language(made):
    work = made.parent / "work"
    assert [path.name for path in (work / "mirror").glob("*/*")] == ["wikipedia"]
    languages = {name.split("-")[0] for name in read_run(work / "run").record.data}
    assert languages == {f"wikipedia.{code}" for code in ("de", "en", "es", "hi", "ru", "sw", "tr", "yo", "zh")}
    config = read_run(work / "run").record.config
    assert (config["seed"], config["data"]["hidden"], config["method"]["name"]) == (3, 0.3, "full")


def test_a_base_that_is_there_is_not_written_over(made, tiny, capsys):
    before = {path: path.stat().st_mtime_ns for path in made.parent.rglob("*")}
    assert call(["pretrain", str(tiny), "--out", str(made), "--work", str(made.parent / "work")]) == 2
    assert f"{made} is there already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made.parent.rglob("*")} == before


def test_settings_that_mean_nothing_are_refused_before_any_text_is_written(tmp_path):
    odd = {**TINY, "settings": {"train": {"learning_rat": 1}}}
    with pytest.raises(UserError, match="learning_rat"):
        pretrain(str(written(odd, tmp_path / "odd.yaml")), out=tmp_path / "out", work=tmp_path / "work")
    assert [path.name for path in tmp_path.iterdir()] == ["odd.yaml"]


def test_a_work_folder_of_another_recipe_or_of_something_else_is_refused(made, tiny, tmp_path):
    other = written(changed(mirror={"size": 31}), tmp_path / "other.yaml")
    with pytest.raises(UserError, match="is the work of another recipe"):
        pretrain(str(other), out=tmp_path / "out", work=made.parent / "work")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("precious")
    with pytest.raises(UserError, match="holds something else"):
        pretrain(str(tiny), out=tmp_path / "out", work=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    assert not (tmp_path / "out").exists()


def test_two_pretrainings_by_one_recipe_give_equal_bytes(made, tiny, tmp_path, capsys):
    assert call(["pretrain", str(tiny), "--out", str(tmp_path / "again")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "again")
    assert (tmp_path / "again-work/run/run.json").is_file()
    assert {path.name for path in made.iterdir()} == {path.name for path in (tmp_path / "again").iterdir()}
    for file in made.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_an_interrupted_pretraining_goes_on_with_what_it_has(made, tiny, tmp_path, monkeypatch):
    work = tmp_path / "work"
    with monkeypatch.context() as patch:
        patch.setattr("adapterstilts.train.pretrain.continue_mlm", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            pretrain(str(tiny), out=tmp_path / "base", work=work)
    half = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    assert not (tmp_path / "base").exists()
    pretrain(str(tiny), out=tmp_path / "base", work=work)
    assert {path: path.stat().st_mtime_ns for path in half} == half
    assert (tmp_path / "base/model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()


def test_the_recipe_of_the_embedded_base_is_sound(made, tmp_path):
    wanted = read_recipe("mini/base", Pretraining)
    given = {"phase": "mlm", "tasks": ("wikipedia",), "method": {"name": "full"}}
    config = resolve(given, flat(wanted.settings), methods.get("full").schema)
    assert config.data.max_length <= wanted.shape.positions - 2  # XLM-R counts positions on from its padding
    shape, tokens = wanted.shape, wanted.tokenizer.vocabulary
    assert 2 * parameters(tokens, shape) < 8_000_000

    tiny = read_recipe(str(written(TINY, tmp_path / "tiny.yaml")), Pretraining).shape
    stored = load_file(made / "model.safetensors").values()
    assert sum(tensor.numel() for tensor in stored) == parameters(len(load_tokenizer(find_base(str(made)))), tiny)


def parameters(tokens, shape):
    """Count the numbers of an XLM-R with an LM head, whose decoder is the word embeddings."""
    h = shape.hidden
    block = 4 * (h * h + h) + (4 * h * h + 4 * h) + (4 * h * h + h) + 4 * h
    return (tokens + shape.positions + 1 + 2) * h + shape.layers * block + (h * h + h + 2 * h + tokens)


def test_a_shape_may_have_other_heads_dropout_and_spread(tokenizer_folder, tmp_path):
    shape = read_recipe(str(written(TINY, tmp_path / "tiny.yaml")), Pretraining).shape
    narrow = load_encoder(find_base(str(random_base(tokenizer_folder, tmp_path / "narrow", shape=shape))))
    wide = load_encoder(
        find_base(str(random_base(tokenizer_folder, tmp_path / "wide", shape=shape._replace(spread=0.2, heads=None))))
    )
    assert (narrow.config.num_attention_heads, wide.config.num_attention_heads) == (2, 1)
    assert narrow.config.hidden_dropout_prob == 0
    spreads = [one.embeddings.word_embeddings.weight.std().item() for one in (narrow, wide)]
    assert spreads == pytest.approx([0.05, 0.2], rel=0.05)
    with pytest.raises(UserError, match="no XLM-R has 1 layers of 64 units"):
        random_base(tokenizer_folder, tmp_path / "odd", shape=shape._replace(heads=3))
