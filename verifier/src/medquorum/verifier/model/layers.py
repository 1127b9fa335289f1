# SPDX-License-Identifier: Apache-2.0
"""Layers with weights, as an encrypted evaluation uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.geometry import Geometry

__all__ = ["Affine", "Layer", "Normalisation"]


@dataclass(frozen=True)
class Affine:
    """A convolution or dense layer's parameters and places; a dense layer is a convolution that covers its input.

    Attributes
    ----------
    bias
        Whether it has one.
    norm
        Name of the batch normalisation folded into it.
    groups
        Its channels' groups.
    grayscale
        True when the input is one channel repeated: the weights are summed over the channels.
    rounds
        True when its bias carries the truncation's half: the first one's in a sum.
    """

    name: str
    outputs: int
    bias: bool
    norm: str | None
    geometry: Geometry
    groups: int
    grayscale: bool
    rounds: bool

    def live(self, weights: IntArray) -> IntArray:
        """Return a weight tensor's live taps (outputs, inputs of a group, rows, columns)."""
        taps = weights.reshape(self.outputs, -1, *self.geometry.kernel)
        return taps[(slice(None), slice(None), *self.geometry.live)]


@dataclass(frozen=True)
class Normalisation:
    """A batch normalisation of its own: each channel times 2^k·g, plus b'."""

    name: str
    outputs: int
    geometry: Geometry


Layer: TypeAlias = Affine | Normalisation
