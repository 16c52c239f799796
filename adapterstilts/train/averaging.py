"""The mean of a run's weights at its looks, kept in place of the best look's (Schmidt et al. 2023, arXiv 2305.16834).

The sum is kept in float64 on the CPU, one copy whatever the number of looks: fp32 weights add up in it without
rounding, and the mean is rounded once, when it is put in place.
"""

from __future__ import annotations

import math

import torch

from adapterstilts.train.member import Member


def include(member: Member) -> None:
    """Add the present weights to the sum, if this look is one of those that the run averages."""
    wanted, looks = member.settings.average, math.ceil(member.total_steps / member.look_every)
    number = math.ceil(member.progress.step / member.look_every)
    if wanted is None or (wanted != "all" and number <= looks - wanted):
        return
    member.progress.averaged += 1
    for key, tensor in member.weights().items():
        total = member.total.setdefault(key, torch.zeros_like(tensor, dtype=torch.float64))
        total += tensor


def put_in_place(member: Member) -> None:
    """Put the mean in the place of the last look's weights, heads included."""
    looks = member.progress.averaged
    member.set_weights({key: torch.div(tensor, looks) for key, tensor in member.total.items()})
