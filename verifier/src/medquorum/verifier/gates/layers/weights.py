# SPDX-License-Identifier: Apache-2.0
"""A model's weights once they are opened under their masks: what each layer needs in every batch."""

from __future__ import annotations

from typing import NamedTuple

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.geometry import Geometry
from medquorum.verifier.arithmetic.grouped import Sums, convolution
from medquorum.verifier.randomness.wires import DealerView, Masked

__all__ = ["DealerLayer", "DealerWeights", "Layer", "Weights"]


class Layer(NamedTuple):
    """A party's form of one convolution or dense layer."""

    sums: Sums
    """Of V - 2·v_i."""
    bias: IntArray
    """The party's share, with the truncation's half at P0."""


class Weights:
    """A party's layers, by name.

    Parameters
    ----------
    ring
        The layers' sums are right modulo 2^ring, ring < 64.
    """

    def __init__(self, party: int, ring: int) -> None:
        self._party = party
        self._ring = ring
        self._layers: dict[str, Layer] = {}

    def add(self, name: str, weights: Masked, bias: IntArray, geometry: Geometry, groups: int) -> None:
        """Arrange a layer's masked live weights (outputs, inputs of a group, rows, columns)."""
        self._layers[name] = Layer(convolution(weights.skewed, geometry, groups, self._ring + 1), bias)

    def apply(self, name: str, values: Masked) -> IntArray:
        """Return the party's share of the layer's sums and bias, plus the offset the dealer knows."""
        layer = self._layers[name]
        total = layer.sums(values.skewed)
        if self._party == 1:
            total += 1
        total >>= 1
        total += layer.bias
        return total


class DealerLayer(NamedTuple):
    """The dealer's form of one layer."""

    sums: Sums
    """Of the differences of both parties' shares of the weights' mask."""
    bias: IntArray
    """What the bias' shares add up to beyond the bias."""


class DealerWeights:
    """The dealer's layers, by name; their sums are right modulo 2^ring."""

    def __init__(self, ring: int) -> None:
        self._ring = ring
        self._layers: dict[str, DealerLayer] = {}

    def add(self, name: str, skew: IntArray, bias: IntArray, geometry: Geometry, groups: int) -> None:
        """Arrange the differences of a layer's live weights."""
        self._layers[name] = DealerLayer(convolution(skew, geometry, groups, self._ring), bias)

    def offset(self, name: str, wire: DealerView) -> IntArray:
        """Return what the layer's shares add up to beyond its sums and bias."""
        layer = self._layers[name]
        return layer.bias + layer.sums(wire.opened())
