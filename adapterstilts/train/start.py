"""What a run starts from, and what that means: what is frozen, what is trained, what is saved.

no --from                 a fresh module on the base
--from X, same method     X's module is trained on (STILTs' sequential transfer)
--from X, method full     X merged into its base in fp32, then every weight is trained
--from X --on-top         X frozen, a fresh module above it (X must be a `full` run here)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapterstilts.base import BaseFiles, find_base, load_encoder
from adapterstilts.config.resolve import differences
from adapterstilts.config.schema import MethodSettings
from adapterstilts.errors import UserError
from adapterstilts.evaluation.load import encoder_files
from adapterstilts.methods import methods
from adapterstilts.store.run import Run, read_run

if TYPE_CHECKING:
    from torch import nn

DEFAULT_BASE = "FacebookAI/xlm-roberta-large"


@dataclass(frozen=True)
class Start:
    """Where a run starts: the run before it, if there is one, and what happens to that run."""

    method: str
    run: Run | None = None
    on_top: bool = False

    @property
    def continues(self) -> bool:
        """Whether the module of the run before is trained on."""
        return self.run is not None and self.run.method == self.method and not self.on_top

    def settings(self) -> dict[str, object]:
        """Return the method settings that a continued module brings along."""
        return dict(self.run.record.config["method"]) if self.run and self.continues else {}

    def find_base(self, name: str | None) -> BaseFiles:
        """Return the base under the module: `name`, or what the run before stands on, else XLM-R Large."""
        return encoder_files(self.run, name) if self.run else find_base(name or DEFAULT_BASE)

    def encoder(self, base: BaseFiles, settings: MethodSettings, name: str) -> nn.Module:
        """Return the encoder with its module, ready to be trained."""
        method = methods.get(self.method)
        if self.run is None:
            return method.attach(load_encoder(base), settings, name)
        before = methods.get(self.run.method)
        encoder = before.restore(base, self.run.path, name)
        if self.continues:
            for parameter in method.parameters(encoder, name).values():
                parameter.requires_grad_(True)
            return encoder
        return method.attach(before.merge_into_base(encoder), settings, name)

    def sentence(self) -> str:
        """Say what is frozen, what is trained and what is saved."""
        if self.method == "full":
            merged = f"{self.run.path} merged into its base, then " if self.run and self.run.method != "full" else ""
            return f"frozen: nothing; trained: {merged}every weight and the heads; saved: encoder/, heads/"
        if self.run is None:
            return f"frozen: the base; trained: a fresh {self.method} and the heads; saved: adapter/, heads/"
        if self.continues:
            what = f"the {self.method} of {self.run.path}, trained on, and fresh heads"
            return f"frozen: the base; trained: {what}; saved: adapter/, heads/"
        return (
            f"frozen: {self.run.path}; trained: a fresh {self.method} above it and the heads; saved: adapter/, heads/"
        )


def find_start(method: str, run_folder: str | None, on_top: bool) -> Start:
    """Work out the start from what was asked for; a UserError says why a combination has no meaning."""
    methods.get(method)
    if run_folder is None:
        if on_top:
            raise UserError("--on-top needs a run to be on top of", fix="add --from RUN")
        return Start(method)
    run = read_run(run_folder)
    if on_top and run.method != "full":
        raise UserError(
            f"--on-top of a {run.method} run is not there yet ({run_folder})",
            fix="leave --on-top out to train its module on, or start from a full run",
        )
    if not on_top and run.method != method and method != "full":
        raise UserError(
            f"{run_folder} was trained by {run.method}, and --method is {method}",
            fix=f"use --method {run.method} to train it on, or --on-top for a fresh {method} above it",
        )
    return Start(method, run, on_top)


def must_fit(start: Start, settings: MethodSettings) -> None:
    """Refuse settings that would change the shape of a module that is trained on."""
    if not start.continues:
        return
    changed = [
        line for line in differences(start.settings(), settings.model_dump(mode="json")) if "dropout" not in line
    ]
    if changed:
        raise UserError(
            f"--from {start.run.path if start.run else ''} goes on training a module of another shape",
            where="; ".join(f"method.{line}" for line in changed),
            fix="leave these settings out",
        )
