"""README and guide are true: every command in them runs, every command there is is named, tables are the catalogs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from small_studies import Here

from adapterstilts.cli import call, commands
from adapterstilts.compose.merges import merges
from adapterstilts.methods import methods
from adapterstilts.mini import embedded
from adapterstilts.tasks import tasks

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/guide").glob("*.md"))]  # the guide goes on from the README's runs
README = PAGES[0].read_text(encoding="utf-8")
BLOCKS = [
    (kind, block)
    for page in PAGES
    for kind, block in re.findall(r"^```(bash|python)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
]
LINES = [line for kind, block in BLOCKS if kind == "bash" for line in block.splitlines()]
RECIPE = """
mirror: {size: 8}
tokenizer: {vocabulary: 2000}
shape: {layers: 1, hidden: 64, positions: 130}
settings: {precision: fp32, train: {max_steps: 2, eval_examples: 4}}
"""
STUDY = """
study: Does it run?
base: mini
seeds: [0]
targets: xnli
settings: {all: {train.max_steps: 2}}
methods: {lora: {}}
ways: {none: {}}
"""

TWO_LAYERS = {
    "compose/layer-swapping": "swapped.yaml",
    "schedule=0-4=0,1; 5=0.5,0.5; 6-17=1,0; 18=0.5,0.5; 19-23=0,1": "schedule=0=0,1; 1=0.5,0.5; 1.value=1,0",
}


def table(heading: str) -> list[list[str]]:
    """Return the rows of the README's table whose first column is `heading`, without Markdown's marks."""
    [found] = re.findall(rf"^\| {heading} \|.*\n\| ---.*\n((?:\|.*\n)+)", README, re.M)
    rows = [re.split(r" ?(?<!\\)\| ?", line)[1:-1] for line in found.splitlines()]
    return [[cell.strip("`").replace(r"\|", "|") for cell in row] for row in rows]


def test_every_command_is_in_the_readme():
    blocks = "".join(re.findall(r"^```bash\n(.*?)^```", README, re.S | re.M))
    named = set(re.findall(r"^adapterstilts ([\w-]+)", blocks, re.M)) | {"quickstart"}  # which make runs
    assert {name.replace("_", "-") for name in commands.names()} == named


def test_every_make_target_of_the_readme_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    used = set(re.findall(r"^make ([\w-]+)", "\n".join(LINES), re.M))
    assert {"quickstart", "test"} <= used <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_a_page_links_to_is_there(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if not link.startswith("http")]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_heading_the_readme_points_to_is_there():
    headings = {title.lower().replace(" ", "-") for title in re.findall(r"^## ([\w ]+)", README, re.M)}
    wanted = set(re.findall(r"\]\(#([^)]+)\)", README))
    assert wanted
    assert wanted <= headings


def test_the_readme_leads_to_every_page_of_the_guide():
    assert len(PAGES) > 1
    assert [page.name for page in PAGES[1:] if f"](docs/guide/{page.name})" not in README] == []


def test_the_table_of_tasks_is_the_catalog():
    wanted: dict[str, list[str]] = {}
    for name in tasks.names():
        wanted.setdefault(tasks.get(name).category, []).append(name)
    assert {category: names.replace("`", "").split() for category, names in table("Category")} == wanted


def test_the_table_of_methods_is_the_catalog():
    known = {name: methods.get(name) for name in methods.names()}
    assert table("Method") == [[name, one.summary, f"{one.learning_rate:g}"] for name, one in known.items()]


def test_the_table_of_merges_is_the_catalog():
    known = {name: merges.get(name) for name in merges.names()}
    assert table("Merge") == [[name, one.summary, one.formula] for name, one in known.items()]


class Hub:
    """What takes the uploads."""

    def repo_exists(self, name):
        return False

    def create_repo(self, name, private, exist_ok):
        assert private
        return f"https://huggingface.co/{name}"

    def upload_folder(self, repo_id, folder_path, commit_message):
        assert (Path(folder_path) / "README.md").is_file()


@pytest.fixture
def folder(tmp_path, monkeypatch, mirror, base):
    """A working folder in which a tiny base is both `mini` and XLM-R Large, and generated rows are the Hub's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADAPTERSTILTS_MIRROR", str(mirror))
    monkeypatch.setattr(embedded, "_SIZE", 96)
    monkeypatch.setattr("adapterstilts.base.embedded_base", lambda: base)
    monkeypatch.setattr("adapterstilts.train.start.DEFAULT_BASE", str(base))
    monkeypatch.setattr("adapterstilts.exchange.card.hub_id", lambda name: "FacebookAI/xlm-roberta-large")
    monkeypatch.setattr("adapterstilts.exchange.push._api", Hub)
    (tmp_path / "notes.txt").write_text("".join(f"Habari ya leo ni ya {number}.\n" for number in range(40)))
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.setattr("adapterstilts.experiment.runner.LocalRunner", Here)
    (tmp_path / "swapped.yaml").write_text(
        "about: a\nsource: b\nmembers: [c, d]\nhow: layers\nsettings: {schedule: '0=0,1; 1=1,0'}\n"
    )
    [task], [rows] = (re.findall(rf"^```{kind}\n(.*?)^```", README, re.S | re.M) for kind in ("yaml", "csv"))
    (tmp_path / "pairs.yaml").write_text(task)
    for name in ("train.csv", "test.csv", "new.csv"):
        (tmp_path / name).write_text(rows)
    return tmp_path


def small(line: str, base: Path) -> list[str]:
    """Let a training take two steps, and what names a base or recipe of real size name a tiny one; no more."""
    tiny = {"FacebookAI/xlm-roberta-large": str(base), "mini/base": "tiny.yaml", **TWO_LAYERS}
    tiny |= dict.fromkeys(("mini/efficient-versus-full", "mini/merging"), "study.yaml") if "cp" not in line else {}
    words = [tiny.get(word, word) for word in shlex.split(line, comments=True)[1:]]
    trains = words[0].startswith(("train-", "continue-", "fuse")) and "search" not in words
    return [*words, "--max-steps", "2"] if trains else words


def test_every_command_runs_in_its_order(folder, base, capfd):
    pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")
    for kind, block in BLOCKS:
        if kind == "python":
            exec(compile(block, "README.md", "exec"), {})
            continue
        for line in (line for line in block.splitlines() if line.startswith("adapterstilts ")):
            assert call(small(line, base)) == 0, f"{line}\n{capfd.readouterr().err}"
    assert "'token_accuracy'" in capfd.readouterr().out
    assert (folder / "comparison.md").is_file()
    assert (folder / "runs/few-shot/run.json").is_file()


def test_only_commands_comments_and_make_stand_in_blocks():
    """What does not begin with the name of the program is run by nobody."""
    other = [line for line in LINES if line and not line.startswith(("adapterstilts ", "make ", "#"))]
    assert other == []
