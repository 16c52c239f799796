"""Pools of sentences from file to score: the user's own BUCC, and MTEB's copy of it."""

from __future__ import annotations

from dataclasses import replace

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

from adapterstilts.data.importing.bucc import import_bucc
from adapterstilts.data.reshaping import reshapes
from adapterstilts.data.source import load_rows
from adapterstilts.errors import UserError
from adapterstilts.evaluation import mining
from adapterstilts.evaluation.command import evaluate_base
from adapterstilts.evaluation.mining import read_pool
from adapterstilts.metrics import metrics
from adapterstilts.report.scores import score_tables
from adapterstilts.tasks import tasks

BUCC, MTEB = tasks.get("bucc"), tasks.get("bucc_mteb")
WORDS = (
    "the", "dog", "sees", "a", "cat", "in", "garden", "red", "house", "and", "bird", "sings", "near", "old", "tree",
    "small", "river", "runs",
)  # fmt: skip


def write_bucc(folder, part: str, source: dict[str, str], target: dict[str, str], gold: list[tuple[str, str]]):
    folder.mkdir(parents=True, exist_ok=True)
    for ending, lines in (("de", source.items()), ("en", target.items()), ("gold", gold)):
        text = "".join(f"{one}\t{other}\n" for one, other in lines)
        (folder / f"de-en.{part}.{ending}").write_text(text, encoding="utf-8")


def sentences(code: str, count: int, seed: int) -> dict[str, str]:
    generator = np.random.default_rng(seed)
    texts = {" ".join(generator.choice(WORDS, size=6)): None for _ in range(3 * count)}
    return {f"{code}-{place:09}": text for place, text in enumerate(list(texts)[:count], start=1)}


def bucc_files(folder, seed: int = 0) -> None:
    """Pools in which a gold pair is the same sentence, so any encoder finds it; the English lines run backwards."""
    for part, count in (("sample", 24), ("training", 40)):
        english, german = sentences("en", count, seed + count), sentences("de", count, seed + count + 1)
        same = {
            one: (english[other] if place % 2 else text)
            for place, ((one, text), other) in enumerate(zip(german.items(), english, strict=True))
        }
        gold = [(one, other) for place, (one, other) in enumerate(zip(same, english, strict=True)) if place % 2]
        write_bucc(folder / "bucc2018" / "de-en", part, same, dict(reversed(english.items())), gold)


@pytest.fixture
def imported(tmp_path):
    bucc_files(tmp_path / "own")
    import_bucc(tmp_path / "own", tmp_path / "mirror" / "bucc2018" / "bucc")
    return tmp_path / "mirror"


def test_the_files_of_bucc_become_dev_and_test_rows(imported):
    dev, test = (load_rows(BUCC, "de", split, str(imported)) for split in ("dev", "test"))
    assert (len(dev), len(test)) == (48, 80)
    pool = read_pool(test)
    assert pool.pairs == 20
    assert len(pool.source.ids) == len(pool.target.ids) == 40
    first = test.table[1]
    assert first == {
        "id": "de-000000002",
        "text": test.table[78]["text"],
        "side": "source",
        "partners": ["en-000000002"],
    }
    with pytest.raises(UserError, match=r"cannot read configuration 'fr-en'"):
        load_rows(BUCC, "fr", "test", str(imported))


def test_what_is_wrong_with_files_of_bucc_is_told_with_its_line(tmp_path):
    with pytest.raises(UserError, match=r"holds no files of BUCC 2018(.|\n)*de-en.sample.de"):
        import_bucc(tmp_path, tmp_path / "out")
    good = {"de-1": "eins", "de-2": "zwei"}, {"en-1": "one"}, [("de-1", "en-1")]
    for wrong, told in (
        (
            (good[0], good[1], [("de-1", "en-1"), ("de-9", "en-1")]),
            r"gold, line 2: 'de-9' is no sentence of de-en.sample.de",
        ),
        ((*good[:2], [("de-1", "en-9")]), r"gold, line 1: 'en-9' is no sentence of de-en.sample.en"),
        ((good[0], {"en-1": ""}, good[2]), r"sample.en, line 1: no two fields"),
        ((good[0], {}, good[2]), r"sample.en holds no sentences"),
        ((*good[:2], []), r"sample.gold holds no pairs"),
    ):
        write_bucc(tmp_path / "own", "sample", *wrong)
        with pytest.raises(UserError, match=told):
            import_bucc(tmp_path / "own", tmp_path / "out")
    write_bucc(tmp_path / "own", "sample", *good)
    (tmp_path / "own/de-en.sample.de").write_text("de-1\teins\nde-1\tzwei\n")
    with pytest.raises(UserError, match=r"sample.de, line 2: the id 'de-1' is there twice"):
        import_bucc(tmp_path / "own", tmp_path / "out")
    (tmp_path / "own/de-en.sample.gold").unlink()
    with pytest.raises(UserError, match=r"holds de-en.sample.de without de-en.sample.gold"):
        import_bucc(tmp_path / "own", tmp_path / "out")


