"""Retention: what a run still knows of the tasks before it, by kept heads, on dev rows, computed once, holes told."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from adapterstilts.cli import call as run_cli
from adapterstilts.compose.average import average
from adapterstilts.compose.merge import merge
from adapterstilts.compose.stack import stack
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation import answers, load
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.retention import retention
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import retention_table
from adapterstilts.store.run import read_run
from adapterstilts.tasks import tasks
from adapterstilts.train.command import continue_mlm, train_intermediate, train_target


@pytest.fixture(scope="module")
def settings(three_steps):
    return three_steps


@pytest.fixture(scope="module")
def trained(base, settings, tmp_path_factory):
    """Runs on one task, each trained once; nobody evaluates them in their place."""
    root = tmp_path_factory.mktemp("trained")

    def of(task, method="lora", **more):
        if method == "bottleneck":
            pytest.importorskip("adapters")
        out = root / "-".join([task, method, *map(str, more.values())])
        train = train_intermediate if "intermediate" in tasks.get(task).roles else train_target
        return train(task, out=out, base=str(base), method=method, settings={**settings, **more})

    return of


@pytest.fixture
def member(trained, tmp_path):
    """The same run in a folder of its own, not evaluated yet."""

    def of(task, method="lora", **more):
        run = trained(task, method, **more)
        return copied(run, tmp_path / run.name)

    return of


@pytest.fixture
def ask(mirror):
    return lambda run, **more: retention(run, settings={"resources.mirror": str(mirror)}, **more)


def copied(run, out):
    shutil.copytree(run.path, out, ignore=shutil.ignore_patterns("eval"))
    return read_run(out)


def predictions(folder, language="en") -> list:
    table = pq.read_table(folder / "predictions" / f"{language}.parquet")
    return [table[name].to_pylist() for name in ("id", "gold", "prediction", "score")]


def with_heads(run, holder, out):
    """The run with another one's heads laid into its folder by hand."""
    made = copied(run, out)
    shutil.copytree(holder.path / "heads", out / "heads", dirs_exist_ok=True)
    return made


def compositions(member, settings, tmp_path):
    """By name: a run, and the tasks that are to be found before it with the run whose head answers."""
    snli, hella = member("snli"), member("hellaswag")
    merged = merge([snli, hella], how="mean", out=tmp_path / "merged").run
    stacked = stack([snli, hella], out=tmp_path / "stacked").run
    after = train_target("udpos", start=merged.path, out=tmp_path / "after", settings=settings)
    above = train_target("udpos", start=stacked.path, out=tmp_path / "above", settings=settings)
    return {run.name: (run, holder) for run, holder in
            [(merged, merged), (stacked, stacked), (after, merged), (above, stacked)]}  # fmt: skip


def test_every_task_before_a_composition_and_what_is_above_it_is_scored_with_its_kept_head(
    member, settings, ask, mirror, tmp_path
):
    for name, (run, holder) in compositions(member, settings, tmp_path).items():
        found = ask(run)
        assert [(one.now.metrics["task"], one.holder.name) for one in found.kept] == [
            ("snli", holder.name), ("hellaswag", holder.name)
        ]  # fmt: skip
        assert found.holes == []
        by_hand = with_heads(run, holder, tmp_path / f"{name}-by-hand")
        for one in found.kept:
            task = one.now.metrics["task"]
            [plain] = evaluate(by_hand, task, split="dev", settings={"resources.mirror": str(mirror)})
            assert predictions(one.now.path) == predictions(plain.path)
            assert one.now.path.parent.parent == run.path / "eval/retention"
            [alone] = evaluate(one.member, task, split="dev", settings={"resources.mirror": str(mirror)})
            assert one.alone.path == alone.path == one.member.path / f"eval/{task}-dev"
            assert predictions(one.now.path)[:2] == predictions(alone.path)[:2]  # the same rows and gold
            assert predictions(one.now.path)[3] != predictions(alone.path)[3]
            now, before = (found.metrics["average"]["accuracy"] for found in (plain, alone))
            assert one.scores()["en"] == {"alone": before, "now": now, "difference": now - before}


@pytest.mark.parametrize("method", ["lora", "bottleneck", "full"])
def test_training_on_and_on_top_is_asked_the_same(method, member, settings, ask, mirror, tmp_path):
    snli = member("snli", method)
    on = train_intermediate("hellaswag", start=snli.path, method=method, out=tmp_path / "on", settings=settings)
    last = train_target("udpos", start=on.path, method=method, out=tmp_path / "last", settings=settings,
                        on_top=method != "full")  # fmt: skip
    found = ask(last)
    assert [(one.now.metrics["task"], one.holder.name) for one in found.kept] == [
        ("hellaswag", "on"), ("snli", snli.name)
    ]  # fmt: skip
    for one in found.kept:
        by_hand = with_heads(last, one.holder, tmp_path / one.holder.name / "hand")
        [plain] = evaluate(by_hand, one.now.metrics["task"], split="dev", settings={"resources.mirror": str(mirror)})
        assert predictions(one.now.path) == predictions(plain.path)


