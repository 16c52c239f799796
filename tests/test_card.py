"""Model cards and uploads: numbers from records alone, licences said, nothing of this machine, private by default."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import adapterstilts
from adapterstilts.cli import call as cli
from adapterstilts.errors import UserError
from adapterstilts.exchange import push as pushing
from adapterstilts.exchange.card import front_matter
from adapterstilts.exchange.names import hub_id, machine_path
from adapterstilts.exchange.push import push
from adapterstilts.store.run import read_run

BASE = "somebody/tiny"


@pytest.fixture(scope="module")
def runs(base, mirror, tmp_path_factory):
    """NLI, then tags whose licences are partly non-commercial, scored in two languages; and a task of one's own."""
    folder = tmp_path_factory.mktemp("runs")
    settings = {"train.max_steps": 2, "train.eval_examples": 4, "precision": "fp32", "resources.mirror": str(mirror)}
    adapterstilts.train_intermediate("snli", out=folder / "snli", base=str(base), settings=settings)
    adapterstilts.train_target("udpos", start=folder / "snli", out=folder / "udpos", settings=settings)
    adapterstilts.evaluate(
        folder / "udpos", "udpos", languages=["en", "de"], settings={"resources.mirror": str(mirror)}
    )
    own = folder / "pairs.yaml"
    own.write_text(
        "name: pairs\nformat: classification\nlanguages: {en: {train: rows.csv}}\n"
        "columns: {text_a: a, label: label}\nlabels: [x, y]\n"
    )
    (folder / "rows.csv").write_text("a,label\n" + "".join(f"text {n},{'xy'[n % 2]}\n" for n in range(40)))
    adapterstilts.train_target(
        str(own), base=str(base), out=folder / "own", settings={**settings, "resources.mirror": None}
    )
    return folder


@pytest.fixture
def named(base, monkeypatch):
    """Let the tiny base be one of the Hub."""
    found = adapterstilts.exchange.source.find_base

    def find(name):
        return type(found(str(base)))(BASE, base, found(str(base)).fingerprint) if name == BASE else found(name)

    for room in ("exchange.source", "evaluation.load"):
        monkeypatch.setattr(f"adapterstilts.{room}.find_base", find)


def exported(runs, out, name="udpos", **options):
    made = adapterstilts.export(runs / name, to="transformers", out=out, base=BASE, **options)
    return made.path, (made.path / "README.md").read_text()


def test_a_card_says_what_the_records_say(runs, named, tmp_path):
    _, text = exported(runs, tmp_path / "out")
    front = front_matter(text)
    assert front == yaml.safe_load(text.split("---\n")[1])
    assert front["base_model"] == BASE
    assert front["library_name"] == "transformers"
    assert 'AutoModelForTokenClassification.from_pretrained("DIR")' in text
    assert front["pipeline_tag"] == "token-classification"
    assert front["language"] == ["de", "en"]
    assert front["datasets"] == ["google/xtreme", "stanfordnlp/snli"]
    metrics = json.loads((runs / "udpos/eval/udpos-test/metrics.json").read_text())
    for language, seen in (("de", ""), ("en", " (trained on)")):
        found = metrics["languages"][language]
        assert f"| udpos-test | {language}{seen} | f1 | {found['f1']:.2f} | {found['n']} |" in text
    assert f"| udpos-test | mean of 2 | f1 | {metrics['average']['f1']:.2f} | |" in text
    record = read_run(runs / "udpos").record
    assert f"with the runs before it: {record.budget.examples_with_parents}" in text
    assert f"trained parameters: {record.cost.trainable_params.adapter} and" in text
    assert re.search(r"\| snli \| snli \| stanfordnlp/snli \| en \| \d+ \| CC BY-SA 4.0 \|", text)


