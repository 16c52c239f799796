"""Language adapters, swapped at evaluation (MAD-X, Pfeiffer et al. 2020, arXiv 2005.00052).

A task module was trained above a module that had read one language's text; to read another language, that
language's module takes the lower place. The paper's invertible adapters at the embeddings are no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapterstilts.console import log_once
from adapterstilts.data.rows import Rows
from adapterstilts.errors import UserError
from adapterstilts.formats import is_text
from adapterstilts.formats.mining import TARGET
from adapterstilts.store.digests import digest_of, digest_of_run
from adapterstilts.store.run import Module, Run, read_run
from adapterstilts.tasks import Task, tasks

PIVOT = "en"  # the other language of retrieval and mining, in every task of the catalog
_TWO_LANGUAGES = ("retrieval", "mining")  # the formats that hold two languages' texts apart


@dataclass(frozen=True)
class LanguageAdapter:
    """A module that stands in for a run's lowest one where a language is read, and the run that it is from."""

    run: Run
    module: Module

    def record(self) -> dict[str, str]:
        """Return what scores name it by."""
        fingerprint, digest = self.run.record.fingerprint, digest_of_run(self.run)
        return {"path": str(self.run.path.resolve()), "fingerprint": fingerprint, "digest": digest}


def find_language_adapters(run: Run, named: Mapping[str, str | Path]) -> dict[str, LanguageAdapter]:
    """Return the adapters that `named` gives by language, sorted, each fit to stand in for the lowest module of `run`.

    Raises UserError where nothing stands below the run's own module, where the lowest was not trained on text, and
    for what is no single module of the same method, trained by masked LM on the same base. It is said where an adapter
    was trained on other languages than the one that it is named for.
    """
    if not named:
        return {}
    _must_stand_on_one(run)
    return {language: _adapter_for(run, language, named[language]) for language in sorted(named)}


def must_read(declared: Sequence[Task], adapters: Mapping[str, LanguageAdapter]) -> None:
    """Raise UserError for a language that no task has, and for a task whose texts' languages are not known."""
    if not adapters:
        return
    unclear = [task.name for task in declared if task.format in _TWO_LANGUAGES and task.files]
    if unclear:
        raise UserError(
            f"task {unclear[0]} is of your own and has texts in two languages; which the second one is, nothing says",
            fix="leave --language-adapter out",
        )
    known = {language for task in declared for language in task.configs}
    known |= {PIVOT for task in declared if task.format in _TWO_LANGUAGES}
    strange = [language for language in adapters if language not in known]
    if strange:
        raise UserError(
            f"--language-adapter {strange[0]}: no task asked for has texts in it",
            fix=f"known: {' '.join(sorted(known))}",
        )


def language_of(rows: Rows) -> str:
    """Return the language that texts are in: the rows' own, of mining's English side English."""
    is_target = rows.task.format == "mining" and set(rows.table["side"]) == {TARGET}
    return PIVOT if is_target else rows.language


def _must_stand_on_one(run: Run) -> None:
    """Refuse a run without a language adapter at its bottom; where that cannot be looked up any more, say so."""
    if len(run.modules) < 2:
        what = "has an encoder of its own" if run.method == "full" else "has one module and nothing below it"
        raise UserError(
            f"{run.path} {what}: there is no language adapter to swap",
            fix="train above one: adapterstilts train-target --task TASK --from LANGUAGE_ADAPTER --on-top --out DIR",
        )
    lowest = _origin(run, run.modules[0])
    if lowest is None:
        log_once(f"evaluate: which run the lowest module of {run.path} is from cannot be looked up any more")
    elif not _learned_from_text(lowest):
        raise UserError(
            f"the lowest module of {run.path} is no language adapter",
            where=f"it is from {lowest.path} ({lowest.phase}: {', '.join(lowest.record.config['tasks'])})",
            fix="train the task above a run of continue-mlm (--from LANGUAGE_ADAPTER --on-top)",
        )


def _origin(run: Run, module: Module) -> Run | None:
    """Return the run that made a module, by its files: `run` or one before it; None where it is not to be found."""
    for parent in run.record.parents:
        try:
            before = read_run(parent.path)
        except UserError:  # gone, or a folder that is no run
            continue
        if any(_digest(one) == _digest(module) for one in before.modules):
            return _origin(before, module)
    made_here = run.phase != "stack" and _digest(run.modules[-1]) == _digest(module)
    return run if made_here else None


def _learned_from_text(run: Run) -> bool:
    """Whether a run, or all that it was composed of, was trained by masked LM alone."""
    return all(name in tasks.names() and is_text(tasks.get(name)) for name in run.record.config["tasks"])


def _digest(module: Module) -> str:
    return digest_of([file for file in sorted(module.folder.glob("*")) if file.is_file() and file.name[0] != "."])


def _adapter_for(run: Run, language: str, named: str | Path) -> LanguageAdapter:
    other, lowest = read_run(named), run.modules[0]
    label = f"--language-adapter {language}={named}"
    if other.phase != "mlm":
        raise UserError(
            f"{label} was not trained on text but is a run of the phase {other.phase}",
            fix=f"train one: adapterstilts continue-mlm --method {lowest.method} --languages {language} --out DIR",
        )
    if other.record.base.fingerprint != run.record.base.fingerprint:
        one, two = other.record.base, run.record.base
        raise UserError(
            f"{label} stands on another base than {run.path}",
            where=f"{one.name} ({one.fingerprint}); {two.name} ({two.fingerprint})",
            fix=f"train it on that base: adapterstilts continue-mlm --base {two.name} --languages {language} --out DIR",
        )
    if [module.method for module in other.modules] != [lowest.method]:
        there = " above ".join(reversed([module.method for module in other.modules])) or other.method
        raise UserError(
            f"{label} is no single {lowest.method}, which the lowest module of {run.path} is",
            where=f"it is: {there}",
            fix=f"train one: adapterstilts continue-mlm --method {lowest.method} --languages {language} --out DIR",
        )
    if other.record.config["method"].get("variant") == "parallel":  # adapters would leave out one of two in silence
        raise UserError(
            f"{label} is a parallel bottleneck, which cannot stand below another one",
            fix="train a pfeiffer or houlsby bottleneck",
        )
    read = sorted({str(rows["language"]) for rows in other.record.data.values()})
    if language not in read:
        log_once(f"evaluate: the language adapter for {language} was trained on {' '.join(read)}: {named}")
    return LanguageAdapter(other, other.modules[0])