def test_a_base_mines_the_users_own_files_with_a_threshold_of_dev(imported, base, tmp_path, capsys):
    settings = {"resources.mirror": str(imported), "precision": "fp32"}
    asked = {"languages": ["de"], "layer": "sweep", "settings": settings}
    tests = evaluate_base(str(base), "bucc", out=tmp_path / "base", **asked)
    devs = evaluate_base(str(base), "bucc", out=tmp_path / "base", split="dev", **asked)
    assert [one.path.name for one in tests] == [f"bucc-test-layer{layer}" for layer in range(3)]
    for test, dev in zip(tests, devs, strict=True):
        chosen = test.metrics["thresholds"]["de"]
        assert chosen["threshold"] == dev.metrics["thresholds"]["de"]["threshold"]
        assert (chosen["chosen_on"]["split"], chosen["chosen_on"]["rows"]) == ("dev", 48)
        table = pq.read_table(test.path / "predictions/de.parquet")
        assert table.num_rows == 40
        assert set(table["threshold"].to_pylist()) == {chosen["threshold"]}
        mined = [score >= chosen["threshold"] for score in table["score"].to_pylist()]
        assert [bool(one) for one in table["prediction"].to_pylist()] == mined
        assert 0 < sum(mined) < 40
        ours = metrics.get("mining_f1").score(table["gold"].to_pylist(), table["prediction"].to_pylist())
        assert test.metrics["languages"]["de"] == {**ours, "n": 40}
        assert ours["f1"] > 60  # equal sentences are equal vectors
    assert len({one.metrics["thresholds"]["de"]["threshold"] for one in tests}) == 3  # every layer has its own
    assert f"de {tests[0].metrics['thresholds']['de']['threshold']:.4f}" in " ".join(score_tables(tests[:1])[0].notes)
    capsys.readouterr()
    again = evaluate_base(str(base), "bucc", out=tmp_path / "base", **asked)
    assert "bucc de: kept from an earlier command" in capsys.readouterr().err
    assert [one.metrics for one in again] == [one.metrics for one in tests]


def test_without_dev_rows_nothing_is_scored(base, tmp_path):
    """A threshold from the test's own gold would flatter; the refusal comes before anything is written."""
    bucc_files(tmp_path / "own")
    for file in (tmp_path / "own").rglob("de-en.sample.*"):
        file.unlink()
    import_bucc(tmp_path / "own", tmp_path / "mirror/bucc2018/bucc")
    asked = {"languages": ["de"], "settings": {"resources.mirror": str(tmp_path / "mirror"), "precision": "fp32"}}
    with pytest.raises(UserError, match=r"task bucc: no dev rows in language 'de' to choose the threshold on"):
        evaluate_base(str(base), "bucc", out=tmp_path / "base", **asked)
    assert not (tmp_path / "base/eval").exists()


def test_dev_rows_of_another_threshold_are_another_question(imported, base, tmp_path, monkeypatch, capsys):
    """The scored rows are the same; only those that chose the threshold are other ones."""
    asked = {"languages": ["de"], "layer": 1, "settings": {"resources.mirror": str(imported), "precision": "fp32"}}
    evaluate_base(str(base), "bucc", out=tmp_path / "base", **asked)
    real = mining.load_rows
    monkeypatch.setattr(mining, "load_rows", lambda *given: replace(real(*given), revision="another"))
    [found] = evaluate_base(str(base), "bucc", out=tmp_path / "base", **asked)
    assert "kept from an earlier command" not in capsys.readouterr().err
    assert found.metrics["thresholds"]["de"]["chosen_on"]["revision"] == "another"


