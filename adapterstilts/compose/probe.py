"""The probe of a composition: the base with the change added to its weights computes what it does with the adapter.

All other checks look at files. This one loads them as a training or an evaluation will, through peft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adapterstilts.base import BaseFiles, find_base, load_encoder, positions
from adapterstilts.compose.certificate import check
from adapterstilts.compose.request import Request
from adapterstilts.compose.updates import Updates
from adapterstilts.errors import UserError
from adapterstilts.methods._stack import restore_all
from adapterstilts.store.run import Module

if TYPE_CHECKING:
    from torch import Tensor, nn

ALLOWED = 2e-5  # of the states' norm; the two ways differ by fp32's rounding, 24 layers of it
_TEXTS, _TOKENS = 4, 16
_SEED = 0


@dataclass(frozen=True)
class Probe:
    """What a certificate says of the probe, and the figure of its check where it was made."""

    said: Mapping[str, Any]
    checks: Mapping[str, Any] = field(default_factory=dict)


def probe(request: Request, modules: Sequence[Module], changes: Updates) -> Probe:
    """Compare hidden states: of the base with `changes` added to its weights, and of the base with saved `modules`.

    Both in fp32, on a few drawn tokens. Made where the base is on this machine, unless `request` says. Raises
    UserError for states that differ, for a change that does not fit the base, and where a probe that must be made
    cannot be.
    """
    if request.probe is False:
        return not_probed(request, "it was switched off")
    base = _at_hand(request)
    if not base:
        return not_probed(request, f"the base {request.base.name} is not on this machine")
    figure = _difference(base, modules, changes)
    if not figure <= ALLOWED:
        raise UserError(
            f"with the saved adapter the base's hidden states are {figure:.3g} away from those with the change added "
            f"to its weights, allowed: {ALLOWED:.0e}",
            fix="with weights this large fp32 is not enough; else report it, with the versions of peft and torch",
        )
    what = (
        f"the base with the change added to its weights computes the same states, on {_TEXTS} x {_TOKENS} drawn tokens"
    )
    return Probe({"done": True, "what": what}, {"probe": check({"states": figure}, ALLOWED)})


def not_probed(request: Request, why: str) -> Probe:
    """Say why there is no probe; raise UserError where there must be one."""
    if request.probe:
        raise UserError(f"there can be no probe: {why}", fix="leave --probe out")
    return Probe({"done": False, "what": why})


def _at_hand(request: Request) -> BaseFiles | None:
    """Return the base where this machine has the very one."""
    try:
        found = find_base(request.base.name, online=False)
    except UserError:
        return None
    return found if found.fingerprint == request.base.fingerprint else None


def _difference(base: BaseFiles, modules: Sequence[Module], changes: Updates) -> float:
    """Return how far the states of the two ways lie apart, relative to their norm."""
    import torch

    encoder = load_encoder(base)
    _must_fit(encoder, base, changes)
    with torch.random.fork_rng(devices=[]):  # peft draws first weights before it reads the saved ones
        adapted: Any = restore_all(encoder, modules)[0]
    found = _states(adapted, base)
    encoder = adapted.unload()
    with torch.no_grad():
        for layer, update in changes.items():
            weight: Any = encoder.get_submodule(layer).weight
            weight += torch.from_numpy(update.left @ update.right).to(weight.dtype)
    wanted = _states(encoder, base)
    return float((found - wanted).norm() / wanted.norm())


def _states(encoder: nn.Module, base: BaseFiles) -> Tensor:
    """Return the last hidden states of the probe's tokens; one text is half padding."""
    import torch

    config: Any = encoder.config
    draw = torch.Generator().manual_seed(_SEED)
    length = min(_TOKENS, positions(base))
    tokens = torch.randint(0, config.vocab_size, (_TEXTS, length), generator=draw)
    mask = torch.ones_like(tokens)
    mask[-1, length // 2 :] = 0
    tokens[mask == 0] = config.pad_token_id
    with torch.inference_mode():
        states: Tensor = encoder.eval()(input_ids=tokens, attention_mask=mask).last_hidden_state
    return states[mask == 1]


def _must_fit(encoder: nn.Module, base: BaseFiles, changes: Updates) -> None:
    shapes = {name.removesuffix(".weight"): tuple(weight.shape) for name, weight in encoder.named_parameters()}
    for layer, update in changes.items():
        if shapes.get(layer) != update.shape:
            has = "none of that name" if layer not in shapes else "one of {} x {}".format(*shapes[layer])
            raise UserError(
                f"layer {layer}: the members change a weight of {update.shape[0]} x {update.shape[1]}, but the base "
                f"{base.name} has {has}",
                fix="give the base that they were trained on: --base ID|DIR",
            )
