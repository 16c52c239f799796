"""Merging whole encoders that full fine-tuning has left: their changes of the base, tensor by tensor.

Files are read and written some rows at a time, in pieces of four million numbers, so an encoder never lies in memory
whole (measured for a weighted sum: 230 MB for two members, 32 MB more for each further one).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapterstilts.base import find_base
from adapterstilts.compose import checks
from adapterstilts.compose.certificate import Certificate, certify, check
from adapterstilts.compose.encoder_files import Encoder, Piece, file_shapes, opened, pieces, write_tensors
from adapterstilts.compose.merges import Delta, Layer, Merge, MergeSettings
from adapterstilts.compose.probe import not_probed
from adapterstilts.compose.request import Request
from adapterstilts.compose.updates import Matrix, Update
from adapterstilts.console import progress
from adapterstilts.errors import UserError
from adapterstilts.interrupt import StopRequest, listening
from adapterstilts.methods.full import METHOD as FULL

PIECE = 1 << 22  # numbers


@dataclass(frozen=True)
class EncoderIngredients:
    """Whole encoders as a merge sees them: changes of the base, piece by piece."""

    base: Encoder
    members: Sequence[Encoder]
    weights: Sequence[float]
    digests: Sequence[str]
    pieces: Sequence[Piece]
    stop: StopRequest

    def layers(self) -> Iterator[Layer]:
        """Yield all pieces; a signal is heard between two of them."""
        for piece in self.pieces:
            self.stop.raise_if_asked()
            yield Layer(piece.name, [_change(self.base, member, piece) for member in self.members])


def merge_encoders(request: Request, algorithm: Merge, folder: Path) -> tuple[Certificate, dict[str, Any]]:
    """Merge whole encoders; return the certificate, with checks on what lies in the files.

    Raises UserError where the base is not at hand or another one, for encoders of other tensors than the base's, and
    for a merge that would have to see each layer whole.
    """
    settings = algorithm.schema(**request.settings)
    if getattr(settings, "scope", "model") != "model":
        raise UserError("whole encoders go through piece by piece, not layer by layer", fix="use --set scope=model")
    encoders = [member.path / FULL.folder for member in request.members]
    start_encoder(encoders[0], folder / FULL.folder)
    with ExitStack() as stack, listening() as stop:
        base = stack.enter_context(opened(_base_folder(request), "fetch the base's files again"))
        members = [stack.enter_context(opened(encoder)) for encoder in encoders]
        shapes = [file_shapes(file) for file in sorted(encoders[0].glob("*.safetensors"))]
        _must_match(base, members)
        cut = [piece for some in shapes for piece in pieces(some, PIECE)]
        digests = [member.digest() for member in request.members]
        given = EncoderIngredients(base, members, request.weights, digests, cut, stop)
        merged = _merged(given, algorithm, settings, "merging")
        for file, some in zip(sorted(encoders[0].glob("*.safetensors")), shapes, strict=True):
            count = len([piece for piece in cut if piece.tensor in some])
            write_tensors(folder / FULL.folder / file.name, some, (_single(*next(merged)) for _ in range(count)))
        next(merged, None)  # so that a merge that gives more than it was given is found
        figures = {
            **_check_file(given, algorithm, settings, folder / FULL.folder),
            "identity": check(_check_identity(given, algorithm), checks.COMPUTED),
        }
    probed = not_probed(request, "whole encoders hold the change in their weights already")
    found = {"settings": dict(request.settings), "checks": figures, "probe": probed.said}
    return certify(request, algorithm.formula, algorithm.source, found), request.members[0].settings


def start_encoder(encoder: Path, out: Path) -> None:
    """Copy all that lies beside an encoder's weights: its settings and its tokenizer."""
    shutil.copytree(encoder, out, ignore=shutil.ignore_patterns("*.safetensors", ".*"))


def _base_folder(request: Request) -> Path:
    """Return where the base's files lie; a UserError where they are not here, or of another base."""
    found = find_base(request.base.name)
    if found.fingerprint != request.base.fingerprint:
        raise UserError(
            f"the base in {found.folder} is not the one that the runs were trained from",
            where=f"now: {found.fingerprint}; the runs: {request.base.fingerprint}",
            fix="give the place of the runs' own base: --base ID|DIR",
        )
    return found.folder


