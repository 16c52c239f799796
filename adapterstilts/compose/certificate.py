"""The certificate: what a composition is made of, what it says it is, and what was checked.

`certificate.json` for programs, `certificate.md` for people; both are written with the composition or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adapterstilts.compose.request import Request
from adapterstilts.store.atomic import write_json, write_text

SCHEMA = 1
Certificate = dict[str, Any]


def certify(request: Request, formula: str, source: str, found: Mapping[str, Any]) -> Certificate:
    """Put a certificate together: what was asked for, what it computes, and the figures of its checks."""
    pairs = zip(request.members, request.weights, strict=True)
    return {
        "schema_version": SCHEMA,
        "kind": request.phase,
        "how": request.how,
        "formula": formula,
        "source": source,
        "base": {**request.base.model_dump(), "not_proven_for": list(request.unproven)},
        "members": [{**member.about(), "weight": weight} for member, weight in pairs],
        **found,
    }


def check(figures: Mapping[str, float], limit: float) -> dict[str, float]:
    """Return one check as the certificate keeps it: its largest figure, beside what was allowed."""
    return {"largest": max(figures.values(), default=0.0), "allowed": limit}


def truncation(norms: Mapping[str, float], errors: Mapping[str, float]) -> dict[str, float]:
    """Return the relative error of a merge because of its rank: of the worst layer, and of all layers as one."""
    lost = np.array([norms[layer] * errors[layer] for layer in norms])
    whole = np.array(list(norms.values()))
    total = float(np.linalg.norm(whole))
    return {
        "largest": max(errors.values(), default=0.0),
        "whole": float(np.linalg.norm(lost)) / total if total else 0.0,
    }


def write_certificate(folder: Path, certificate: Certificate) -> None:
    """Write both forms into a composition's folder."""
    write_json(folder / "certificate.json", certificate)
    write_text(folder / "certificate.md", page(certificate))


def page(certificate: Certificate) -> str:
    """Return the certificate as a page in Markdown."""
    base = certificate["base"]
    lines = [
        f"# Certificate of {'an' if certificate['kind'] == 'average' else 'a'} {certificate['kind']}",
        "",
        f"- how: {certificate['how']}",
        f"- formula: `{certificate['formula']}`",
        *(f"- {name}: {value}" for name, value in certificate.get("settings", {}).items()),
        f"- base: {base['name']} ({base['fingerprint']})",
        *(f"- base not proven, only named: {path}" for path in base["not_proven_for"]),
        *_probe_lines(certificate.get("probe")),
        "",
        "| member | weight | method | tasks | digest |",
        "| :-- | --: | :-- | :-- | :-- |",
        *(_member_line(member) for member in certificate["members"]),
        "",
        "| check | largest figure | allowed |",
        "| :-- | --: | --: |",
        *(f"| {name} | {one['largest']:.3g} | {one['allowed']:.3g} |" for name, one in certificate["checks"].items()),
    ]
    if "truncation" in certificate:
        whole, worst = certificate["truncation"]["whole"], certificate["truncation"]["largest"]
        lines += [
            "",
            f"Lost by its rank ({certificate['rank']}): {whole:.3g} of the merge's norm; worst layer {worst:.3g}.",
        ]
    lines += _agreement_lines(certificate.get("agreement", {}))
    return "\n".join([*lines, *_layer_lines(certificate.get("layers", {})), ""])


def _member_line(member: Mapping[str, Any]) -> str:
    tasks = " ".join(member["tasks"]) or "not known"
    name, methods = Path(member["path"]).name, " + ".join(member["modules"])
    return f"| {name} | {member['weight']:g} | {methods} | {tasks} | {member['digest']} |"


def _probe_lines(probe: Mapping[str, Any] | None) -> list[str]:
    return [f"- probe {'made' if probe['done'] else 'not made'}: {probe['what']}"] if probe else []


def _agreement_lines(agreement: Mapping[str, Any]) -> list[str]:
    if agreement.get("sign_conflict") is None:
        return []
    conflict, out, into = (agreement[key] for key in ("sign_conflict", "overlap_out", "overlap_in"))
    return [
        "",
        f"Sign conflict {conflict:.3g}: so much of the members' weighted changes, by magnitude, lies in numbers that "
        f"two of them move in opposite directions (on {agreement['rows']} rows of each layer, drawn at random; mean "
        "over layers).",
        f"Overlap {out:.3g} of outputs, {into:.3g} of inputs: how far two members use the same directions, from 0 (at "
        "right angles) to 1 (the same); mean squared cosine of the principal angles, over pairs and layers.",
    ]


def _layer_lines(layers: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    if not layers:
        return []
    head = "| layer | rank | norm | lost by its rank | sign conflict | overlap out | overlap in |"
    keys = ("rank", "norm", "truncation", "sign_conflict", "overlap_out", "overlap_in")
    rows = [f"| {name} | {' | '.join(_cell(one.get(key)) for key in keys)} |" for name, one in layers.items()]
    return ["", head, f"| :-- |{' --: |' * len(keys)}", *rows]


def _cell(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.4g}"
