# SPDX-License-Identifier: Apache-2.0
"""Describe a hospital's own module: layers by tracing it, then its integer logits against its own float ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from medquorum.clients.importer.chain import layers_of_graph
from medquorum.clients.importer.document import ModelDocument
from medquorum.clients.importer.graph import trace
from medquorum.clients.training.agreement import Images, check_agreement
from medquorum.clients.training.state import check_apart, pack_module
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import ModelError

__all__ = ["Classes", "Pixels", "describe"]


@dataclass(frozen=True)
class Pixels:
    """What the module takes: pixels 0 to 255 as (pixel / 255 - mean) / deviation, the same for all channels.

    Attributes
    ----------
    mean, deviation
        One number, or one for each channel if they are equal.
    """

    mean: float | Sequence[float] = 0.0
    deviation: float | Sequence[float] = 1.0

    def table(self) -> list[int]:
        """Return the fixed-point value of each pixel.

        Raises
        ------
        ModelError
            The channels have unequal numbers, or a value is too large.
        """
        mean, deviation = _only(self.mean, "mean"), _only(self.deviation, "deviation")
        if not deviation > 0:
            raise ModelError(f"a deviation of {deviation} cannot be divided by", "Give the deviation of the pixels")
        return catalogue.pixel_table(mean, deviation)


@dataclass(frozen=True)
class Classes:
    """What the module gives: one logit for each of so many classes."""

    count: int


def describe(
    module: nn.Module,
    example: torch.Tensor,
    inputs: Pixels | None = None,
    output: Classes | None = None,
    *,
    images: Images | None = None,
    name: str | None = None,
) -> ModelDocument:
    """Describe a module in the model format; the module stays as it is.

    Its integer logits are compared with its own float64 ones, on random images and on ``images``.

    Parameters
    ----------
    example
        One input as the module takes it, (1, channels, height, width).
    inputs
        How pixels become numbers; 0 to 1 by default.
    output
        How many classes there are; as the last layer says by default.
    images
        Real images, uint8 (n, height, width) or (n, height, width, channels).
    name
        Of the model; by default the module's class.

    Raises
    ------
    ModelError
        Operations without a layer in the format, all at once; shapes or sizes beyond its bounds; tensors that are in no
        layer or in two; logits that differ by more than docs/reference/evaluation.md allows.
    RangeError
        A parameter lies outside its bound.
    """
    if example.ndim != 4:
        raise ModelError(
            f"the module takes values of shape {tuple(example.shape[1:])}",
            "Format version 1 knows images only: give an example of shape (1, channels, height, width)",
        )
    check_apart(module.state_dict())
    graph = trace(module, example)
    layers = layers_of_graph(graph)
    classes = layers[-1]["out"] if layers and layers[-1]["op"] == "dense" else 0
    if output is not None and output.count != classes:
        raise ModelError(f"the module gives {classes} logits, not {output.count}", "Give its number of classes")
    document = ModelDocument(
        name=name or type(module).__name__,
        input=[int(size) for size in example.shape[1:]],
        classes=classes,
        pixels=(inputs or Pixels()).table(),
        layers=layers,
    )
    for shown in (None,) if images is None else (None, images):
        _compare(module, document, shown, probabilities=graph.result.kind == "softmax")
    return document


def _compare(module: nn.Module, document: ModelDocument, images: Images | None, *, probabilities: bool) -> None:
    """Hold the module's own logits, float64, against the integers; of probabilities take the logarithms."""
    copied = copy.deepcopy(module).cpu().double().eval()

    def logits(numbers: torch.Tensor) -> npt.NDArray[np.floating]:
        with torch.no_grad():
            result: torch.Tensor = copied(numbers)
            return np.asarray((result.log() if probabilities else result).numpy())

    description = modelformat.parse(dict(document))
    check_agreement(description, pack_module(copied, description, None), logits, images)


def _only(value: float | Sequence[float], what: str) -> float:
    values = {float(item) for item in (value if isinstance(value, Sequence) else (value,))}
    if len(values) != 1:
        raise ModelError(
            f"the channels have {len(values)} values of the {what}",
            "Format version 1 has one table for all channels: use one mean and one deviation, and fine-tune",
        )
    return values.pop()
