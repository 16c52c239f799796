"""The file that `tasks init` writes: its example rows work, what its comments offer is right, it replaces none."""

from __future__ import annotations

import re

import pytest
import yaml

from adapterstilts.cli import call
from adapterstilts.data.own import find_task
from adapterstilts.data.own._schema import METRICS
from adapterstilts.data.own.template import template
from adapterstilts.data.source import load_rows


@pytest.mark.parametrize("format", METRICS)
def test_a_new_file_works_once_its_example_rows_are_there(format, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert call(["tasks", "init", "--format", format, "my.yaml"]) == 0
    assert capfd.readouterr().out == "my.yaml\n"
    assert call(["tasks", "show", "my.yaml"]) == 2
    assert "there is no file" in capfd.readouterr().err
    rows = re.findall(r"^#   (\{.*\})$", template(format), re.M)
    assert rows
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl"):
        (tmp_path / name).write_text("\n".join(rows))
    assert call(["tasks", "show", "my.yaml"]) == 0
    task = find_task("my.yaml")
    assert (task.format, task.metric) == (format, METRICS[format])
    for split in task.splits:
        assert len(load_rows(task, "en", split, None)) == len(rows)


def test_what_is_a_comment_in_a_new_file_may_be_said():
    """A line such as `# metric: accuracy` is right as soon as its mark goes."""
    for format in METRICS:
        said = yaml.load(re.sub(r"^# (\w+: )", r"\1", template(format), flags=re.M), yaml.BaseLoader)
        assert said["metric"] == METRICS[format]


def test_a_new_file_replaces_none(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("mine")
    for words, what in {
        ("my.yaml",): "my.yaml is there already",
        ("my.yml", "--format", "taging"): "did you mean 'tagging'?",
        ("my.txt",): "end the name in .yaml",
    }.items():
        assert call(["tasks", "init", *words]) == 2
        assert what in capfd.readouterr().err
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("my.yaml", "mine")]
