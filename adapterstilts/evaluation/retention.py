"""What a run still knows of the tasks before it: each is scored again, with the head that was kept for it.

Scored are the dev rows that the task's own run was not trained on, in the languages that it was trained in, read as
that run reads them and in its precision, so that nothing but the encoder differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from adapterstilts.config.resolve import read_settings
from adapterstilts.config.schema import EvaluationSettings, Precision
from adapterstilts.data.own import find_tasks
from adapterstilts.data.rows import Rows
from adapterstilts.data.source import load_languages
from adapterstilts.errors import UserError
from adapterstilts.evaluation.answers import Evaluation, Session, answer_task
from adapterstilts.evaluation.command import evaluate
from adapterstilts.evaluation.conditions import Conditions
from adapterstilts.evaluation.heads import SavedHead, as_answered, head_for
from adapterstilts.evaluation.lineage import Ancestor, Hole, ancestors
from adapterstilts.evaluation.load import Loaded, load_run
from adapterstilts.formats import is_text
from adapterstilts.interrupt import listening
from adapterstilts.metrics import average
from adapterstilts.mini.embedded import mirror_folder, usual_mirror
from adapterstilts.model import choose_runtime
from adapterstilts.store.atomic import write_json
from adapterstilts.store.places import locked
from adapterstilts.store.run import Run, read_run
from adapterstilts.tasks import Task, tasks
from adapterstilts.tasks._groups import expand

FOLDER = "eval/retention"


@dataclass(frozen=True)
class Kept:
    """One task: what its own run scores, and what the later run scores, on the same rows with the head of `holder`."""

    member: Run
    holder: Run
    languages: Sequence[str]
    alone: Evaluation
    now: Evaluation

    def scores(self) -> dict[str, dict[str, float]]:
        """Return the main score by language, and the plain mean: `alone`, `now` and their difference, in points."""
        main = self.now.metrics["metric"]["main"]
        many = [{one: found.metrics["languages"][one] for one in self.languages} for found in (self.alone, self.now)]
        pairs = {one: tuple(found[one][main] for found in many) for one in self.languages}
        pairs["average"] = tuple(average(found)[main] for found in many)
        return {one: {"alone": alone, "now": now, "difference": now - alone} for one, (alone, now) in pairs.items()}

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        metrics, scores = self.now.metrics, self.scores()
        rows = {language: metrics["languages"][language]["n"] for language in self.languages}
        return {
            "task": metrics["task"],
            "metric": metrics["metric"],
            "precision": metrics["precision"],
            "member": {"path": str(self.member.path.resolve()), "fingerprint": self.member.record.fingerprint},
            "head_from": {"path": str(self.holder.path.resolve()), "fingerprint": self.holder.record.fingerprint},
            "languages": {language: {**scores[language], "n": n} for language, n in rows.items()},
            "average": scores["average"],
            "evaluations": {"alone": str(self.alone.path), "now": str(self.now.path)},
        }


@dataclass(frozen=True)
class Retention:
    """What a run still knows: one item a task and run that learned it; `holes`: what could not be asked, and why."""

    run: Run
    kept: Sequence[Kept]
    holes: Sequence[Hole]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        found, holes = [one.as_json() for one in self.kept], [asdict(hole) for hole in self.holes]
        return {"run": str(self.run.path.resolve()), "split": "dev", "tasks": found, "holes": holes}


def retention(
    run: Run | str | Path,
    *,
    task: Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Retention:
    """Score every task in the lineage of `run` again, beside the score of the run that learned it.

    `task`: only these, own ones by their files; None means all. `languages`: None means those that the task was
    learned in. `settings`: `precision` (None: that of the run that learned the task), `base` and `resources.*`, as for
    `evaluate`. Scores are percentages. The member's own evaluation lies in its own folder like any other, the new
    one in `eval/retention/`; what is there already is kept. A run before that is gone or another one now is a hole
    in the result. Raises UserError where there is nothing to score, Interrupted after a signal.
    """
    run = run if isinstance(run, Run) else read_run(run)
    wanted = read_settings(EvaluationSettings, settings or {})
    asked, holes = _questions(run, task, languages, wanted)
    if not asked:
        told = "\n  ".join(f"{hole.path}: {hole.why}" for hole in holes)
        raise UserError(f"no task before {run.path} can be scored again", where=told or "nothing was trained before it")
    models: dict[Precision, Loaded] = {}
    result = Retention(run, [_answer(run, one, wanted, settings or {}, models) for one in asked], holes)
    write_json(run.path / FOLDER / "retention.json", result.as_json())
    return result


@dataclass(frozen=True)
class _Question:
    """A task that was learned by `member`, on the way to the run that is asked; `name` is what it is asked for by."""

    name: str
    member: Run
    head: SavedHead
    languages: Sequence[str]
    rows: list[Rows]


def _questions(
    run: Run, wanted: Sequence[str] | None, languages: Sequence[str] | None, settings: EvaluationSettings
) -> tuple[list[_Question], list[Hole]]:
    """Return what can be asked of a run, each task of each run before it once, and what cannot."""
    before, holes = ancestors(run)
    names = expand(wanted or ())
    named = {task.name: (name, task) for name, task in zip(names, find_tasks(names), strict=True)}
    found: list[_Question] = []
    for ancestor in before:
        mirror = mirror_folder(settings.resources.mirror or usual_mirror(settings.base, ancestor.run))
        for task, learned_in in _learned(ancestor.run).items():
            known = named.get(task) if wanted else (task, tasks.get(task)) if task in tasks.names() else None
            if wanted and not known:
                continue
            one = _question(ancestor, task, known, languages or learned_in, mirror)
            if isinstance(one, Hole):
                holes.append(one)
            else:
                found.append(one)
    learned = {task for ancestor in before for task in _learned(ancestor.run)}
    holes += [Hole(str(run.path), task, "no run before it has learned it") for task in named if task not in learned]
    return found, holes


def _learned(run: Run) -> dict[str, list[str]]:
    """Return the tasks that a run itself was trained on, and the languages of their train rows."""
    found: dict[str, list[str]] = {}
    for rows in run.record.data.values():
        if rows["split"] == "train":
            found.setdefault(str(rows["task"]), []).append(str(rows["language"]))
    return found


def _question(
    ancestor: Ancestor, learned: str, known: tuple[str, Task] | None, languages: Sequence[str], mirror: str | None
) -> _Question | Hole:
    """Return what to ask of a task, once its dev rows and a head for it are there; a hole says why it cannot be."""
    path = str(ancestor.run.path)
    if known is None:
        return Hole(path, learned, "a task of your own: name it by its file (--task FILE.yaml)")
    name, task = known
    if is_text(task):
        return Hole(path, learned, f"masked LM has a measure of its own: evaluate RUN --task {name} --split dev")
    holder = next((run for run in ancestor.trail if learned in run.heads), None)
    if holder is None:
        return Hole(path, learned, "no head for it was kept")
    try:
        head = replace(head_for(holder, task, learned), source=f"run {holder.record.fingerprint}")
        rows = load_languages(as_answered(task, head), languages, "dev", mirror)
    except UserError as error:
        return Hole(path, learned, error.what)
    return _Question(name, ancestor.run, head, languages, rows)


def _answer(
    run: Run, asked: _Question, wanted: EvaluationSettings, settings: Mapping[str, Any], models: dict[Precision, Loaded]
) -> Kept:
    """Score one task by its own run and by `run`; `models` holds `run` as it was loaded, by precision."""
    member = asked.member
    mine, same = wanted.base, run.record.base.fingerprint == member.record.base.fingerprint
    where = {**settings, "base": mine if same and member.method != "full" else None}
    [alone] = evaluate(member, asked.name, languages=asked.languages, split="dev", settings=where)
    runtime = choose_runtime(wanted.resources, wanted.precision or member.record.config["precision"])
    if runtime.precision not in models:
        models[runtime.precision] = load_run(run, runtime, mine if run.method != "full" else None)
    loaded = replace(models[runtime.precision], run=_reading_as(run, member))
    place = f"{FOLDER}/{asked.head.run.record.fingerprint[:8]}"
    with locked(run.path), listening() as stop:
        session = Session(loaded, runtime, (), Conditions(), place=place)
        [now] = answer_task(session, asked.rows, asked.head, stop)
    return Kept(member, asked.head.run, asked.languages, alone, now)


def _reading_as(run: Run, member: Run) -> Run:
    """Return `run` as one that reads rows as `member` does: with its windows."""
    config = {**run.record.config, "data": member.record.config["data"]}
    return replace(run, record=run.record.model_copy(update={"config": config}))
