"""`push`: an exported folder goes to the Hub, private unless it is said otherwise, after a look at what is in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapterstilts.console import log
from adapterstilts.errors import UserError
from adapterstilts.exchange.card import front_matter
from adapterstilts.exchange.names import machine_path

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_KINDS = (".safetensors", ".json", ".md", ".txt")
_CARD = "README.md"
_LICENCES = "## Data and licences"


def push(folder: str | Path, *, to: str, public: bool = False) -> str:
    """Upload an exported folder to the Hub repository `to` (user/name) and return its address.

    The repository is made private, `public` aside; one that is there and public is refused without `public`. Before
    anything goes out, the model card must name its base and its licence and hold no path of this machine, nor may any
    setting beside it, and all files must be safetensors, JSON or text. Raises UserError for what is wrong with them,
    without a network or a token.
    """
    path = Path(folder)
    if not _REPO.fullmatch(to):
        raise UserError(f"{to!r} is no repository", fix="name it as on the Hub: --to user/name")
    problems = list(_problems(path))
    if problems:
        raise UserError(
            f"{path} is not ready to be uploaded: {problems[0]}", where="\n  ".join(problems[1:]),
            fix="mend the files, or export again; nothing was uploaded",
        )  # fmt: skip
    api = _api()
    try:
        return _upload(api, path, to, public)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - httpx, requests and hub errors share no base class
        reason = str(error).strip().splitlines()
        raise UserError(
            f"the Hub did not take {path} ({type(error).__name__})",
            where=reason[0][:200] if reason else "",
            fix="check the network, and that your token may write to that name: hf auth login",
        ) from None


def _upload(api: Any, path: Path, to: str, public: bool) -> str:
    if api.repo_exists(to) and bool(api.model_info(to).private) == public:
        there, wanted = ("private", "public") if public else ("public", "private")
        raise UserError(
            f"{to} is there already and {there}, and was to be {wanted}",
            fix="choose another name, or say it with or without --public; nothing was uploaded",
        )
    address = str(api.create_repo(to, private=not public, exist_ok=True))
    api.upload_folder(repo_id=to, folder_path=str(path), commit_message="Upload by adapterstilts")
    log(f"{'public' if public else 'private'}: {address}")
    return address


def _problems(path: Path) -> Iterator[str]:
    """Yield what keeps a folder from being uploaded."""
    if not (path / "export.json").is_file() or not (path / _CARD).is_file():
        yield f"it is no export (export.json and {_CARD} are not both there)"
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            yield f"{name} is a link or no plain file"
        elif file.is_file() and (file.suffix not in _KINDS or name.startswith(".")):
            yield f"{name} is neither safetensors nor JSON nor text"
        elif file.is_file() and file.suffix == ".safetensors":
            yield from _no_safetensors(file, name)
    yield from _of_card((path / _CARD).read_text(encoding="utf-8", errors="replace"))
    for file in sorted([path / "export.json", *path.glob("*config.json")]):
        found = machine_path(file.read_text(encoding="utf-8", errors="replace"))
        if found:
            yield (
                f"{file.name} holds a path of this machine: {found}; where that is the base, export with "
                "--base and its id on the Hub"
            )


def _of_card(text: str) -> Iterator[str]:
    front = front_matter(text)
    if not front:
        yield f"the front matter of {_CARD} cannot be read"
        return
    if not isinstance(front.get("base_model"), str) or not front["base_model"]:
        yield f"{_CARD} does not say base_model: the base is no model of the Hub; export with --base and its id there"
    if not front.get("license"):
        yield f"{_CARD} does not say license"
    if _LICENCES not in text:
        yield f"{_CARD} does not say what its data are licensed as ({_LICENCES})"
    found = machine_path(text)
    if found:
        yield f"{_CARD} holds a path of this machine: {found}"


def _no_safetensors(file: Path, name: str) -> Iterator[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np"):
            pass
    except (OSError, SafetensorError) as error:
        yield f"{name} cannot be read: {str(error).splitlines()[0]}"


def _api() -> Any:
    """Return the Hub's interface; a UserError without a token, or where the network is switched off."""
    import huggingface_hub

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise UserError("the Hub is switched off here (HF_HUB_OFFLINE is set)", fix="unset HF_HUB_OFFLINE to upload")
    if not (os.environ.get("HF_TOKEN") or huggingface_hub.get_token()):
        raise UserError("there is no token for the Hub", fix="log in first: hf auth login")
    return huggingface_hub.HfApi()
