"""`score`: predictions in XTREME's layout beside labels in the same layout; per language, per task, over all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapterstilts.errors import UserError, nearest
from adapterstilts.evaluation.benchmarks import BENCHMARKS, Averages, Benchmark, benchmark_average
from adapterstilts.evaluation.submission.kinds import KINDS, Kind, listed
from adapterstilts.metrics import Scores, metrics


@dataclass(frozen=True)
class Submission:
    """The scores of a submission by task and language, their averages, and what was left out."""

    benchmark: str
    scores: Mapping[str, Mapping[str, Scores]]
    averages: Averages
    notes: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values; a task's `score` is the number that groups and the overall one average."""
        tasks = {
            task: {"score": self.averages.main[task], "average": self.averages.tasks[task], "languages": languages}
            for task, languages in self.scores.items()
        }
        overall, groups = self.averages.overall, self.averages.groups
        return {"benchmark": self.benchmark, "overall": overall, "groups": groups, "tasks": tasks, "notes": self.notes}


def score(
    predictions: str | Path,
    *,
    labels: str | Path,
    benchmark: str = "xtreme",
    tasks: Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
) -> Submission:
    """Score the folder `predictions` by the folder `labels`, both in XTREME's layout; percentages.

    `benchmark`: xtreme or xtreme-r. `tasks`: official names; None means all that have a folder of predictions.
    `languages`: None means all of each task; over fewer there are means, but neither groups nor the overall number.
    Raises one UserError that names every problem: a missing file or language, predictions that are missing, repeated
    or too many, sentences with another number of tags. (XTREME's own program passes over some of these in silence.)
    """
    if benchmark not in BENCHMARKS:
        raise UserError(f"unknown benchmark {benchmark!r}", fix=nearest(benchmark, BENCHMARKS))
    wanted = _narrowed(BENCHMARKS[benchmark], languages)
    given, right = _folder(predictions), _folder(labels)
    chosen = _chosen(given, wanted, tasks)
    problems: list[str] = []
    scores = {task: _score_task(task, wanted.languages[task], given / task, right / task, problems) for task in chosen}
    if problems:
        fix = "mend these files, or choose others by --task or --languages"
        raise UserError(f"{given} cannot be scored", where="\n  ".join(problems), fix=fix)
    averages, notes = benchmark_average(scores, wanted), _notes(given, chosen)
    if languages:
        averages = replace(averages, overall=None)
        notes.append(f"means over {' '.join(languages)} alone, which are not those of {benchmark}")
    return Submission(benchmark, scores, averages, notes)


def _narrowed(benchmark: Benchmark, languages: Sequence[str] | None) -> Benchmark:
    """Return the benchmark in these languages alone, without its groups."""
    if not languages:
        return benchmark
    known = {code for codes in benchmark.languages.values() for code in codes}
    for language in languages:
        if language not in known:
            raise UserError(f"{benchmark.name} has no language {language!r}", fix=nearest(language, known))
    fewer = {task: tuple(code for code in codes if code in languages) for task, codes in benchmark.languages.items()}
    return replace(benchmark, languages=fewer, groups={})


def _folder(path: str | Path) -> Path:
    if not Path(path).is_dir():
        raise UserError(f"there is no folder {path}", fix="give a folder that holds a folder a task, as XTREME's do")
    return Path(path)


def _chosen(given: Path, benchmark: Benchmark, tasks: Sequence[str] | None) -> list[str]:
    """Return the tasks to score, in the benchmark's order."""
    able = [task for task, languages in benchmark.languages.items() if languages and task in KINDS]
    for task in tasks or ():
        if task not in able:
            raise UserError(f"{benchmark.name} has no task {task!r} that is scored here", fix=nearest(task, able))
    chosen = [task for task in able if (task in tasks if tasks else (given / task).is_dir())]
    if not chosen:
        raise UserError(
            f"{given} holds no folder of a task of {benchmark.name}", fix=f"its tasks' folders: {', '.join(able)}"
        )
    return chosen


def _notes(given: Path, chosen: Sequence[str]) -> list[str]:
    other = sorted(path.name for path in given.iterdir() if path.is_dir() and path.name not in chosen)
    return [f"left out: {', '.join(other)}"] if other else []


def _score_task(
    task: str, languages: Sequence[str], given: Path, right: Path, problems: list[str]
) -> dict[str, Scores]:
    """Score one task in all languages; what is wrong with its files is added to `problems`."""
    kind, scores = KINDS[task], {}
    for folder in (given, right):
        absent = [language for language in languages if not _file(folder, language, kind).is_file()]
        if absent:
            problems.append(f"{folder}: no test-LANGUAGE.{kind.suffix} for {' '.join(absent)}")
    for language in languages:
        files = _file(given, language, kind), _file(right, language, kind)
        if all(file.is_file() for file in files):
            try:
                gold, found = _matched(*files, kind)
                scores[language] = {**metrics.get(kind.metric).of(language)(gold, found), "n": len(gold)}
            except ValueError as problem:
                problems.append(str(problem))
    return scores


def _file(folder: Path, language: str, kind: Kind) -> Path:
    return folder / f"test-{language}.{kind.suffix}"


def _matched(given: Path, right: Path, kind: Kind) -> tuple[list[Any], list[Any]]:
    """Return gold and predictions in the labels' order; ValueError where one has no partner."""
    found, gold = _read(given, kind.read), _read(right, kind.read_gold)
    if not kind.whole:
        keys = {**gold, **found}
        return [gold.get(key, []) for key in keys], [found.get(key, []) for key in keys]
    if problems := list(_unmatched(found, gold)):
        raise ValueError(f"{given}: {'; '.join(problems)}")
    return list(gold.values()), [found[key] for key in gold]


def _read(file: Path, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    try:
        return read(file)
    except ValueError as problem:
        raise ValueError(f"{file}: {problem}") from None


def _unmatched(found: Mapping[str, Any], gold: Mapping[str, Any]) -> Iterator[str]:
    """Say what keeps predictions from standing beside the gold."""
    if missing := [key for key in gold if key not in found]:
        yield f"{len(found)} predictions for {len(gold)} labels, missing: {listed(missing)}"
    if other := [key for key in found if key not in gold]:
        yield f"{len(found)} predictions for {len(gold)} labels, without a label: {listed(other)}"
    both = [key for key in gold if isinstance(gold[key], list) and isinstance(found.get(key), list)]
    if uneven := [key for key in both if len(gold[key]) != len(found[key])]:
        yield f"another number of tags than the labels in sentence {listed(uneven)}"
