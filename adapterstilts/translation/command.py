"""`translate`: a task's rows in other languages, as a mirror that the same task reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.config.resolve import read_settings
from adapterstilts.config.schema import TranslationSettings
from adapterstilts.console import log
from adapterstilts.data.own import find_task
from adapterstilts.data.rows import Rows
from adapterstilts.data.source import NoSuchRows, load_marked
from adapterstilts.data.translated import read_note
from adapterstilts.errors import UserError
from adapterstilts.formats import Columns
from adapterstilts.interrupt import StopRequest, listening
from adapterstilts.mini.embedded import MINI, mirror_folder, usual_mirror
from adapterstilts.model import choose_runtime
from adapterstilts.store.atomic import remove_leftovers, write_json
from adapterstilts.store.places import inside, locked
from adapterstilts.tasks import Split, Task
from adapterstilts.translation import Translator
from adapterstilts.translation.journal import Journal
from adapterstilts.translation.mirror import file_of, write_note, write_split
from adapterstilts.translation.rows import (
    Bounds,
    Told,
    Translated,
    columns_of,
    must_be_translatable,
    sentences_in,
    sentences_to_mark,
    texts_in,
    translate_rows,
)
from adapterstilts.translation.seq2seq import Seq2Seq, find_model

JOURNALS = ".translations"  # in the mirror: what has been translated, sentence by sentence


@dataclass(frozen=True)
class Work:
    """What is to be done: rows of a task by split, a translator, perhaps one that translates back, and how."""

    task: Task
    out: Path
    translator: Translator
    back: Translator | None
    settings: TranslationSettings
    rows: Mapping[Split, tuple[Rows, Columns]]

    @property
    def repository(self) -> Path:
        """The task's repository in the new mirror."""
        return self.out / self.task.repo


