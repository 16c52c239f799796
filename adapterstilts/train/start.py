"""What a run starts from, and what that means: what is frozen, what is trained, what is saved.

no --from                 a fresh module on the base
--from X, same method     X's module is trained on (STILTs' sequential transfer); what lies below it stays frozen
--from X, method full     X merged into its base in fp32, then every weight is trained
--from X --on-top         X frozen, a fresh module above it
--from STACK              all its members frozen, a fresh module above them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapterstilts.base import BaseFiles, find_base, load_encoder
from adapterstilts.config.resolve import differences
from adapterstilts.config.schema import MethodSettings
from adapterstilts.errors import UserError
from adapterstilts.evaluation.load import encoder_files
from adapterstilts.methods import fusions, methods
from adapterstilts.methods._stack import must_stack, restore_all
from adapterstilts.store.run import Module, Parent, Run, read_run

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

    @property
    def below(self) -> Sequence[Module]:
        """The saved modules that stay frozen under the trained one."""
        if self.run is None or self.method == "full":
            return ()
        return self.run.modules[:-1] if self.continues else self.run.modules

    @property
    def before(self) -> list[Run]:
        """The run before, if there is one."""
        return [self.run] if self.run else []

    @property
    def parents(self) -> list[Parent]:
        """The same, as a record names it."""
        return [Parent(path=str(run.path.resolve()), fingerprint=run.record.fingerprint) for run in self.before]

    def owner_of(self, head: str | None) -> Run | None:
        """Return the run that a head may be taken from: the one before."""
        return self.run

    def settings(self) -> dict[str, object]:
        """Return the method settings that a continued module brings along."""
        return dict(self.run.record.config["method"]) if self.run and self.continues else {}

    def find_base(self, name: str | None) -> BaseFiles:
        """Return the base under the module: `name`, or what the run before stands on, else XLM-R Large."""
        return encoder_files(self.run, name) if self.run else find_base(name or DEFAULT_BASE)

    def encoder(self, base: BaseFiles, settings: MethodSettings, name: str) -> tuple[nn.Module, list[str]]:
        """Return the encoder with its module, ready to be trained, and the names of those that stay below it."""
        method = methods.get(self.method)
        if self.method == "full":
            modules = self.run.modules if self.run else []
            return method.attach(restore_all(load_encoder(base), modules, "full")[0], settings, name), []
        encoder, names = restore_all(load_encoder(base), self.below, self.method)
        if self.continues and self.run:
            encoder = method.restore(encoder, self.run.modules[-1].folder, name)
            method.activate(encoder, [*names, name])
            method.unfreeze(encoder, settings, name)
        else:
            encoder = method.attach(encoder, settings, name)
            method.activate(encoder, [*names, name])
        return encoder, names

    def sentence(self, heads: str) -> str:
        """Say what is frozen, what is trained (with `heads`, fresh or not) and what is saved."""
        if self.method == "full":
            merged = f"{self.run.path} merged into its base, then " if self.run and self.run.modules else ""
            return f"frozen: nothing; trained: {merged}every weight and {heads}; saved: encoder/, heads/"
        if self.run is None:
            return f"frozen: the base; trained: a fresh {self.method} and {heads}; saved: adapter/, heads/"
        kept = f"the {len(self.below)} modules below it" if len(self.below) > 1 else "the module below it"
        if self.continues:
            frozen = f"the base and {kept}" if self.below else "the base"
            what = f"the {self.method} of {self.run.path}, trained on, and {heads}"
        else:
            frozen, what = f"all of {self.run.path}", f"a fresh {self.method} above it and {heads}"
        saved = f"adapter/ (with copies of {kept})" if self.below else "adapter/"
        return f"frozen: {frozen}; trained: {what}; saved: {saved}, heads/"


def find_start(method: str, run_folder: str | None, on_top: bool) -> Start:
    """Work out the start from what was asked for; a UserError says why a combination has no meaning."""
    methods.get(method)
    if run_folder is None:
        if on_top:
            raise UserError("--on-top needs a run to be on top of", fix="add --from RUN")
        return Start(method)
    run = read_run(run_folder)
    if run.phase == "base":
        raise UserError(f"{run_folder} holds scores of an untrained base", fix=f"use --base {run.record.base.name}")
    if run.method in fusions.names():
        raise UserError(
            f"{run_folder} is several bottlenecks under trained attention, and nothing can be trained above it yet",
            fix=f"fuse its members for the other task, or start from one: {run.record.parents[0].path}",
        )
    if on_top and method == "full":
        raise UserError(
            "full fine-tuning trains every weight, so nothing stays frozen below it",
            fix="leave --on-top out: the modules are merged into the base and all of it is trained",
        )
    above = on_top or (run.phase == "stack" and method != "full")
    if not above and run.method != method and method != "full":
        raise UserError(
            f"{run_folder} was trained by {run.method}, and --method is {method}",
            fix=f"use --method {run.method} to train it on, or --on-top for a fresh {method} above it",
        )
    start = Start(method, run, above)
    must_stack([module.method for module in run.modules], None if start.continues else method)
    return start


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