@pytest.mark.parametrize("method", ["lora", "bottleneck", "full"])
def test_of_an_average_its_own_averaged_head_answers_beside_each_member(method, member, settings, ask, tmp_path):
    seeds = [member("snli", method, seed=seed, init_seed=5) for seed in (1, 2)]
    run = average(seeds, out=tmp_path / "average").run
    found = ask(run)
    assert {one.member.path for one in found.kept} == {seed.path for seed in seeds}
    assert {one.holder.name for one in found.kept} == {"average"}
    assert len({one.now.path for one in found.kept}) == 1
    assert len({one.alone.path for one in found.kept}) == 2


def test_where_two_members_learned_one_task_each_head_is_asked_by_itself(member, ask, tmp_path):
    one, other = member("snli"), member("snli", seed=3)
    found = ask(merge([one, other], how="mean", out=tmp_path / "merged").run)
    assert [kept.holder.path for kept in found.kept] == [one.path, other.path]
    assert found.kept[0].now.path != found.kept[1].now.path
    assert predictions(found.kept[0].now.path)[3] != predictions(found.kept[1].now.path)[3]


def test_a_run_that_two_ways_lead_to_is_asked_once(member, ask, tmp_path):
    snli = member("snli")
    merged = merge([snli, member("hellaswag")], how="mean", out=tmp_path / "merged").run
    found = ask(stack([merged, snli], out=tmp_path / "stack").run)
    assert [(one.now.metrics["task"], one.holder.name) for one in found.kept] == [
        ("snli", "merged"), ("hellaswag", "stack")
    ]  # fmt: skip


def test_asked_again_nothing_is_computed(member, ask, tmp_path, monkeypatch):
    run = merge([member("snli"), member("hellaswag")], how="mean", out=tmp_path / "merged").run
    first = ask(run)
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    monkeypatch.setattr(answers, "predict", lambda *given: pytest.fail("predicted again"))
    assert ask(run).as_json() == first.as_json()
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")} == times
    assert json.loads((run.path / "eval/retention/retention.json").read_text()) == first.as_json()


def test_an_evaluation_of_the_member_by_itself_is_taken_as_it_is(member, settings, ask, mirror, tmp_path, monkeypatch):
    snli = member("snli")
    evaluate(snli, "snli", split="dev", settings={"resources.mirror": str(mirror)})
    run = train_target("udpos", start=snli.path, on_top=True, out=tmp_path / "run", settings=settings)
    calls, predict = [], answers.predict
    monkeypatch.setattr(answers, "predict", lambda *given: calls.append(given) or predict(*given))
    ask(run)
    assert len(calls) == 1


def test_the_model_is_loaded_once_for_all_tasks(member, ask, tmp_path, monkeypatch):
    run = merge([member("snli"), member("hellaswag")], how="mean", out=tmp_path / "merged").run
    reads, loads = [], load.load_encoder
    monkeypatch.setattr(load, "load_encoder", lambda files: reads.append(files) or loads(files))
    ask(run)
    assert len(reads) == 3  # two members and the merge


def test_rows_are_the_dev_rows_in_the_languages_learned_in_and_never_train_rows(member, ask, mirror, tmp_path):
    xnli = member("xnli", **{"data.source_language": "sw"})
    run = merge([xnli, member("snli")], how="mean", out=tmp_path / "merged").run
    found = {one.now.metrics["task"]: one for one in ask(run).kept}
    assert {name: list(one.languages) for name, one in found.items()} == {"xnli": ["sw"], "snli": ["en"]}
    expected = load_rows(tasks.get("xnli"), "sw", "dev", str(mirror)).ids()
    assert predictions(found["xnli"].now.path, "sw")[0] == expected
    assert found["xnli"].now.metrics["split"] == "dev"
    [other] = ask(run, task=["xnli"], languages=["de", "sw"]).kept
    assert set(other.scores()) == {"de", "sw", "average"}


def test_rows_are_read_with_the_members_windows_and_in_its_precision(member, settings, ask, tmp_path):
    snli = member("snli", **{"data.max_length": 16, "precision": "bf16"})
    run = train_target("udpos", start=snli.path, on_top=True, out=tmp_path / "run", settings=settings)
    [one] = ask(run).kept
    assert [found.metrics["windows"] for found in (one.alone, one.now)] == [16, 16]
    assert [found.metrics["precision"] for found in (one.alone, one.now)] == ["bf16", "bf16"]
    assert one.alone.metrics["rows"] == one.now.metrics["rows"]


def test_retention_is_no_score_that_compare_lays_beside_others(member, ask, mirror, tmp_path):
    run = merge([member("snli"), member("hellaswag")], how="mean", out=tmp_path / "merged").run
    ask(run)
    with pytest.raises(UserError, match="has not been evaluated"):
        compare([run])


# Holes: told, never passed over


def holes(found) -> dict:
    return {hole.task or hole.path.rsplit("/", 1)[-1]: hole.why for hole in found.holes}


