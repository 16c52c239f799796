"""`tasks init`: a commented YAML file to begin a task of one's own with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapterstilts.data.own._schema import METRICS
from adapterstilts.errors import UserError, nearest
from adapterstilts.store.atomic import write_text

_EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "classification": [
        {"premise": "Amina sells maize.", "hypothesis": "Somebody sells maize.", "label": "yes"},
        {"premise": "The bus is late.", "hypothesis": "The bus is on time.", "label": "no"},
    ],
    "tagging": [{"words": ["Amina", "sells", "maize"], "tags": ["NOUN", "VERB", "NOUN"]}],
    "span": [{"passage": "Amina sells maize in Arusha.", "question": "Who sells maize?", "answer": "Amina"}],
    "multiple_choice": [{"text": "It rained.", "first": "The street was wet.", "second": "It was dusty.", "label": 0}],
    "preference": [{"prompt": "Who sells maize?", "chosen": "Amina does.", "rejected": "Maize is yellow."}],
    "retrieval": [{"query": "Amina anauza mahindi.", "document": "Amina sells maize."}],
    "masked_lm": [{"text": "Amina sells maize in Arusha."}],
}
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "classification": {"text_a": "premise", "text_b": "hypothesis", "label": "label"},
    "tagging": {"tokens": "words", "tags": "tags"},
    "span": {"context": "passage", "question": "question", "answer_texts": "answer"},
    "multiple_choice": {"context": "text", "choice_0": "first", "choice_1": "second", "label": "label"},
    "preference": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"},
    "retrieval": {"query": "query", "document": "document"},
    "masked_lm": {"text": "text"},
}
_LABELS: Mapping[str, str] = {
    "classification": "labels: [yes, no]  # in the order of the outputs; left out: those of the train rows, by name",
    "tagging": "labels: [NOUN, VERB]  # in the order of the outputs; left out: those of the train rows, by name",
    "multiple_choice": "labels: [0, 1]  # what the data calls the first choice, the second, ...; left out: 0, 1, ...",
    "span": "no_answer: false  # true: some questions have none (an empty answer); the metric is then squad_v2",
}
_NOTES: Mapping[str, str] = {
    "classification": "  # text_b may be left out",
    "span": "  # answer_starts, a place in characters, may be named too",
    "multiple_choice": "  # choice_0 to choice_4, or choices: a column of lists; question may be named",
    "tagging": "  # CoNLL names columns by place: tokens: 0, tags: -1; CoNLL-U by name: tokens: form, tags: upos",
}
_KINDS = "JSONL (.jsonl), CSV (.csv), TSV (.tsv), CoNLL (.conll), CoNLL-U (.conllu) or Parquet (.parquet)"


def write_template(path: Path, format: str = "classification") -> None:
    """Write a commented YAML file for a task of `format`; it works once the files that it names are beside it.

    Raises UserError for a file that is there already, an ending other than .yaml, a format without own data.
    """
    if format not in METRICS:
        raise UserError(f"{format!r} is no format for data of your own", fix=nearest(format, METRICS))
    if path.suffix not in {".yaml", ".yml"}:
        raise UserError(f"{path}: a task of your own is known by its ending", fix="end the name in .yaml")
    if path.exists():
        raise UserError(f"{path} is there already", fix="choose another name, or remove it first")
    write_text(path, template(format))


def template(format: str) -> str:
    """Return the content of such a file."""
    rows = "".join(f"#   {json.dumps(row, ensure_ascii=False)}\n" for row in _EXAMPLES[format])
    columns = "".join(f"  {field}: {column}\n" for field, column in _COLUMNS[format].items())
    trained = format != "retrieval"
    english = "{train: train.jsonl, dev: dev.jsonl, test: test.jsonl}" if trained else "{test: test.jsonl}"
    labels = f"{_LABELS[format]}\n" if format in _LABELS else ""
    held_out = (
        "# held_out: 0.1  # the share of the train rows that chooses the checkpoint, where there is no dev file\n"
        "# train_language: en  # the language that is trained on, where several have a train file\n"
        if trained
        else ""
    )
    return f"""# A task of your own. Use this file where a task's name is asked for: --task ./my.yaml
# It works once these files lie beside it. Example rows of train.jsonl, dev.jsonl and test.jsonl, one a line:
{rows}
name: my-task  # letters, digits, '_' and '-'; scores and heads are kept under it
format: {format}
# metric: {METRICS[format]}  # the usual one

# A language's files, beside this one or where their paths say: {_KINDS}
languages:
  en: {english}
  sw: {{test: test.jsonl}}

# What the format reads, and what your files call it{_NOTES.get(format, "")}
columns:
{columns}{labels}{held_out}
licence: my own
source: written by hand
"""
