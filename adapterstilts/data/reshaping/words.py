"""Sentences of Universal Dependencies as words with tags: a fused word (German `zum`) goes, its parts stay.

A fused word stands in the files before its parts and has the tag `_`. Tags may be names or numbers with names.
"""

from __future__ import annotations

from typing import Any

from adapterstilts.tasks import Task

_FUSED = "_"


def _reshape(task: Task, language: str, table: Any) -> Any:
    """Return the columns `tokens` and `upos` as lists of texts, without the words whose tag is `_`."""
    import datasets

    inner = getattr(table.features["upos"], "feature", table.features["upos"])
    names = getattr(inner, "names", None)

    def keep(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        tokens, tags = [], []
        for words, raw in zip(batch["tokens"], batch["upos"], strict=True):
            named = [names[tag] if names and tag >= 0 else str(tag) for tag in raw]
            kept = [(word, tag) for word, tag in zip(words, named, strict=True) if tag != _FUSED]
            tokens.append([word for word, _ in kept])
            tags.append([tag for _, tag in kept])
        return {"tokens": tokens, "upos": tags}

    texts = datasets.Features({name: datasets.List(datasets.Value("string")) for name in ("tokens", "upos")})
    return table.map(
        keep,
        batched=True,
        remove_columns=table.column_names,
        features=texts,
        keep_in_memory=True,  # so that no file outlives a change of this code
    )


RESHAPE = _reshape
