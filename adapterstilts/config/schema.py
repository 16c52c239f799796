"""Every setting of a training run, with its meaning, its default and where the default comes from.

A method adds its own settings in its own file (`methods/<name>.py`); everything else is here.
`resources` says where and how the work is done; it never changes what is learned beyond rounding, so it
is no part of a run's identity.
"""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Phase = Literal["intermediate", "target", "mlm"]
Precision = Literal["auto", "fp32", "bf16"]
TEXTS = 20_000


class Frozen(BaseModel):
    """Settings that never change once made and know no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _read_words(cls, raw: Any) -> Any:
        """Read what a command line gives: `none` for no value, `a,b` for several."""
        if not isinstance(raw, dict):
            return raw
        fields = cls.model_fields
        return {k: _word(v, fields[k].annotation) if k in fields else v for k, v in raw.items()}


def _word(value: Any, annotation: Any) -> Any:
    if not isinstance(value, str):
        return value
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    if type(None) in options and value.lower() in {"none", "null", ""}:
        return None
    if any(typing.get_origin(option) is tuple for option in options):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _looks(value: Any) -> Any:
    if value in (None, "all") or (str(value).isdecimal() and int(value) > 0):
        return value
    raise ValueError("none, all, or a number of looks from 1 on")


class MethodSettings(Frozen):
    """What every method has: its name. Its own settings follow in `methods/<name>.py`."""

    name: str


class TrainSettings(Frozen):
    """The optimiser, the length of the training and the choice of the best checkpoint."""

    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak learning rate; none: the method's default (see `adapterstilts methods`).",
    )
    batch_size: int = Field(32, ge=1, description="Examples per optimiser step (XTREME and jiant: 32).")
    epochs: float = Field(3.0, gt=0, description="Passes over the training rows.")
    max_steps: int | None = Field(
        None, ge=1, description="Stop after so many steps (those of --with-mlm aside); none: by epochs."
    )
    warmup_ratio: float = Field(0.1, ge=0, le=1, description="Share of the steps with rising rate (jiant).")
    warmup_steps: int | None = Field(None, ge=0, description="Steps with rising rate; none: train.warmup_ratio of all.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW, not on biases and LayerNorms (jiant).")
    adam_epsilon: float = Field(1e-8, gt=0, description="AdamW (jiant).")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm (jiant).")
    eval_every: int | None = Field(
        None, ge=1, description="Steps between looks at the dev rows; none: a tenth of the run, 1000 at most."
    )
    eval_examples: int = Field(500, ge=1, description="First so many dev rows of the source language decide (jiant).")
    patience: int = Field(30, ge=1, description="Stop after so many looks without a better one (jiant).")
    average: Annotated[Literal["all"] | int | None, BeforeValidator(_looks)] = Field(
        None,
        description="Keep the mean weights of the last so many looks, or of all (arXiv 2305.16834); none: the best.",
    )
    save_every: int = Field(500, ge=1, description="Steps between checkpoints.")
    examples_cap: int | None = Field(
        2**17, ge=1, description="Several tasks: no task counts for more rows than this when one is drawn."
    )
    language_exponent: float = Field(
        0.3, ge=0, le=1, description="Masked LM: a language's share is its rows to this power (XLM-R: 0.3)."
    )


class DataSettings(Frozen):
    """Which rows, and how much of each."""

    max_length: int | None = Field(
        None, ge=8, le=8192, description="Tokens of one window; none: the format's (span 384, others 256: jiant)."
    )
    doc_stride: int = Field(128, ge=1, description="Span: a window begins every so many tokens (XTREME: 128).")
    max_query_length: int = Field(64, ge=1, description="Span: a question keeps so many tokens (XTREME: 64).")
    source_language: str | None = Field(
        None, description="Train and choose the checkpoint on rows in this language; none: the task's own, mostly en."
    )
    languages: tuple[str, ...] | None = Field(None, description="Masked LM: train on these; none: all that are here.")
    text: dict[str, tuple[str, ...]] | None = Field(
        None, exclude=True, description="Masked LM: text files by language, in place of the task's rows (--text)."
    )  # never written down: a record says of its rows which files they are from, whatever their place
    hidden: float = Field(0.15, gt=0, lt=1, description="Masked LM: the share of tokens that are hidden (BERT: 0.15).")
    limit_train: int | None = Field(None, ge=1, description="Train on so many rows, drawn with the seed.")
    limit_text: int | None = Field(
        TEXTS, ge=1, exclude=True, description="Masked LM from the Hub: so many articles a language; none: all."
    )  # never written down: a record says of its rows which they are
    select_on: Literal["dev", "xtreme"] = Field(
        "dev",
        description="Rows that choose the checkpoint: dev; or xtreme, its English test rows where it does so (tydiqa).",
    )


class InterleavingSettings(Frozen):
    """Masked LM beside intermediate tasks (train-intermediate --with-mlm)."""

    ratio: float | None = Field(
        None,
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="Share of the steps that are masked LM, beside the tasks' own (--with-mlm); none: no such step.",
    )
    languages: tuple[str, ...] | None = Field(None, description="Of its text; none: all that are here.")


class ResourceSettings(Frozen):
    """Where the work is done."""

    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    micro_batch_tokens: int = Field(
        8192, ge=16, description="Most padded tokens in one pass; an optimiser step takes several passes."
    )
    mirror: str | None = Field(None, description="Folder of data sets in the Hub's layout, or mini; none: the Hub.")


class EvaluationSettings(Frozen):
    """How an evaluation is computed."""

    base: str | None = Field(None, description="Another place of the run's own base; none: where it was.")
    precision: Precision | None = Field(None, description="None: the run's own.")
    pairs: Literal["same", "mixed"] = Field("same", description="mixed: both texts of a pair in different languages.")
    noise: str | None = Field(None, description="KIND:RATE, the noise on what is read; none: the rows as they are.")
    limit_text: int | None = Field(TEXTS, ge=1, description="Text of the Hub: so many articles a language; none: all.")
    language_adapters: dict[str, str] = Field(
        {}, description="By language, the run whose module stands in for the lowest one."
    )
    submission: str | None = Field(None, description="Write test predictions here too, in XTREME's layout.")
    labels: str | None = Field(None, description="Write their gold here too, in the same layout.")
    resources: ResourceSettings = ResourceSettings()


class SearchSettings(Frozen):
    """How a search is made; `adapterstilts fuse --help` and the guide say what each of these means."""

    examples: int = Field(64, ge=1)
    budget: int = Field(40, ge=1)
    l1: float = Field(0.05, ge=0, allow_inf_nan=False)
    bound: float = Field(1.5, gt=0, allow_inf_nan=False)
    step: float = Field(0.5, gt=0, allow_inf_nan=False)
    head: str | None = None


class RecipeUsed(Frozen):
    """The recipe that a run's settings are from: `sure` says how surely each that it gave is known."""

    name: str
    digest: str
    sure: dict[str, str]