def _must_match(base: Encoder, members: Sequence[Encoder]) -> None:
    wanted = base.shapes
    for member in members:
        shapes = member.shapes
        wrong = sorted(name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name))
        if wrong:
            raise UserError(
                f"{member.folder} and the base in {base.folder} hold different tensors, such as {wrong[0]}",
                where=f"{shapes.get(wrong[0], 'none')} and {wanted.get(wrong[0], 'none')}",
                fix="train the run again on this base",
            )


def _merged(
    given: EncoderIngredients, algorithm: Merge, settings: MergeSettings, doing: str
) -> Iterator[tuple[Piece, Matrix]]:
    """Yield the merged weights piece by piece, in float64."""
    made = algorithm.combine(given, settings)
    with progress(doing, len(given.pieces)) as bar:
        for piece, (name, delta) in zip(given.pieces, made, strict=True):
            if name != piece.name:
                raise UserError(
                    f"the merge gives {name} in the place of {piece.name}", fix="this is a fault of the merge"
                )
            before = given.base.rows(piece)
            yield piece, before + _dense(delta).reshape(before.shape)
            bar.advance()


def _change(base: Encoder, member: Encoder, piece: Piece) -> Matrix:
    """Return what a member changes in one piece, W_k - W; what has one dimension is one row."""
    return np.atleast_2d(member.rows(piece) - base.rows(piece))


def _dense(delta: Delta) -> Matrix:
    return np.asarray(delta.left @ delta.right) if isinstance(delta, Update) else delta


def _single(piece: Piece, numbers: Matrix) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = numbers.astype(np.float32)
    if not np.isfinite(single).all():
        raise UserError(f"{piece.tensor}: the merged weights have numbers beyond fp32", fix="give smaller weights")
    return single


def _check_file(
    given: EncoderIngredients, algorithm: Merge, settings: MergeSettings, folder: Path
) -> dict[str, dict[str, float]]:
    """Hold what lies in the files against the weighted sum, computed another way, or against the merge made again."""
    expected = _sums(given) if algorithm.linear else _merged(given, algorithm, settings, "checking")
    with opened(folder) as saved:
        figures = _relative((piece.tensor, saved.rows(piece) - numbers, numbers) for piece, numbers in expected)
    for tensor, figure in figures.items():
        if not figure <= checks.SAVED:
            raise UserError(
                f"{tensor}: what was saved is {figure:.3g} away from the merge, allowed: {checks.SAVED:.0e}",
                fix="check the disk, and merge again",
            )
    return {"sum" if algorithm.linear else "reload": check(figures, checks.SAVED)}


def _sums(given: EncoderIngredients) -> Iterator[tuple[Piece, Matrix]]:
    """Yield the weighted sum with the base counted once for all members, not taken off each."""
    with progress("checking", len(given.pieces)) as bar:
        for piece in given.pieces:
            given.stop.raise_if_asked()
            total = (1.0 - math.fsum(given.weights)) * given.base.rows(piece)
            for member, weight in zip(given.members, given.weights, strict=True):
                total += weight * member.rows(piece)
            yield piece, total
            bar.advance()


def _check_identity(given: EncoderIngredients, algorithm: Merge) -> dict[str, float]:
    """Return how far the merge of the first member alone lies from its change; a UserError above 1e-10."""
    alone = EncoderIngredients(given.base, given.members[:1], [1.0], given.digests[:1], given.pieces, given.stop)
    made = algorithm.combine(alone, algorithm.schema(**algorithm.alone))

    def differences() -> Iterator[tuple[str, Matrix, Matrix]]:
        for piece, (_, delta) in zip(given.pieces, made, strict=True):
            own = _change(given.base, given.members[0], piece)
            yield piece.tensor, _dense(delta) - own, own

    figures = _relative(differences())
    for tensor, figure in figures.items():
        if not figure <= checks.COMPUTED:
            raise UserError(
                f"{tensor}: the merge of one member is {figure:.3g} away from it, allowed: {checks.COMPUTED:.0e}",
                fix="this is a fault of the merge, please report it",
            )
    return figures


def _relative(differences: Iterator[tuple[str, Matrix, Matrix]]) -> dict[str, float]:
    """Return, by tensor, the norm of all its differences over that of what they differ from."""
    squares: dict[str, Matrix] = {}
    for tensor, difference, whole in differences:
        pair = np.array([np.vdot(difference, difference), np.vdot(whole, whole)])
        squares[tensor] = squares.get(tensor, np.zeros(2)) + pair
    return {tensor: _ratio(math.sqrt(one), math.sqrt(other)) for tensor, (one, other) in squares.items()}


def _ratio(difference: float, whole: float) -> float:
    return 0.0 if difference == 0.0 else difference / whole if whole else math.inf