def test_every_number_of_a_card_is_in_the_records(runs, named, tmp_path):
    path, text = exported(runs, tmp_path / "out")
    body = re.sub(r"```.*?```|`[^`]*`", "", text.split("---\n", 2)[2], flags=re.S)
    files = [runs / "udpos/run.json", runs / "snli/run.json", runs / "udpos/eval/udpos-test/metrics.json"]
    records = "".join(file.read_text() for file in (*files, path / "export.json"))
    known = {float(one) for one in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", records)}
    said = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", body)
    rounded = {float(format(one, form)) for one in known for form in (".2f", ".0f", ".2g")}
    licences = {3.0, 4.0}  # of Creative Commons
    assert len(said) > 15
    assert [one for one in said if float(one) not in known | rounded | licences | {2.0}] == []


def test_non_commercial_data_are_said_aloud_also_of_the_runs_before(runs, named, tmp_path, monkeypatch):
    _, text = exported(runs, tmp_path / "udpos")
    assert "**NON-COMMERCIAL**: the licence of data that it was trained on forbids commercial use: udpos." in text
    assert front_matter(text)["license_name"] == "non-commercial-data"
    _, text = exported(runs, tmp_path / "snli", "snli")
    assert "NON-COMMERCIAL" not in text
    assert "do not forbid commercial use" in text


def test_what_is_not_known_of_data_is_said(runs, named, tmp_path):
    _, text = exported(runs, tmp_path / "own", "own")
    assert "| own | pairs | own data | en | " in text
    assert "**Not known**: the data or their licences of pairs." in text
    assert "datasets" not in front_matter(text)
    shutil.copytree(runs / "snli", tmp_path / "snli")
    moved = json.loads((runs / "udpos/run.json").read_text())
    shutil.copytree(runs / "udpos", tmp_path / "udpos")
    moved["parents"] = [{"path": str(tmp_path / "gone"), "fingerprint": "x"}]
    (tmp_path / "udpos/run.json").write_text(json.dumps(moved))
    _, text = exported(tmp_path, tmp_path / "out")
    assert "licences of gone." in text


def changed(runs, out, change):
    """A copy of the tagging run with another record."""
    shutil.copytree(runs / "udpos", out / "udpos")
    record = json.loads((runs / "udpos/run.json").read_text())
    change(record)
    (out / "udpos/run.json").write_text(json.dumps(record))
    return exported(out, out / "out")[1]


def test_generated_rows_are_not_passed_off_as_a_data_sets(runs, named, tmp_path):
    text = changed(runs, tmp_path, lambda record: record["config"]["resources"].update(mirror="mini"))
    assert "| udpos | udpos | google/xtreme | en | 96 | generated rows of the embedded world, none of" in text
    assert "NON-COMMERCIAL" not in text
    assert "no evidence about any language" in text
    assert front_matter(text)["datasets"] == ["stanfordnlp/snli"]


def test_machine_translations_are_said(runs, named, tmp_path):
    text = changed(runs, tmp_path, lambda record: record["data"]["udpos-train"].update(translated={"from": "en"}))
    assert "| udpos | udpos | google/xtreme | en (machine-translated) | 96 |" in text


def test_scores_of_other_heads_and_other_runs_are_left_out(runs, named, tmp_path):
    shutil.copytree(runs / "udpos", tmp_path / "udpos")
    file = tmp_path / "udpos/eval/udpos-test/metrics.json"
    metrics = json.loads(file.read_text())
    file.write_text(json.dumps({**metrics, "run": "another"}))
    _, text = exported(tmp_path, tmp_path / "one")
    assert "It was not evaluated." in text
    file.write_text(json.dumps({**metrics, "head": "panx"}))
    _, text = exported(tmp_path, tmp_path / "two")
    assert "It was not evaluated." in text


# --- uploads


class Hub:
    """What stands in for the Hub: what is there, and what was asked of it."""

    def __init__(self, there=None):
        self.there, self.made, self.files = there, [], []

    def repo_exists(self, name):
        return self.there is not None

    def model_info(self, name):
        return SimpleNamespace(private=self.there == "private")

    def create_repo(self, name, private, exist_ok):
        self.made.append((name, private))
        return f"https://huggingface.co/{name}"

    def upload_folder(self, repo_id, folder_path, commit_message):
        self.files = sorted(file.name for file in Path(folder_path).iterdir())


@pytest.fixture
def folder(runs, named, tmp_path):
    return exported(runs, tmp_path / "out")[0]


@pytest.fixture
def hub(monkeypatch):
    hub = Hub()
    monkeypatch.setattr(pushing, "_api", lambda: hub)
    return hub


def test_an_upload_is_private_unless_it_is_said_otherwise(folder, hub, capfd):
    assert cli(["push", str(folder), "--to", "me/tags"]) == 0
    assert capfd.readouterr().out == "https://huggingface.co/me/tags\n"
    push(folder, to="me/tags", public=True)
    assert hub.made == [("me/tags", True), ("me/tags", False)]
    assert {"README.md", "config.json", "export.json", "model.safetensors", "tokenizer.json"} <= set(hub.files)


@pytest.mark.parametrize(("there", "public"), [("public", False), ("private", True)])
def test_what_is_there_and_otherwise_visible_is_left_alone(there, public, folder, hub):
    hub.there = there
    with pytest.raises(UserError, match=f"already and {there}"):
        push(folder, to="me/tags", public=public)
    assert (hub.made, hub.files) == ([], [])
    push(folder, to="me/tags", public=not public)
    assert hub.files


def card(change):
    def spoil(folder):
        file = folder / "README.md"
        file.write_text(change(file.read_text()))

    return spoil


SPOILT = {
    "no base": (card(lambda text: text.replace("base_model:", "base:")), "does not say base_model"),
    "no licence": (card(lambda text: text.replace("license: other\n", "")), "does not say license"),
    "no licences of data": (card(lambda text: text.replace("## Data and licences", "## Data")), "licensed as"),
    "no front matter": (card(lambda text: text.replace("---\n", "", 1)), "front matter"),
    "front matter that is no YAML": (card(lambda text: text.replace("license: other", "license: [")), "front matter"),
    "a path in the card": (
        card(lambda text: text + "see /home/me/runs/x\n"),
        "a path of this machine: /home/me/runs/x",
    ),
    "a home in the card": (card(lambda text: text + "see ~/runs/x\n"), "a path of this machine: ~/runs/x"),
    "a path in a setting": (
        lambda folder: (folder / "config.json").write_text('{"_name_or_path": "/data/base/tiny"}'),
        "config.json holds a path of this machine: /data/base/tiny",
    ),
    "a pickle": (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"x"), "neither safetensors nor JSON"),
    "a hidden file": (lambda folder: (folder / ".env.json").write_text("{}"), "neither safetensors nor JSON"),
    "a link": (lambda folder: (folder / "more.json").symlink_to("/etc/hostname"), "is a link"),
    "a pickle by another name": (lambda folder: (folder / "x.safetensors").write_bytes(b"\x80\x04."), "cannot be read"),
    "no export": (lambda folder: (folder / "export.json").unlink(), "is no export"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_not_ready_is_not_uploaded(what, folder, hub):
    spoil, reason = SPOILT[what]
    spoil(folder)
    with pytest.raises(UserError, match=reason):
        push(folder, to="me/tags")
    assert (hub.made, hub.files) == ([], [])


def test_an_export_of_a_base_that_is_a_folder_is_not_uploaded(runs, hub, tmp_path):
    for to in ("transformers", "peft"):
        made = adapterstilts.export(runs / "snli", to=to, out=tmp_path / to)
        with pytest.raises(UserError, match="does not say base_model"):
            push(made.path, to="me/snli")
    assert "base_model" not in front_matter((made.path / "README.md").read_text())
    assert str(made.path.parent) not in (made.path / "export.json").read_text()


@pytest.mark.parametrize(
    ("setting", "token", "reason"), [("HF_HUB_OFFLINE", None, "switched off"), ("HF_TOKEN", None, "no token")]
)
def test_without_network_or_token_the_reason_is_said(setting, token, reason, folder, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", setting == "HF_HUB_OFFLINE")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    with pytest.raises(UserError, match=reason):
        push(folder, to="me/tags")


def test_what_the_hub_answers_becomes_one_sentence(folder, hub, monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError("no route to the Hub\nand more")

    monkeypatch.setattr(hub, "create_repo", refuse)
    with pytest.raises(UserError, match=r"did not take .* \(ConnectionError\)"):
        push(folder, to="me/tags")


@pytest.mark.parametrize("to", ["tags", "me/tags/more", "../x/y", "me/", "me/ta gs"])
def test_a_name_that_is_no_repository_is_refused(to, folder, hub):
    with pytest.raises(UserError, match="is no repository"):
        push(folder, to=to)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("https://huggingface.co/a/b and/or a/b, 1/2 </s></s>", None),
        ("[paper](https://arxiv.org/abs/1) (x)/y", None),
        ('"base": "/srv/models/tiny"', "/srv/models/tiny"),
        ("C:\\Users\\me\\x", "C:\\Users\\me\\x"),
        ("(/home/me/x)", "/home/me/x"),
        ("file:///tmp/x", "file:///tmp/x"),
    ],
)
def test_paths_of_a_machine_are_told_from_addresses(text, path):
    assert machine_path(text) == path


def test_a_folder_and_mini_are_no_names_of_the_hub():
    assert [hub_id(name) for name in ("FacebookAI/xlm-roberta-large", "xlm-roberta-base", "mini", "/a/b", "./a")] == [
        "FacebookAI/xlm-roberta-large", "xlm-roberta-base", None, None, None,
    ]  # fmt: skip