def mteb_table(count: int = 60, pairs: int = 30) -> datasets.Dataset:
    german, english = sentences("de", count, 5), sentences("en", count, 6)
    texts, others = list(german.values()), list(english.values())
    gold = [[place, count + 1 - place] for place in range(1, pairs + 1)]
    for one, other in gold:
        texts[one - 1] = others[other - 1]
    return datasets.Dataset.from_dict({"sentence1": [texts], "sentence2": [others], "gold": [gold]})


def test_mtebs_lists_become_sentences_with_a_held_out_part():
    table = reshapes.get("bitext")(MTEB, "de", mteb_table())
    assert table.column_names == ["id", "text", "side", "partners", "held_out"]
    assert reshapes.get("bitext")(MTEB, "de", mteb_table())["held_out"][:] == table["held_out"][:]
    rows = {row["id"]: row for row in table}
    assert len(rows) == 120
    assert rows["de-000000001"]["partners"] == ["en-000000060"]
    assert rows["de-000000001"]["text"] == rows["en-000000060"]["text"]
    paired = [row for row in rows.values() if row["partners"]]
    assert len(paired) == 30
    assert all(row["held_out"] == rows[row["partners"][0]]["held_out"] for row in paired)
    assert sum(row["held_out"] for row in paired) == 3
    assert 0 < sum(row["held_out"] for row in rows.values() if not row["partners"]) - 3 <= 12
    other = reshapes.get("bitext")(MTEB, "fr", mteb_table())["held_out"][:]
    assert other != table["held_out"][:]


def test_pairs_that_share_a_sentence_are_held_out_together():
    """Twenty chains of three pairs: a tenth of the pairs is drawn, and what hangs together with one goes with it."""
    names = [f"sentence {place}" for place in range(40)]
    gold = [pair for one in range(1, 40, 2) for pair in ([one, one], [one + 1, one], [one + 1, one + 1])]
    chains = datasets.Dataset.from_dict({"sentence1": [names], "sentence2": [names], "gold": [gold]})
    rows = {row["id"]: row for row in reshapes.get("bitext")(MTEB, "de", chains)}
    for name, row in rows.items():
        for partner in row["partners"]:
            assert rows[partner]["held_out"] == row["held_out"], name
    assert 8 <= sum(row["held_out"] for row in rows.values()) <= 24


@pytest.mark.parametrize(
    ("gold", "told"), [([[1, 61]], "no places"), ([[0, 1], [1, 1]], "no places"), ([[1, 1]], "too few gold pairs")]
)
def test_gold_that_is_not_mtebs_is_refused(gold, told):
    table = mteb_table().remove_columns("gold").add_column("gold", [gold])
    with pytest.raises(UserError, match=told):
        reshapes.get("bitext")(MTEB, "de", table)


def test_mtebs_pools_are_scored_on_what_is_not_held_out(base, tmp_path):
    folder = tmp_path / "mirror/mteb/BUCC/de-en"
    folder.mkdir(parents=True)
    mteb_table().to_parquet(str(folder / "test-00000-of-00001.parquet"))
    card = "---\nconfigs:\n- config_name: de-en\n  data_files:\n  - split: test\n    path: de-en/test-*\n---\n"
    (folder.parent / "README.md").write_text(card)
    settings = {"resources.mirror": str(tmp_path / "mirror"), "precision": "fp32"}
    [found] = evaluate_base(str(base), "bucc_mteb", out=tmp_path / "base", languages=["de"], settings=settings)
    table = pq.read_table(found.path / "predictions/de.parquet")
    held_out = {row["id"] for row in reshapes.get("bitext")(MTEB, "de", mteb_table()) if row["held_out"]}
    assert held_out
    assert not held_out & set(table["id"].to_pylist())
    assert table.num_rows + sum(name.startswith("de") for name in held_out) == 60
    assert found.metrics["thresholds"]["de"]["chosen_on"]["rows"] == len(held_out)
    assert sum(map(len, table["gold"].to_pylist())) == 27
    assert found.metrics["languages"]["de"]["precision"] > 60  # equal sentences are equal vectors
    with pytest.raises(UserError, match="no dev split"):
        evaluate_base(str(base), "bucc_mteb", out=tmp_path / "base", split="dev", languages=["de"], settings=settings)
