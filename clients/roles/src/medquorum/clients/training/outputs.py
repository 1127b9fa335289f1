# SPDX-License-Identifier: Apache-2.0
"""What logits say, and how far they are from the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model.graph.description import Output

__all__ = ["Loss", "decisions", "loss_of"]

Loss = Callable[[torch.Tensor, torch.Tensor], Any]


def loss_of(output: Output) -> Loss:
    """Return the loss of logits (n, logits) and labels: cross entropy, of each label where there are several."""
    if output.kind == "classes":
        return nn.CrossEntropyLoss()
    entropy = nn.BCEWithLogitsLoss()
    thresholds = _thresholds(output)

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        shifted = logits - thresholds.to(logits)
        result: torch.Tensor = entropy(shifted, labels.reshape(logits.shape).to(logits.dtype))
        return result

    return loss


def decisions(output: Output, logits: torch.Tensor) -> torch.Tensor:
    """Return the likeliest class (n,), or 0 and 1 of one logit (n,) or of each label (n, labels), int64."""
    if output.kind == "classes":
        return logits.argmax(dim=1)
    given = (logits >= _thresholds(output).to(logits)).long()
    return given[:, 0] if output.kind == "logit" else given


def _thresholds(output: Output) -> torch.Tensor:
    values = () if output.kind == "classes" else (output.threshold,) if output.kind == "logit" else output.thresholds
    return torch.tensor(values, dtype=torch.float64) / (1 << FRACTION_BITS)