class TranslationSettings(Frozen):
    """How rows are translated, and which translations are left out."""

    precision: Precision = Field("auto", description="auto: bf16 where the processor multiplies it natively.")
    beams: int | None = Field(None, ge=1, le=32, description="Beam search; none: as the model's own files say.")
    batch_tokens: int = Field(4096, ge=1, description="Tokens of one batch, padding included.")
    ratio: float = Field(3.0, gt=1, description="A length off the language's usual one by this factor is flagged.")
    back_translate: str | None = Field(None, description="A model that translates back; none: that is not checked.")
    back: float = Field(0.3, ge=0, le=1, description="What comes back less like its source (chrF) is flagged.")
    flagged: Literal["drop", "keep"] = Field("drop", description="keep: flagged rows stay; a column says why.")
    resources: ResourceSettings = ResourceSettings()


Method = TypeVar("Method", bound=MethodSettings)


class RunConfig(Frozen, Generic[Method]):
    """One training run, complete."""

    phase: Phase
    tasks: tuple[str, ...] = Field(min_length=1)
    method: Method
    base: str | None = Field(None, description="Hub id or folder of the pretrained encoder.")
    start: str | None = Field(None, description="Run folder to start from (--from).")
    on_top: bool = Field(False, description="Freeze the start and train a fresh module above it.")
    reuse_head: str | None = Field(None, description="Start the heads from that of this task in the start.")
    recipe: RecipeUsed | None = Field(
        None, description="Take what is not set from this recipe, a name or a YAML file (--recipe); none: the defaults."
    )
    seed: int = Field(0, ge=0, description="Decides order, first weights and dropout.")
    init_seed: int | None = Field(
        None, ge=0, description="Decides first weights in its place: runs to be averaged share one; none: seed."
    )
    precision: Precision = Field("auto", description="auto: bf16 where the processor multiplies it natively.")
    gram_examples: int | None = Field(
        None, ge=1, exclude=True, description="Measure Gram matrices on so many train rows at the end (--save-gram)."
    )  # no part of what is learned: `statistics` can measure later as well
    train: TrainSettings = TrainSettings()
    data: DataSettings = DataSettings()
    mlm: InterleavingSettings = InterleavingSettings()
    resources: ResourceSettings = ResourceSettings()

    @property
    def first_weights(self) -> int:
        """The seed of the first weights of module and heads."""
        return self.seed if self.init_seed is None else self.init_seed
