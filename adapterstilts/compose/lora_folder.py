"""A LoRA in a folder, whichever library has saved it."""

from __future__ import annotations

from pathlib import Path

from adapterstilts.compose._settings import CONFIG, Settings, read_settings
from adapterstilts.compose.adapters_folder import is_adapters, read_adapters, read_adapters_settings
from adapterstilts.compose.peft_folder import PeftAdapter, read_peft


def read_lora(folder: Path) -> PeftAdapter:
    """Read a LoRA of peft or adapters as updates; a UserError for everything else, with the reason."""
    return read_adapters(folder) if is_adapters(folder) else read_peft(folder)


def lora_settings(folder: Path) -> Settings:
    """Read its settings alone."""
    return read_adapters_settings(folder) if is_adapters(folder) else read_settings(folder / CONFIG)