def test_a_member_that_is_gone_or_another_one_now_is_told(member, trained, ask, tmp_path):
    snli, hella, squad = member("snli"), member("hellaswag"), member("squad_v1")
    run = merge([snli, hella, squad], how="cat", out=tmp_path / "merged").run
    shutil.rmtree(snli.path)
    weights = hella.path / "adapter/adapter_model.safetensors"
    save_file({key: tensor * 2 for key, tensor in load_file(weights).items()}, weights)
    found = ask(run)
    assert [one.now.metrics["task"] for one in found.kept] == ["squad_v1"]
    told = holes(found)
    assert told.keys() == {snli.name, hella.name}
    assert "there is no folder" in told[snli.name]
    assert told[hella.name] == "another run lies there now"
    assert [note for note in retention_table(found).notes if note.startswith("NOT SCORED") and snli.name in note]
    shutil.rmtree(squad.path)
    with pytest.raises(UserError, match="no task before .* can be scored again") as error:
        ask(run)
    assert all(one.name in str(error.value) for one in (snli, hella, squad))


def test_a_run_trained_anew_under_the_same_name_is_not_taken_for_the_old_one(member, settings, ask, tmp_path):
    snli, other = member("snli"), member("snli", seed=3)
    run = train_target("udpos", start=snli.path, on_top=True, out=tmp_path / "run", settings=settings)
    shutil.rmtree(snli.path)
    other.path.rename(snli.path)
    with pytest.raises(UserError, match="another run lies there now"):
        ask(run)


def test_what_has_no_kept_head_or_no_measure_here_is_told(member, trained, base, settings, ask, tmp_path):
    snli = member("snli")
    bare = copied(trained("hellaswag"), tmp_path / "bare")
    text = continue_mlm(out=tmp_path / "text", base=str(base), settings={**settings, "data.languages": "en"})
    squad = member("squad_v1")
    shutil.rmtree(squad.path / "heads")
    run = stack([text, bare.path / "adapter", squad, snli], out=tmp_path / "stack").run
    found = ask(run)
    assert [one.now.metrics["task"] for one in found.kept] == ["snli"]
    told = holes(found)
    assert "an adapter without a run" in told["adapter"]
    assert "masked LM has a measure of its own" in told["wikipedia"]
    assert told["squad_v1"] == "no head for it was kept"
    assert holes(ask(run, task=["snli", "xnli"]))["xnli"] == "no run before it has learned it"


def test_an_own_task_is_named_by_its_file(base, settings, ask, tmp_path):
    rows = "".join(f"{label},text number {number}\n" for number in range(30) for label in ("yes", "no"))
    (tmp_path / "rows.csv").write_text(f"label,text\n{rows}")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\nformat: classification\nlanguages: {sw: {train: rows.csv}}\n"
        "columns: {text_a: text, label: label}\nlabels: ['no', 'yes']\n"
    )
    mine = train_intermediate(str(file), out=tmp_path / "mine", base=str(base), settings=settings)
    run = train_target("udpos", start=mine.path, on_top=True, out=tmp_path / "run", settings=settings)
    with pytest.raises(UserError, match="name it by its file"):
        ask(run)
    [one] = ask(run, task=[str(file)]).kept
    assert one.scores().keys() == {"sw", "average"}


def test_a_run_with_nothing_before_it_is_refused(member, ask):
    run = member("snli")
    with pytest.raises(UserError, match="no task before .* can be scored again"):
        ask(run)
    assert not (run.path / "eval").exists()


# The command


def test_the_command_prints_a_table_or_json(member, mirror, tmp_path, capfd):
    run = merge([member("snli"), member("xnli")], how="mean", out=tmp_path / "merged").run
    words = ["evaluate", str(run.path), "--retention", "--mirror", str(mirror)]
    assert run_cli([*words, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["task"] for one in found["tasks"]] == ["snli", "xnli"]
    one = found["tasks"][0]
    assert one["languages"]["en"]["difference"] == one["languages"]["en"]["now"] - one["languages"]["en"]["alone"]
    assert one["head_from"]["path"] == str(run.path)
    assert run_cli([*words, "--task", "xnli", "--languages", "de,en"]) == 0
    lines = capfd.readouterr().out.splitlines()
    cells = [line.split()[:2] for line in lines if line.strip().startswith("xnli")]
    assert cells[:3] == [["xnli", "de"], ["xnli", "en"], ["xnli", "average"]]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--split", "test"], "--split means nothing to --retention"),
        (["--language-adapter", "sw=x"], "--language-adapter means nothing to --retention"),
        (["--noise", "chars:0.1"], "--noise means nothing to --retention"),
    ],
)
def test_what_means_nothing_to_retention_is_refused(more, said, member, capfd):
    run = member("snli")
    assert run_cli(["evaluate", str(run.path), "--retention", *more]) == 2
    assert said in capfd.readouterr().err


def test_without_a_task_or_a_run_the_command_says_what_to_give(member, capfd):
    assert run_cli(["evaluate", str(member("snli").path)]) == 2
    assert "there is no task to score" in capfd.readouterr().err
    assert run_cli(["evaluate", "--retention"]) == 2
    assert "is asked of a run" in capfd.readouterr().err
