"""What a step leaves in its folder, beside its run: a record once it is done, a note of its failure, a log.

step.json     what was done, what it cost, what was found out; written last: without it the step is not done
failed.json   why it failed, and how often
log.txt       all that it said, every attempt one after the other
run/          its run folder, where it has one
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapterstilts.experiment.step import Step, folder_of
from adapterstilts.store.atomic import write_json
from adapterstilts.store.manifest import Damaged

SCHEMA = 1
STEP, FAILED, LOG, RUN = "step.json", "failed.json", "log.txt", "run"


@dataclass(frozen=True)
class Cost:
    """What a step took: seconds, the most memory in use and what it left on disk in bytes, and on which device.

    `resumed`: an earlier attempt had begun it, so that the seconds are those of the last one alone.
    """

    seconds: float
    peak_memory_bytes: int
    bytes: int
    device: str
    resumed: bool = False


@dataclass(frozen=True)
class Done:
    """The content of step.json. Paths in `facts` are from the study's folder, so that this can be moved."""

    id: str
    kind: str
    version: int
    label: str
    settings: Mapping[str, Any]
    parents: Mapping[str, list[str]]
    cost: Cost
    facts: Mapping[str, Any]

    def run(self, study: Path) -> Path | None:
        """Return the run folder that it leads to; None where it leads to none."""
        return study / self.facts["run"] if self.facts.get("run") else None


@dataclass(frozen=True)
class Failure:
    """The content of failed.json: the error's first line, all of it, and how often the step was tried."""

    error: str
    text: str
    attempts: int


def record_of(step: Step, cost: Cost, facts: Mapping[str, Any]) -> Done:
    """Return the record of a step that has just been done."""
    parents = {part: list(ids) for part, ids in step.parents.items()}
    return Done(step.id, step.kind, step.version, step.label, step.settings, parents, cost, facts)


def write_done(study: Path, done: Done) -> None:
    """Write step.json, and drop what an earlier attempt's failure left."""
    folder = folder_of(study, done.id)
    write_json(folder / STEP, as_json(done))
    (folder / FAILED).unlink(missing_ok=True)


def as_json(done: Done) -> dict[str, Any]:
    """Return a record as step.json and the history hold it."""
    return {"schema_version": SCHEMA, **dataclasses.asdict(done)}


def read_done(study: Path, identity: str) -> Done | None:
    """Return the record of a step that is done, None of one that is not.

    Raises Damaged, with the reason, where step.json cannot be read, is another step's, or the run it leads to is gone.
    """
    try:
        text = study.joinpath("steps", identity, STEP).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(f"its {STEP} cannot be read ({error.strerror})") from None
    done = parse(text)
    if done.id != identity:
        raise Damaged(f"its {STEP} is of another step ({done.id})")
    run = done.run(study)
    if run is not None and not run.is_dir():
        raise Damaged(f"the run that it led to is gone ({done.facts['run']})")
    return done


def parse(text: bytes) -> Done:
    """Return the record that JSON holds; raise Damaged, with the reason, where it holds none."""
    try:
        raw = json.loads(text)
        if raw["schema_version"] > SCHEMA:
            raise Damaged(f"its {STEP} was written by a newer adapterstilts: update with pip install -U adapterstilts")
        cost = Cost(**{key: raw["cost"][key] for key in Cost.__dataclass_fields__})
        done = Done(**{key: raw[key] for key in Done.__dataclass_fields__ if key != "cost"}, cost=cost)
        if not all(isinstance(one, dict) for one in (done.settings, done.parents, done.facts)):
            raise TypeError("its parts are not what they should be")
        float(cost.seconds + cost.bytes + cost.peak_memory_bytes)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"its {STEP} cannot be read ({type(error).__name__}: {error})") from None
    return done


def write_failure(study: Path, identity: str, text: str, error: str = "") -> Failure:
    """Write failed.json, counting the attempt; `error`: one line that says why, None given: the first of `text`."""
    before = read_failure(study, identity)
    lines = [line.strip() for line in (error or text).splitlines() if line.strip()]
    failure = Failure(lines[0] if lines else "it gave no reason", text, before.attempts + 1 if before else 1)
    write_json(folder_of(study, identity) / FAILED, {"schema_version": SCHEMA, **dataclasses.asdict(failure)})
    return failure


def read_failure(study: Path, identity: str) -> Failure | None:
    """Return why a step has failed; None if it has not. One whose note cannot be read has failed all the same."""
    file = folder_of(study, identity) / FAILED
    try:
        raw = json.loads(file.read_bytes())
        return Failure(str(raw["error"]), str(raw["text"]), int(raw["attempts"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Failure(f"it has failed, and its {FAILED} cannot be read ({error})", "", 1)