def translate(
    task: str,
    *,
    to: Sequence[str],
    model: str,
    out: str | Path,
    splits: Sequence[Split] = ("train", "dev"),
    limit: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a task's English rows and their translations as a mirror into the folder `out`; return the report.

    `to`: language codes that the task does not have. `model`: a Hub id or folder of an M2M100, NLLB or OPUS-MT model,
    or `mini`, which knows the embedded world. `limit`: the first rows of each split; None means all. `settings`: see
    `TranslationSettings`. Further languages and tasks may be written into the same folder. The report, also written
    as report.json, counts by language and split the rows that were left out, and why. What is translated is kept
    sentence by sentence: the same call goes on where it stopped and ends with the same files. Raises UserError for bad
    input, Interrupted after a signal.
    """
    wanted = read_settings(TranslationSettings, settings or {})
    declared = find_task(task)
    must_be_translatable(declared)
    _must_be_new(declared, to)
    translator = _translator(model, wanted)
    back = _translator(wanted.back_translate, wanted) if wanted.back_translate else None
    for language in to:
        translator.check(declared.train_language, language)
        if back:
            back.check(language, declared.train_language)
    mirror = None if declared.files else mirror_folder(wanted.resources.mirror or usual_mirror(model, None))
    rows = _load(declared, splits, mirror, limit)
    work = Work(declared, Path(out), translator, back, wanted, rows)
    with locked(work.out), listening() as stop:
        remove_leftovers(work.out)
        _must_go_with(work, to)
        _write_source(work)
        report = {language: _language(work, language, stop) for language in to}
        return _write_report(work, report)


def _must_be_new(task: Task, to: Sequence[str]) -> None:
    if not to:
        raise UserError("no language to translate into", fix="give --to with codes, such as --to de,sw")
    for language in to:
        inside(Path(), language)
        if language in task.configs:
            raise UserError(
                f"task {task.name} has {language!r} itself",
                fix=f"choose languages that it lacks; it has: {', '.join(task.languages)}",
            )
    if len(set(to)) < len(to):
        raise UserError(f"a language is named twice: {', '.join(to)}", fix="name each one once")


def _translator(model: str, settings: TranslationSettings) -> Translator:
    if model == MINI:
        from adapterstilts.mini.translator import MiniTranslator

        return MiniTranslator()
    runtime = choose_runtime(settings.resources, settings.precision)
    return Seq2Seq(model, find_model(model), runtime, settings.beams, settings.batch_tokens)


def _load(
    task: Task, splits: Sequence[Split], mirror: str | None, limit: int | None
) -> dict[Split, tuple[Rows, Columns]]:
    """Return the rows of each split and their columns; dev rows that are a share of the train rows come with those."""
    found: dict[Split, tuple[Rows, Columns]] = {}
    for split in splits:
        if split == "dev" and task.held_out:
            log(f"{task.name}: its dev rows are a share of its train rows, and come with those")
            continue
        rows = load_marked(task, split, mirror).pick(limit, None)
        found[split] = (rows, columns_of(rows))
    if not found:
        raise NoSuchRows(f"task {task.name}: no rows to translate in {', '.join(splits)}", fix="use --split train")
    return found


def _write_source(work: Work) -> None:
    """Write the rows that are translated into the mirror as they are, unless their shape on the Hub is another one."""
    joined = any("+" in name for name in work.task.splits.values())
    if work.task.reshape or work.task.files or joined:
        log(f"{work.task.name}: its own rows stay where they are; the mirror holds translations alone")
        return
    config = work.task.config(work.task.train_language)
    for split, (rows, columns) in work.rows.items():
        write_split(file_of(work.repository, config, work.task, split), rows, columns)


def _language(work: Work, to: str, stop: StopRequest) -> dict[str, Any]:
    """Translate all splits into one language and write them; return what is reported of them."""
    told = _told(work, to, stop)
    bounds, keep = Bounds(work.settings.ratio, work.settings.back), work.settings.flagged == "keep"
    done = {split: translate_rows(rows, columns, told, bounds, keep) for split, (rows, columns) in work.rows.items()}
    config = f"{work.task.config(work.task.train_language)}.{to}"
    for split, one in done.items():
        if not one.flags:
            raise UserError(
                f"of {one.rows} {split} rows of {work.task.name} none is left in {to!r}",
                where=", ".join(f"{reason}: {count}" for reason, count in sorted(one.reasons.items())),
                fix="look at what was translated (--flagged keep), or use another --model",
            )
        file = file_of(work.repository, config, work.task, split)
        write_split(file, work.rows[split][0], one.columns, one.flags if keep else None)
    counts: dict[str, Any] = {split: _counts(one) for split, one in done.items()}
    write_note(work.repository, work.task, {to: _note(work, to, config, counts)})
    return counts


def _told(work: Work, to: str, stop: StopRequest) -> Told:
    """Return every sentence of the rows in a language: all, then those with marks around lost answers, then back."""
    source, folder = work.task.train_language, work.out / JOURNALS
    journal = Journal(folder, work.translator, source, to)
    texts = list(dict.fromkeys(text for rows, columns in work.rows.values() for text in texts_in(rows, columns)))
    told = Told(to, journal.translate(sentences_in(texts), stop))
    marks = [one for _, columns in work.rows.values() for one in sentences_to_mark(columns, told)]
    told = Told(to, {**told.known, **journal.translate(marks, stop)})
    if work.back:
        again = sentences_in([one for one in map(told.say, texts) if one])
        told = Told(to, told.known, Journal(folder, work.back, to, source).translate(again, stop))
    return told


def _must_go_with(work: Work, to: Sequence[str]) -> None:
    """Raise UserError where the folder holds the task in one of these languages already, by another translator."""
    there = read_note(work.repository).get(work.task.name, {})
    how = _how(work)
    for language in to:
        if language in there and {key: there[language].get(key) for key in how} != how:
            raise UserError(
                f"{work.out} holds {work.task.name} in {language!r} already, translated in another way",
                where=f"by {there[language].get('by', {}).get('model')}",
                fix="choose another --out, or repeat the command that wrote it",
            )


def _how(work: Work) -> dict[str, Any]:
    """Return what decides a translation beside the rows: who translates, who checks, and how strictly."""
    return {
        "from": work.task.train_language,
        "by": dict(work.translator.identity()),
        "back": dict(work.back.identity()) if work.back else None,
        "checks": work.settings.model_dump(mode="json", include={"ratio", "back", "flagged"}),
    }


def _counts(one: Translated) -> dict[str, Any]:
    more = {} if one.likeness is None else {"likeness": one.likeness}
    return {"rows": one.rows, "written": len(one.flags), "reasons": dict(sorted(one.reasons.items())), **more}


def _note(work: Work, to: str, config: str, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a language: where its rows are, how they were translated, from which rows, by split."""
    there = read_note(work.repository).get(work.task.name, {}).get(to, {})
    splits = {split: {"source": rows.origin(), **counts[split]} for split, (rows, _) in work.rows.items()}
    return {"config": config, **_how(work), "splits": {**there.get("splits", {}), **splits}}


def _write_report(work: Work, languages: Mapping[str, Any]) -> dict[str, Any]:
    report = {"task": work.task.name, "by": dict(work.translator.identity()), "languages": dict(languages)}
    write_json(inside(work.out, f"report-{work.task.name}.json"), report)
    return report
