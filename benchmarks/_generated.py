"""Rows for lora_training_cpu.py where no mirror is given: words that mean nothing, at realistic lengths."""

from __future__ import annotations

from pathlib import Path

_WORDS = 8000
_CARD = """---
configs:
- config_name: plain_text
  data_files:
  - split: train
    path: plain_text/train-*
  - split: validation
    path: plain_text/validation-*
---
"""


def write_tokenizer(folder: Path) -> Path:
    """Write a fast tokenizer with one id a word, and the special tokens of XLM-R around a pair."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import XLMRobertaTokenizerFast

    special = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces = [(f"▁w{number}", -10.0) for number in range(_WORDS)]
    tokenizer = Tokenizer(models.Unigram([*special, *pieces, ("<mask>", 0.0)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    XLMRobertaTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def write_mirror(folder: Path, rows: int, seed: int) -> None:
    """Write a mirror with SNLI's columns: half of the pairs below 28 tokens, one in a hundred above 100."""
    import datasets
    import numpy as np

    datasets.disable_progress_bars()
    draw = np.random.default_rng(seed)
    label = datasets.ClassLabel(names=["entailment", "neutral", "contradiction"])
    text = datasets.Value("string")
    features = datasets.Features({"premise": text, "hypothesis": text, "label": label})
    repository = folder / "stanfordnlp" / "snli"
    (repository / "plain_text").mkdir(parents=True)
    (repository / "README.md").write_text(_CARD, encoding="utf-8")
    for split, count in (("train", rows), ("validation", 64)):
        words = np.clip(np.exp(draw.normal(np.log(24), 0.6, count)), 4, 250).astype(int)
        texts = [[f"w{number}" for number in draw.integers(0, _WORDS, n)] for n in words]
        columns = {
            "premise": [" ".join(some[len(some) // 3 :]) for some in texts],
            "hypothesis": [" ".join(some[: len(some) // 3]) for some in texts],
            "label": draw.integers(0, 3, count).tolist(),
        }
        table = datasets.Dataset.from_dict(columns, features=features)
        table.to_parquet(repository / "plain_text" / f"{split}-00000-of-00001.parquet")
