"""`mini`: a base and a mirror that are called by name, together, and written once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import pytest

from adapterstilts.base import find_base
from adapterstilts.cli import call
from adapterstilts.errors import UserError
from adapterstilts.evaluation.command import evaluate, evaluate_base
from adapterstilts.mini import embedded
from adapterstilts.mini.embedded import embedded_base, mirror_folder, usual_mirror
from adapterstilts.store.places import cache_root, locked
from adapterstilts.store.run import read_run
from adapterstilts.train.command import train_intermediate, train_target

FEW = {"train.max_steps": 1, "train.batch_size": 4, "train.eval_examples": 4, "precision": "fp32"}
WORDS = ["--max-steps", "1", "--precision", "fp32"]


@pytest.fixture(scope="module", autouse=True)
def small(base):
    """The tiny base in the place of the embedded one, which tests do not need, and a mirror of few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapterstilts.base.embedded_base", lambda: base)
        patch.setattr(embedded, "_SIZE", 16)
        yield


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAPTERSTILTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def writes(monkeypatch):
    """What is asked to be written, in place of rows."""
    calls: list[Path] = []
    monkeypatch.setattr(
        "adapterstilts.mini.rows.write_rows", lambda out, **_: (calls.append(out), out.mkdir(parents=True))
    )
    return calls


@pytest.fixture(scope="module")
def lora(tmp_path_factory):
    out = tmp_path_factory.mktemp("lora") / "run"
    assert call(["train-target", "--task", "xnli", "--base", "mini", "--out", str(out), *WORDS]) == 0
    return out


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    out = tmp_path_factory.mktemp("full") / "run"
    return train_intermediate("snli", out=out, base="mini", method="full", settings=FEW)


def languages_of(evaluations):
    return [set(one.metrics["languages"]) for one in evaluations]


