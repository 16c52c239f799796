"""Task heads with the shapes and parameter names of transformers' own XLM-R heads.

So an export is a plain copy. Weights start as transformers starts them: normal, biases zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adapterstilts.formats import HeadShape


def linear(inputs: int, outputs: int, spread: float) -> nn.Linear:
    """Return a linear layer with normal weights of standard deviation `spread` and zero biases."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=spread)
    nn.init.zeros_(layer.bias)
    return layer


class FirstTokenHead(nn.Module):
    """XLMRobertaClassificationHead: dense, tanh, projection of the first token's state."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.dense = linear(shape.hidden_size, shape.hidden_size, shape.initializer_range)
        self.dropout = nn.Dropout(shape.dropout)
        self.out_proj = linear(shape.hidden_size, shape.labels, shape.initializer_range)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (examples, length, hidden) to logits (examples, labels)."""
        first = self.dropout(states[:, 0])
        logits: Tensor = self.out_proj(self.dropout(torch.tanh(self.dense(first))))
        return logits


class ScoreHead(nn.Module):
    """XLMRobertaClassificationHead with one output, always computed in fp32.

    A score in bf16 has two or three digits: many a pair's would come out equal, and a tie is no preference.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.dense = linear(shape.hidden_size, shape.hidden_size, shape.initializer_range)
        self.dropout = nn.Dropout(shape.dropout)
        self.out_proj = linear(shape.hidden_size, 1, shape.initializer_range)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (texts, length, hidden) to scores (texts, 1)."""
        with torch.autocast(states.device.type, enabled=False):
            first = self.dropout(states[:, 0].float())
            scores: Tensor = self.out_proj(self.dropout(torch.tanh(self.dense(first))))
        return scores


class EveryTokenHead(nn.Module):
    """The head of XLMRobertaForTokenClassification: one projection of every token's state."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.dropout = nn.Dropout(shape.dropout)
        self.classifier = linear(shape.hidden_size, shape.labels, shape.initializer_range)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (examples, length, hidden) to logits (examples, length, labels)."""
        logits: Tensor = self.classifier(self.dropout(states))
        return logits


class Pooler(nn.Module):
    """XLMRobertaPooler: dense and tanh of the first token's state."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.dense = linear(shape.hidden_size, shape.hidden_size, shape.initializer_range)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (examples, length, hidden) to (examples, hidden)."""
        return torch.tanh(self.dense(states[:, 0]))


class ChoiceHead(nn.Module):
    """What XLMRobertaForMultipleChoice puts on the bare encoder: a pooler, and one number a choice.

    The pooler is part of the head and trained with it; transformers has it in the encoder's class.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.pooler = Pooler(shape)
        self.dropout = nn.Dropout(shape.dropout)
        self.classifier = linear(shape.hidden_size, 1, shape.initializer_range)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (examples x choices, length, hidden) to logits (examples x choices, 1)."""
        logits: Tensor = self.classifier(self.dropout(self.pooler(states)))
        return logits


class StartEndHead(nn.Module):
    """The head of XLMRobertaForQuestionAnswering: every token's scores as the answer's first and as its last."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.qa_outputs = linear(shape.hidden_size, 2, shape.initializer_range)

    def forward(self, states: Tensor) -> Tensor:
        """Map states (examples, length, hidden) to logits (examples, length, 2)."""
        logits: Tensor = self.qa_outputs(states)
        return logits


class MaskedHead(nn.Module):
    """XLMRobertaLMHead without its decoder: the decoder is the encoder's word embeddings, which stay where they are."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.dense = linear(shape.hidden_size, shape.hidden_size, shape.initializer_range)
        self.layer_norm = nn.LayerNorm(shape.hidden_size, eps=1e-5)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Map states (tokens, hidden) to logits (tokens, vocabulary); `embeddings` (vocabulary, hidden)."""
        guessed = self.layer_norm(nn.functional.gelu(self.dense(states)))
        return nn.functional.linear(guessed, embeddings, self.bias)
