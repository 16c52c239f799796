"""`evaluate`: a run, or an untrained base, on a task's languages; zero-shot where it never saw them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

from adapterstilts.base import find_base
from adapterstilts.config.identity import fingerprint
from adapterstilts.config.resolve import read_settings
from adapterstilts.config.schema import DataSettings, EvaluationSettings
from adapterstilts.data.rows import Rows
from adapterstilts.data.source import load_languages
from adapterstilts.errors import UserError
from adapterstilts.evaluation.answers import Evaluation, Session, answer_task
from adapterstilts.evaluation.asked import ask
from adapterstilts.evaluation.conditions import read_conditions
from adapterstilts.evaluation.heads import SavedHead, as_answered, can_answer
from adapterstilts.evaluation.language_adapters import find_language_adapters, must_read
from adapterstilts.evaluation.lm_head import head_of
from adapterstilts.evaluation.load import load_run
from adapterstilts.evaluation.mining import with_tuning
from adapterstilts.evaluation.ranking import with_pools
from adapterstilts.evaluation.retrieval import Layer, choose_layers
from adapterstilts.evaluation.submission.write import must_suit_a_submission, write_submission
from adapterstilts.formats import formats, is_text
from adapterstilts.interrupt import listening
from adapterstilts.mini.embedded import mirror_folder, usual_mirror
from adapterstilts.model import Runtime, choose_runtime
from adapterstilts.store.atomic import is_leftover, remove_leftovers, write_json
from adapterstilts.store.places import locked
from adapterstilts.store.run import Base, Run, RunRecord, nothing_trained, read_run
from adapterstilts.tasks import Split, Task


class Special(TypedDict, total=False):
    """What only some evaluations are asked for; `evaluate` says what each means."""

    layer: Layer
    language_adapters: Mapping[str, str | Path]


def evaluate(
    run: Run | str | Path,
    task: str | Sequence[str],
    *,
    languages: Sequence[str] | None = None,
    split: Split = "test",
    head: str | None = None,
    settings: Mapping[str, Any] | None = None,
    **special: Unpack[Special],
) -> list[Evaluation]:
    """Predict and score tasks in several languages with a finished run, into its `eval/` folder.

    `task`: names of tasks or groups. Of a group, the tasks that no head of the run answers are left out, aloud.
    `languages`: None means all that have the split here. `head`: the task whose head answers; None means the
    task's own, or the one that it learns from; of masked LM, where the run has no LM head, that of the run before
    it or of its base, so that any run can be asked how well it still guesses hidden tokens. `layer`: of retrieval,
    the layer to read or "sweep"; None means XTREME's. `settings`: `precision` (None: the run's own), `base` (another
    place of the run's own base), `submission` (a folder for the predictions in XTREME's layout), `labels` (one for
    their gold), `pairs` ("mixed": both texts of a pair in different languages), `noise` ("KIND:RATE" on what is
    read), `limit_text` (of text from the Hub so many articles a language; "none": all) and `resources.*`, dotted as
    `--set` takes them. `language_adapters`: by language, runs of `continue_mlm` whose modules stand in for the lowest
    module of the run; other languages keep it. Languages that an earlier, interrupted command has finished are kept.
    Scores are percentages; averages are plain means over languages, as in XTREME. Raises UserError for bad input,
    Interrupted after a signal.
    """
    run = run if isinstance(run, Run) else read_run(run)
    adapters = {language: str(path) for language, path in special.get("language_adapters", {}).items()}
    wanted = {**(settings or {}), **({"language_adapters": adapters} if adapters else {})}
    return _score(_prepare(run, task, languages, split, head, special.get("layer"), wanted))


def evaluate_base(
    base: str,
    task: str | Sequence[str],
    *,
    out: str | Path,
    languages: Sequence[str] | None = None,
    split: Split = "test",
    layer: Layer = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Evaluation]:
    """Score an untrained base on tasks that need no trained head, into `out`, a folder like a run's.

    Those are retrieval, and masked LM where the base's files have an LM head. So `compare` lays it beside trained
    runs. The other arguments are those of `evaluate`.
    """
    names = [task] if isinstance(task, str) else list(task)
    asked = ask(names, languages, lambda one: not _has_head(one))
    for one, _ in asked:
        if _has_head(one) and not is_text(one):
            raise UserError(
                f"task {one.name} needs a trained head, and a base has none",
                fix=f"train one: adapterstilts train-target --task {one.name} --base {base} --out DIR",
            )
    wanted = read_settings(EvaluationSettings, settings or {})
    run = _base_run(base, Path(out), choose_runtime(wanted.resources, wanted.precision or "auto"))
    prepared = _prepare(run, names, languages, split, None, layer, settings or {})
    remove_leftovers(run.path)
    write_json(run.path / "run.json", run.record.model_dump(mode="json"))
    return _score(prepared)


class _Prepared(NamedTuple):
    """An evaluation before its first answer: all questions asked, nothing written."""

    session: Session
    rows: Sequence[list[Rows]]
    heads: Mapping[str, SavedHead]
    wanted: EvaluationSettings


def _prepare(
    run: Run,
    task: str | Sequence[str],
    languages: Sequence[str] | None,
    split: Split,
    head: str | None,
    layer: Layer,
    settings: Mapping[str, Any],
) -> _Prepared:
    wanted = read_settings(EvaluationSettings, settings)
    names = [task] if isinstance(task, str) else task
    asked = ask(names, languages, lambda one: not _has_head(one) or can_answer(run, one, head))
    declared = [one for one, _ in asked]
    must_suit(declared, head, layer)
    adapters = find_language_adapters(run, wanted.language_adapters)
    must_read(declared, adapters)
    conditions = replace(read_conditions(wanted), adapters=adapters)
    for one in declared:
        conditions.must_suit(one)
    if wanted.submission or wanted.labels:
        must_suit_a_submission(declared, split, layer)
    heads = {one.name: head_of(run, one, head, wanted.base) for one in declared if _has_head(one)}
    runtime = choose_runtime(wanted.resources, wanted.precision or run.record.config["precision"])
    mirror = mirror_folder(wanted.resources.mirror or usual_mirror(wanted.base, run))
    rows, tuning = with_tuning(
        [
            load_languages(as_answered(one, heads.get(one.name)), spoken, split, mirror, wanted.limit_text)
            for one, spoken in asked
        ],
        mirror,
    )
    pools = with_pools(rows, mirror)
    rows = [conditions.on(many) for many in rows]
    tuning = {key: conditions.on([one])[0] for key, one in tuning.items()}
    loaded = load_run(run, runtime, wanted.base, conditions.adapters)
    layers = choose_layers(loaded.model.encoder, layer)
    return _Prepared(Session(loaded, runtime, layers, conditions, tuning, pools), rows, heads, wanted)


def _score(prepared: _Prepared) -> list[Evaluation]:
    session, many, heads, wanted = prepared
    found = []
    with locked(session.loaded.run.path), listening() as stop:
        for rows in many:
            found += answer_task(session, rows, heads.get(rows[0].task.name), stop)
            if wanted.submission:
                write_submission(wanted.submission, found[-1], rows)
            if wanted.labels:
                write_submission(wanted.labels, found[-1], rows, "gold")
    return found


def must_suit(declared: Sequence[Task], head: str | None, layer: Layer) -> None:
    """Raise UserError for options that mean nothing to any of the tasks."""
    names = ", ".join(task.name for task in declared)
    if layer is not None and all(_has_head(task) for task in declared):
        raise UserError(f"--layer is for retrieval; {names}: answered by a head on the last layer", fix="leave it out")
    if head and not any(_has_head(task) for task in declared):
        raise UserError(f"--head means nothing to {names}: answered by the encoder's states alone", fix="leave it out")


def _has_head(task: Task) -> bool:
    return hasattr(formats.get(task.format), "head")


def _base_run(base: str, out: Path, runtime: Runtime) -> Run:
    """Return the folder `out` as the record of an untrained base; another one's is refused."""
    files = find_base(base)
    identity = fingerprint({"phase": "base", "base": files.fingerprint})
    if (out / "run.json").is_file():
        run = read_run(out)
        if run.record.fingerprint != identity:
            raise UserError(
                f"{out} holds something else ({run.phase}, {run.record.base.name})", fix="choose another --out"
            )
        return run
    if out.is_dir() and any(path.name not in {".lock", "eval"} and not is_leftover(path) for path in out.iterdir()):
        raise UserError(f"{out} is not empty and holds no scores of a base", fix="choose another --out")
    config = {"phase": "base", "tasks": [], "method": {"name": "none"}, "base": files.name,
              "precision": runtime.precision, "data": DataSettings().model_dump(mode="json")}  # fmt: skip
    packages = {name: importlib.metadata.version(name) for name in ("adapterstilts", "torch", "transformers")}
    record = RunRecord(
        status="done", fingerprint=identity, config=config, parents=[], data={}, packages=packages, seed=0,
        base=Base(name=files.name, fingerprint=files.fingerprint), best={}, source_languages=[],
        **nothing_trained(),
    )  # fmt: skip
    return Run(out, record)
