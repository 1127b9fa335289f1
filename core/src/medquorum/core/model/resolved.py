# SPDX-License-Identifier: Apache-2.0
"""A description's layers as they are evaluated, the same in clear and encrypted: their order, shapes and places."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from medquorum.core.model.description import (
    AvgPool,
    BatchNorm,
    ChainDescription,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool,
    Relu,
    Residual,
)
from medquorum.core.model.shapes import Shape, output_shape

__all__ = ["Places", "ResolvedLayer", "Shortcut", "resolve"]

Places: TypeAlias = tuple[int, int, int]
"""(channels, height, width) of values as an evaluation holds them: ``flatten`` leaves them as they are."""


@dataclass(frozen=True)
class Shortcut:
    """The convolution of a residual's shortcut: the batch normalisation folded into it, and what it receives."""

    layer: Conv
    norm: BatchNorm | None
    held: Places


@dataclass(frozen=True)
class ResolvedLayer:
    """One layer to evaluate; batch normalisations and residuals are part of others.

    Parameters
    ----------
    norm
        The batch normalisation right after a conv or dense layer, folded into it.
    held
        What the layer receives.
    after
        The shape it gives.
    opens
        Whether it is the first of a residual's body, whose input is kept for the shortcut.
    closes
        Whether it is the last convolution of a residual's body, to which the shortcut is added.
    shortcut
        That of the residual it closes; None where the shortcut is the residual's input itself.
    """

    layer: Flatten | Dense | Conv | Relu | MaxPool | AvgPool | GlobalAvgPool
    norm: BatchNorm | None
    held: Places
    after: Shape
    opens: bool
    closes: bool
    shortcut: Shortcut | None


def resolve(description: ChainDescription) -> tuple[ResolvedLayer, ...]:
    """Return a description's layers in the order in which they are evaluated."""
    return tuple(_path(description.layers, description.input, description.input))


def _path(
    layers: Sequence[Layer], shape: Shape, held: Places, residual: Residual | None = None
) -> Generator[ResolvedLayer, None, tuple[Shape, Places]]:
    """Yield consecutive layers, those of a residual's body where it is given; return what they give."""
    items = _pools_first(layers)
    entry = held
    for index, layer in enumerate(items):
        if layer.op == "residual":
            shape, held = yield from _path(layer.body, shape, held, layer)
        elif layer.op != "batchnorm":
            shape = output_shape(layer, shape)
            opens = residual is not None and index == 0
            closes = residual is not None and index >= len(items) - 1 - isinstance(items[-1], BatchNorm)
            shortcut = _shortcut(residual, entry) if residual is not None and closes else None
            yield ResolvedLayer(layer, _following_norm(items, index), held, shape, opens, closes, shortcut)
            if layer.op != "flatten":
                channels, height, width = (*shape, 1, 1)[:3]
                held = (channels, height, width)
    return shape, held


def _shortcut(residual: Residual, held: Places) -> Shortcut | None:
    for layer in residual.shortcut:
        if layer.op == "conv":
            return Shortcut(layer, _following_norm(residual.shortcut, 0), held)
    return None


def _following_norm(items: Sequence[Layer], index: int) -> BatchNorm | None:
    following = items[index + 1] if index + 1 < len(items) else None
    return following if isinstance(following, BatchNorm) else None


def _pools_first(layers: Sequence[Layer]) -> list[Layer]:
    """Move a maximum pooling before the ReLU it follows: fewer values to compare with 0, the same maxima."""
    items = list(layers)
    for index in range(len(items) - 1):
        if items[index].op == "relu" and items[index + 1].op == "maxpool":
            items[index : index + 2] = [items[index + 1], items[index]]
    return items