def test_the_embedded_base_brings_its_mirror_and_both_are_recorded_by_name(lora, base):
    record = read_run(lora).record
    assert record.base.name == "mini"
    assert record.base.fingerprint == find_base(str(base)).fingerprint
    assert record.config["base"] == "mini"
    assert record.config["resources"]["mirror"] == "mini"
    assert {origin["revision"][:7] for origin in record.data.values()} == {"mirror:"}
    assert str(base) not in (lora / "run.json").read_text()
    assert str(cache_root()) not in (lora / "run.json").read_text()
    assert json.loads((lora / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "mini"


def test_what_stands_on_the_embedded_base_is_scored_on_its_mirror(lora, capfd):
    assert call(["evaluate", str(lora), "--task", "xnli"]) == 0
    metrics = json.loads((lora / "eval/xnli-test/metrics.json").read_text())
    assert set(metrics["languages"]) == {"de", "en", "es", "hi", "ru", "sw", "tr", "zh"}


def test_the_embedded_base_itself_is_scored_on_its_mirror(tmp_path):
    [found] = evaluate_base("mini", "tatoeba", out=tmp_path / "base")
    assert set(found.metrics["languages"]) == {"de", "es", "hi", "ru", "sw", "tr", "zh"}
    assert read_run(tmp_path / "base").record.base.name == "mini"


def test_a_full_run_and_what_starts_from_it_need_no_mirror_either(full, tmp_path):
    assert (full.record.base.name, full.record.config["resources"]["mirror"]) == ("mini", "mini")
    assert "en" in evaluate(full, "snli")[0].metrics["languages"]
    second = train_target("xnli", out=tmp_path / "lora", start=full.path, on_top=True, settings=FEW)
    assert second.record.base.name == str((full.path / "encoder").resolve())  # no longer the embedded one
    assert second.record.config["resources"]["mirror"] == "mini"
    third = train_target("pawsx", out=tmp_path / "third", start=second.path, settings=FEW)
    assert languages_of(evaluate(second, "xnli")) == [{"de", "en", "es", "hi", "ru", "sw", "tr", "zh"}]
    assert languages_of(evaluate(third, "pawsx")) == [{"de", "en", "es", "zh"}]


def test_a_mirror_that_is_named_wins(mirror, lora, tmp_path, empty_cache, monkeypatch):
    where = {"resources.mirror": str(mirror)}
    trained = train_target("xnli", out=tmp_path / "run", base="mini", settings={**FEW, **where})
    assert trained.record.config["resources"]["mirror"] == str(mirror)
    assert languages_of(evaluate(trained, "xnli", settings=where)) == [{"de", "en", "es", "sw"}]
    assert languages_of(evaluate_base("mini", "tatoeba", out=tmp_path / "base", settings=where)) == [{"de", "es", "sw"}]
    again = shutil.copytree(lora, tmp_path / "again", ignore=shutil.ignore_patterns("eval"))
    monkeypatch.setenv("ADAPTERSTILTS_MIRROR", str(mirror))
    assert call(["evaluate", str(again), "--task", "xnli"]) == 0
    scored = json.loads((again / "eval/xnli-test/metrics.json").read_text())
    assert set(scored["languages"]) == {"de", "en", "es", "sw"}
    assert not (empty_cache / "mini").exists()


def test_another_base_may_read_the_embedded_mirror_and_is_scored_on_it(base, tmp_path):
    trained = train_target("xnli", out=tmp_path / "run", base=str(base), settings={**FEW, "resources.mirror": "mini"})
    assert trained.record.base.name == str(base.resolve())
    assert "zh" in evaluate(trained, "xnli")[0].metrics["languages"]


def test_no_other_base_has_a_usual_mirror(full, mirror, base, tmp_path):
    assert usual_mirror(None, None) is None
    assert usual_mirror("FacebookAI/xlm-roberta-large", None) is None
    assert usual_mirror("mini", None) == usual_mirror(None, full) == "mini"
    settings = {**FEW, "resources.mirror": str(mirror)}
    assert usual_mirror(None, train_target("xnli", out=tmp_path / "run", base=str(base), settings=settings)) is None
    assert mirror_folder(None) is None
    assert mirror_folder("some/folder") == "some/folder"


def test_the_mirror_is_written_once(empty_cache, writes):
    first = mirror_folder("mini")
    assert Path(first).parent == empty_cache / "mini"
    assert "rows-16-" in first
    assert mirror_folder("mini") == first
    assert writes == [Path(first)]


def test_rows_of_other_sources_lie_in_another_folder(empty_cache, writes, tmp_path, monkeypatch):
    here = shutil.copytree(embedded._HERE, tmp_path / "mini", ignore=shutil.ignore_patterns("base", "__pycache__"))
    shutil.copytree(embedded._HERE.parent / "tasks", tmp_path / "tasks")
    first = mirror_folder("mini")
    monkeypatch.setattr(embedded, "_HERE", here)
    assert mirror_folder("mini") == first  # wherever they lie
    for number, name in enumerate(("_makers.py", "world.py", "languages/sw.py", "../tasks/xnli.py"), 2):
        (here / name).write_text((here / name).read_text() + "# another\n")
        assert mirror_folder("mini") not in {str(folder) for folder in writes[:-1]}
        assert len(writes) == number
    monkeypatch.setattr(embedded, "_SIZE", 17)
    assert len({mirror_folder("mini"), *map(str, writes)}) == 6


STREAMS = ("stdin", "stdout", "stderr")
TWO = """
from adapterstilts.mini import embedded, rows
real = rows.write_rows
embedded._SIZE = 6
rows.write_rows = lambda *some, **named: (input(), print("writing"), real(*some, **named))
print("asking", flush=True)
print(embedded.mirror_folder("mini"))
"""


def test_two_processes_do_not_collide(empty_cache):
    both = [
        subprocess.Popen([sys.executable, "-c", TWO], text=True, env={**os.environ}, **dict.fromkeys(STREAMS, PIPE))
        for _ in range(2)
    ]
    assert [process.stdout.readline() for process in both] == ["asking\n"] * 2  # and only then may one write
    for process in both:
        process.stdin.write("go on\n")
        process.stdin.flush()
    outputs, errors = zip(*(process.communicate(timeout=100) for process in both), strict=True)
    assert [process.returncode for process in both] == [0, 0], errors
    assert sorted(output.count("writing") for output in outputs) == [0, 1]
    [folder] = {output.splitlines()[-1] for output in outputs}
    assert [path.name for path in (empty_cache / "mini").glob("[!.]*")] == [Path(folder).name]
    assert (Path(folder) / "facebook/xnli/README.md").is_file()


def test_who_waits_gets_a_lock_when_it_is_free_and_who_does_not_is_refused(tmp_path):
    order = []

    def wait():
        with locked(tmp_path, wait=True):
            order.append("second")

    waiting = threading.Thread(target=wait, daemon=True)
    with locked(tmp_path):
        with pytest.raises(UserError, match="another process is working in"), locked(tmp_path):
            pass
        waiting.start()
        waiting.join(0.3)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_a_folder_called_mini_does_not_shadow_the_name(
    tokenizer_folder, base, tmp_path, monkeypatch, empty_cache, writes
):
    from adapterstilts.mini.random_base import Shape, random_base

    random_base(tokenizer_folder, tmp_path / "mini", shape=Shape(layers=1, hidden=64, positions=66))
    monkeypatch.chdir(tmp_path)
    found, mine = find_base("mini"), find_base("./mini")
    assert (found.name, found.folder) == ("mini", base)
    assert mine.name == str((tmp_path / "mini").resolve())
    assert mine.fingerprint != found.fingerprint
    assert Path(mirror_folder("mini")).parent == empty_cache / "mini"
    assert mirror_folder("./mini") == "./mini"


def test_the_embedded_base_lies_in_the_package():
    assert embedded_base().parent == Path(embedded.__file__).parent
