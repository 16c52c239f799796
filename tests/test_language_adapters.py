"""Language adapters: swapped at evaluation, to the last bit what a stack by hand computes, in scores of their own."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest
import torch

from adapterstilts.cli import call as run_cli
from adapterstilts.compose.merge import merge
from adapterstilts.compose.stack import stack
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation import load, retrieval
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.language_adapters import find_language_adapters, language_of
from adapterstilts.evaluation.load import load_run
from adapterstilts.evaluation.mining import read_pool
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.model import Runtime
from adapterstilts.report.compare import compare
from adapterstilts.report.scores import score_tables
from adapterstilts.store.run import Module, read_run, write_stack
from adapterstilts.tasks import tasks
from adapterstilts.train.command import continue_mlm, train_intermediate, train_target

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
LANGUAGES = ("en", "sw", "de")
# The language adapters' method, and that of the task module above them.
FAMILIES = [("lora", "lora"), ("bottleneck", "bottleneck"), ("lora", "bottleneck")]


@pytest.fixture(scope="module")
def settings(three_steps):
    return three_steps


@pytest.fixture(scope="module")
def adapter(base, settings, tmp_path_factory):
    """Language adapters, each trained once; German ones of LoRA touch other weights than the others."""
    root = tmp_path_factory.mktemp("languages")

    def of(language, method="lora", **more):
        if method == "bottleneck":
            pytest.importorskip("adapters")
        shape = {"method.target_modules": "value,output"} if (language, method) == ("de", "lora") else {}
        shape = {"method.variant": "houlsby"} if (language, method) == ("de", "bottleneck") else shape
        own = {**settings, "data.languages": language, **shape, **more}
        name = "-".join([language, method, *map(str, more.values())])
        return continue_mlm(out=root / name, base=str(base), method=method, settings=own)

    return of


@pytest.fixture(scope="module")
def above(adapter, settings, tmp_path_factory):
    """Runs on a task above an English adapter, each trained once."""
    root = tmp_path_factory.mktemp("above")

    def of(methods, task="xnli"):
        below, method = methods
        if "bottleneck" in methods:
            pytest.importorskip("adapters")
        start = adapter("en", below).path
        out = root / f"{task}-{below}-{method}"
        return train_target(task, out=out, start=start, method=method, on_top=True, settings=settings)

    return of


def scored(run, mirror, task="xnli", **more):
    where = {"resources.mirror": str(mirror), **more.pop("settings", {})}
    [found] = evaluate(run, task, settings=where, languages=more.pop("languages", LANGUAGES), **more)
    return found


def answers(evaluation, language) -> tuple:
    table = pq.read_table(evaluation.path / "predictions" / f"{language}.parquet")
    return table["prediction"].to_pylist(), table["score"].to_pylist()


@torch.inference_mode()
def states(loaded, runtime, language=""):
    loaded.speak(language)
    with runtime.autocast():
        return loaded.model.encoder(input_ids=TOKENS).last_hidden_state.clone()


def fresh(run, out):
    """The same run, not evaluated yet."""
    shutil.copytree(run.path, out, ignore=shutil.ignore_patterns("eval"))
    return read_run(out)


def by_hand(run, other, out):
    """A stack of byte-identical files: the module of `other` below the modules of `run` that stand above its lowest."""
    shutil.copytree(run.path, out, ignore=shutil.ignore_patterns("eval", "0"))
    shutil.copytree(other.modules[0].folder, out / "adapter/0")
    methods = [other.method, *(module.method for module in run.modules[1:])]
    write_stack(out / "adapter", [Module(method, out) for method in methods], ["by hand"] * len(methods))
    return read_run(out)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("methods", FAMILIES, ids="-".join)
def test_every_language_computes_what_a_stack_by_hand_computes_to_the_last_bit(
    methods, precision, adapter, above, tmp_path
):
    run, runtime = above(methods), Runtime(torch.device("cpu"), precision, 512)
    others = {language: adapter(language, methods[0]) for language in ("sw", "de")}
    loaded = load_run(run, runtime, adapters=find_language_adapters(run, {k: v.path for k, v in others.items()}))
    ordinary = states(load_run(run, runtime), runtime)
    expected = {"es": ordinary, "": ordinary}
    for language, other in others.items():
        expected[language] = states(load_run(by_hand(run, other, tmp_path / language), runtime), runtime)
        assert not torch.allclose(expected[language], ordinary, atol=1e-3)
    for language in ("", "sw", "de", "es", "sw", "", "de"):
        assert torch.equal(states(loaded, runtime, language), expected[language]), language
    tensors = loaded.model.encoder.named_parameters()
    assert {tensor.dtype for key, tensor in tensors if "instead_" in key} <= {torch.float32}  # no module is rounded


@pytest.mark.parametrize("methods", FAMILIES, ids="-".join)
def test_the_scores_are_those_of_the_stack_and_unnamed_languages_stay_as_they_are(
    methods, adapter, above, mirror, tmp_path
):
    run, other = above(methods), adapter("sw", methods[0])
    ordinary = scored(run, mirror)
    swapped = scored(run, mirror, language_adapters={"sw": other.path})
    hand = scored(by_hand(run, other, tmp_path / "hand"), mirror)
    assert answers(swapped, "sw") == answers(hand, "sw") != answers(ordinary, "sw")
    assert swapped.metrics["languages"]["sw"] == hand.metrics["languages"]["sw"]
    for language in ("en", "de"):
        assert answers(swapped, language) == answers(ordinary, language) != answers(hand, language)
    assert ordinary.path.name == "xnli-test"
    assert swapped.path != ordinary.path


@pytest.mark.parametrize("methods", FAMILIES, ids="-".join)
@pytest.mark.parametrize("task", ["xnli", "tatoeba"])
def test_the_very_same_adapter_swapped_in_changes_no_bit(task, methods, adapter, above, mirror):
    run, languages = above(methods), ["de", "sw"]
    ordinary = scored(run, mirror, task, languages=languages)
    swapped = scored(run, mirror, task, languages=languages, language_adapters={"de": adapter("en", methods[0]).path})
    for language in languages:
        assert answers(swapped, language) == answers(ordinary, language)


def test_a_stack_of_a_language_adapter_and_a_task_can_be_swapped_too(adapter, base, settings, mirror, tmp_path):
    task = train_intermediate("snli", out=tmp_path / "snli", base=str(base), settings=settings)
    english = stack([adapter("en"), task], out=tmp_path / "en").run
    swahili = stack([adapter("sw"), task], out=tmp_path / "sw").run
    swapped = scored(english, mirror, "snli", languages=["en"], language_adapters={"en": adapter("sw").path})
    assert answers(swapped, "en") == answers(scored(swahili, mirror, "snli", languages=["en"]), "en")
    assert answers(swapped, "en") != answers(scored(english, mirror, "snli", languages=["en"]), "en")


def test_in_retrieval_english_queries_and_the_documents_are_read_each_with_their_own(
    adapter, above, mirror, tmp_path, monkeypatch
):
    run, other = fresh(above(FAMILIES[0]), tmp_path / "run"), adapter("sw")
    seen = []
    search = retrieval.search
    monkeypatch.setattr(retrieval, "search", lambda encoded, vectors: seen.append(vectors) or search(encoded, vectors))
    ordinary = scored(run, mirror, "tatoeba", languages=["sw", "de"], language_adapters={"sw": other.path})
    scored(run, mirror, "tatoeba", languages=["sw"])
    scored(by_hand(run, other, tmp_path / "hand"), mirror, "tatoeba", languages=["sw"])
    swapped, german, own, hand = seen
    assert (swapped[0::2] == own[0::2]).all()
    assert (swapped[1::2] == hand[1::2]).all()
    assert not (swapped[1::2] == own[1::2]).any()
    assert ordinary.metrics["conditions"]["language_adapters"].keys() == {"sw"}
    scored(run, mirror, "tatoeba", languages=["de"])
    assert (german == seen[-1]).all()


def test_in_answer_retrieval_every_language_of_the_pool_has_its_own(adapter, above, mirror):
    run, same = above(FAMILIES[0]), adapter("en").path
    ordinary = scored(run, mirror, "xquad_r", languages=["de"])
    with_other = scored(run, mirror, "xquad_r", languages=["de"], language_adapters={"es": adapter("sw").path})
    with_same = scored(run, mirror, "xquad_r", languages=["de"], language_adapters={"es": same, "de": same})
    assert answers(with_same, "de") == answers(ordinary, "de") != answers(with_other, "de")


def test_in_mining_each_side_of_the_pool_has_its_own(adapter, above, mirror, tmp_path, monkeypatch):
    pool = read_pool(load_rows(tasks.get("bucc_mteb"), "de", "test", str(mirror)))
    assert (language_of(pool.source.rows), language_of(pool.target.rows)) == ("de", "en")
    run, seen = fresh(above(FAMILIES[0]), tmp_path / "run"), []
    embed = retrieval.embed
    monkeypatch.setattr(retrieval, "embed", lambda *given: seen.append(embed(*given)) or embed(*given))
    for named in ({}, {"de": adapter("sw").path}):
        scored(run, mirror, "bucc_mteb", languages=["de"], language_adapters=named)
    layers = [next(iter(vectors.values())) for vectors in seen]
    own, swapped = layers[:4], layers[4:]  # both sides of what is scored, both of what chooses the threshold
    assert [bool((one == other).all()) for one, other in zip(own, swapped, strict=True)] == [False, True, False, True]


def test_hidden_tokens_are_guessed_with_the_languages_own_adapter(adapter, above, mirror, tmp_path):
    run, other = above(FAMILIES[0]), adapter("sw")
    given = {"split": "dev", "languages": ["en", "sw"]}
    ordinary = scored(run, mirror, "wikipedia", **given)
    swapped = scored(run, mirror, "wikipedia", language_adapters={"sw": other.path}, **given)
    assert swapped.metrics["languages"]["en"] == ordinary.metrics["languages"]["en"]
    assert swapped.metrics["languages"]["sw"] != ordinary.metrics["languages"]["sw"]


def test_the_base_is_read_once_whatever_is_swapped(adapter, above, monkeypatch):
    reads, loads = [], load.load_encoder
    monkeypatch.setattr(load, "load_encoder", lambda files: reads.append(files) or loads(files))
    for methods in FAMILIES:
        run = above(methods)
        named = {language: adapter(language, methods[0]).path for language in ("sw", "de")}
        runtime = Runtime(torch.device("cpu"), "fp32", 512)
        loaded = load_run(run, runtime, adapters=find_language_adapters(run, named))
        for language in ("sw", "de", "es"):
            states(loaded, runtime, language)
    assert len(reads) == len(FAMILIES)


# What scores say of it, and what keeps them apart


def test_scores_name_the_adapters_and_lie_in_a_folder_of_their_own(adapter, above, mirror, tmp_path):
    run, sw, de = fresh(above(FAMILIES[0]), tmp_path / "run"), adapter("sw"), adapter("de")
    both = scored(run, mirror, language_adapters={"sw": sw.path, "de": de.path})
    named = both.metrics["conditions"]["language_adapters"]
    assert {language: one["path"] for language, one in named.items()} == {"sw": str(sw.path), "de": str(de.path)}
    assert [named[one]["fingerprint"] for one in ("sw", "de")] == [
        sw.record.fingerprint, de.record.fingerprint
    ]  # fmt: skip
    one = scored(run, mirror, language_adapters={"sw": sw.path})
    other = scored(run, mirror, language_adapters={"de": de.path})
    noisy = scored(run, mirror, language_adapters={"de": de.path}, settings={"noise": "chars:0.1"})
    ordinary = scored(run, mirror)
    assert len({found.path for found in (both, one, other, noisy, ordinary)}) == 5
    assert both.path.name.startswith("xnli-test-language-adapters-")
    assert score_tables([both])[0].title == "xnli test, language adapters de sw (percent)"


def test_an_adapter_that_was_changed_is_scored_again_elsewhere(adapter, above, mirror, tmp_path):
    run, other = fresh(above(FAMILIES[0]), tmp_path / "run"), fresh(adapter("sw"), tmp_path / "sw")
    first = scored(run, mirror, language_adapters={"sw": other.path})
    for file in adapter("de").modules[0].folder.iterdir():
        shutil.copyfile(file, other.modules[0].folder / file.name)
    second = scored(run, mirror, language_adapters={"sw": other.path})
    assert first.path != second.path
    assert answers(first, "sw") != answers(second, "sw")


def test_compare_never_lays_them_beside_ordinary_scores(adapter, above, mirror, tmp_path):
    run, other = (fresh(above(FAMILIES[0]), tmp_path / name) for name in ("run", "other"))
    scored(run, mirror, language_adapters={"sw": adapter("sw").path})
    scored(other, mirror)
    with pytest.raises(UserError, match="under different conditions"):
        compare([run, other])
    scored(run, mirror)
    scored(other, mirror, language_adapters={"sw": adapter("de").path})
    comparison = compare([run, other])
    assert [table.title.split(":")[0] for table in comparison.tables()[:2]] == [
        "xnli test", "xnli test, language adapters sw"
    ]  # fmt: skip
    assert any("other adapters: run: sw " in note for note in comparison.notes)


def test_a_run_that_was_scored_with_two_adapters_for_one_language_keeps_both_apart(adapter, above, mirror, tmp_path):
    run = fresh(above(FAMILIES[0]), tmp_path / "run")
    for language in ("sw", "de"):
        scored(run, mirror, language_adapters={"sw": adapter(language).path})
    scores = compare([run]).scores
    assert scores["conditions"].nunique() == 2
    assert all(words.startswith("language adapters sw (sw ") for words in scores["conditions"])


def test_the_command_line_swaps_and_writes_a_submission(adapter, above, mirror, tmp_path, capfd):
    run = fresh(above(FAMILIES[0]), tmp_path / "run")
    words = ["evaluate", str(run.path), "--task", "xnli", "--mirror", str(mirror), "--languages", "sw,de",
             "--language-adapter", f"sw={adapter('sw').path}",
             "--json", "--submission", str(tmp_path / "out")]  # fmt: skip
    assert run_cli(words) == 0
    [metrics] = json.loads(capfd.readouterr().out)
    assert metrics["conditions"]["language_adapters"].keys() == {"sw"}
    assert (tmp_path / "out/xnli/test-sw.tsv").is_file()
    assert run_cli([*words, "--language-adapter", f"sw={adapter('de').path}"]) == 2
    assert "given twice for sw" in capfd.readouterr().err
    assert run_cli([*words[:8], "--language-adapter", "sw"]) == 2
    assert "write --language-adapter LANGUAGE=RUN" in capfd.readouterr().err
    assert run_cli(["evaluate", *words[2:10], "--base", "mini", "--out", str(tmp_path / "base")]) == 2
    assert "is for a run above another one" in capfd.readouterr().err


def test_an_adapter_of_other_languages_is_said_once(adapter, above, mirror, tmp_path, capfd):
    run = fresh(above(FAMILIES[0]), tmp_path / "run")
    scored(run, mirror, languages=["sw"], language_adapters={"sw": adapter("de").path})
    assert capfd.readouterr().err.count("the language adapter for sw was trained on de") == 1
    scored(run, mirror, languages=["de"], language_adapters={"de": adapter("de").path})
    assert "was trained on" not in capfd.readouterr().err


def test_where_the_run_below_is_gone_it_is_said_and_the_scores_are_the_same(adapter, above, mirror, tmp_path, capfd):
    run = fresh(above(FAMILIES[0]), tmp_path / "run")
    before = scored(run, mirror, language_adapters={"sw": adapter("sw").path})
    moved = fresh(run, tmp_path / "moved")
    record = json.loads((moved.path / "run.json").read_text())
    record["parents"][0]["path"] = str(tmp_path / "gone")
    (moved.path / "run.json").write_text(json.dumps(record))
    after = scored(read_run(moved.path), mirror, language_adapters={"sw": adapter("sw").path})
    assert "cannot be looked up any more" in capfd.readouterr().err
    assert answers(after, "sw") == answers(before, "sw")


# Refusals: nothing is written


def refused(run, mirror, match, adapters, **more):
    with pytest.raises(UserError, match=match) as caught:
        scored(run, mirror, language_adapters=adapters, **more)
    assert not (run.path / "eval").exists()
    return str(caught.value)


def test_a_run_without_a_language_adapter_below_is_refused(adapter, base, settings, mirror, tmp_path):
    sw = {"sw": adapter("sw").path}
    alone = train_target("xnli", out=tmp_path / "alone", base=str(base), settings=settings)
    assert "--on-top" in refused(alone, mirror, "has one module and nothing below it", sw)
    whole = train_target("xnli", out=tmp_path / "full", base=str(base), method="full", settings=settings)
    refused(whole, mirror, "has an encoder of its own", sw)
    snli = train_intermediate("snli", out=tmp_path / "snli", base=str(base), settings=settings)
    higher = train_target("xnli", out=tmp_path / "higher", start=snli.path, on_top=True, settings=settings)
    assert "(intermediate: snli)" in refused(higher, mirror, "is no language adapter", sw)
    merged = merge([adapter("en"), snli], how="mean", out=tmp_path / "merged").run
    above_merged = train_target("xnli", out=tmp_path / "above", start=merged.path, on_top=True, settings=settings)
    assert "(merge: snli, wikipedia)" in refused(above_merged, mirror, "is no language adapter", sw)


def test_a_merge_of_language_adapters_is_one(adapter, settings, mirror, tmp_path):
    merged = merge([adapter("en"), adapter("sw")], how="mean", out=tmp_path / "merged").run
    run = train_target("xnli", out=tmp_path / "run", start=merged.path, on_top=True, settings=settings)
    assert scored(run, mirror, language_adapters={"sw": adapter("sw").path}).metrics["languages"].keys() == set(
        LANGUAGES
    )


def test_what_cannot_stand_in_for_it_is_refused(adapter, above, tokenizer_folder, settings, mirror, tmp_path):
    run = fresh(above(FAMILIES[0]), tmp_path / "run")
    refused(run, mirror, "was not trained on text but is a run of the phase target", {"sw": run.path})
    refused(run, mirror, "there is no folder", {"sw": tmp_path / "absent"})
    refused(run, mirror, "no task asked for has texts in it", {"xx": adapter("sw").path})
    refused(run, mirror, "read at once, in two languages", {"sw": adapter("sw").path}, settings={"pairs": "mixed"})
    whole = continue_mlm(out=tmp_path / "full", base=run.record.base.name, method="full",
                         settings={**settings, "data.languages": "sw"})  # fmt: skip
    assert "it is: full" in refused(run, mirror, "is no single lora", {"sw": whole.path})
    two = continue_mlm(out=tmp_path / "two", start=adapter("sw").path, on_top=True,
                       settings={**settings, "data.languages": "de"})  # fmt: skip
    assert "it is: lora above lora" in refused(run, mirror, "is no single lora", {"sw": two.path})
    other = random_base(tokenizer_folder, tmp_path / "base", shape=Shape(layers=2, hidden=64, positions=258), seed=1)
    strange = continue_mlm(out=tmp_path / "strange", base=str(other), settings={**settings, "data.languages": "sw"})
    said = refused(run, mirror, "stands on another base", {"sw": strange.path})
    assert strange.record.base.fingerprint in said
    assert run.record.base.fingerprint in said


def test_a_parallel_bottleneck_is_refused(adapter, above, mirror, tmp_path):
    run = fresh(above(FAMILIES[1]), tmp_path / "run")
    parallel = adapter("sw", "bottleneck", **{"method.variant": "parallel"})
    assert "train a pfeiffer or houlsby" in refused(run, mirror, "parallel bottleneck, which", {"sw": parallel.path})
    assert "is no single bottleneck" in refused(run, mirror, "is no single", {"sw": adapter("sw").path})


def test_an_own_task_of_retrieval_is_refused(adapter, above, mirror, tmp_path):
    run = fresh(above(FAMILIES[0]), tmp_path / "run")
    (tmp_path / "pairs.csv").write_text("query,document\none,eins\ntwo,zwei\n")
    task = tmp_path / "pairs.yaml"
    columns = "{query: query, document: document}"
    task.write_text(f"name: pairs\nformat: retrieval\nlanguages: {{de: {{test: pairs.csv}}}}\ncolumns: {columns}\n")
    said = refused(run, mirror, "which the second one is, nothing says", {"de": adapter("de").path},
                   task=str(task), languages=["de"])  # fmt: skip
    assert "task pairs is of your own and has texts in two languages" in said
