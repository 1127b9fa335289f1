# SPDX-License-Identifier: Apache-2.0
"""A model's weights once they are opened under their masks: what each layer needs in every batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chaincode.fixedpoint import IntArray
from verifier.convolution import Convolution, Geometry
from verifier.wires import Dealt, Masked

__all__ = ["DealtLayer", "DealtWeights", "Layer", "Weights"]


class Layer(NamedTuple):
    """A party's form of one convolution or dense layer."""

    convolution: Convolution
    """Of the input's public values and mask shares side by side: [[i = 0]·V - v_i, -V]."""
    bias: IntArray
    """The party's share, with the truncation's half at P0."""


class Weights:
    """A party's layers, by name."""

    def __init__(self, party: int) -> None:
        self._party = party
        self._layers: dict[str, Layer] = {}

    def add(self, name: str, weights: Masked, bias: IntArray, geometry: Geometry) -> None:
        """Arrange a layer's masked live weights (outputs, inputs, rows, columns)."""
        both = np.concatenate([weights.share(self._party), -weights.public], axis=1)
        self._layers[name] = Layer(Convolution(both, geometry), bias)

    def apply(self, name: str, values: Masked) -> IntArray:
        """Give the party's share of the layer's sums and bias, plus the offset the dealer knows."""
        layer = self._layers[name]
        total = layer.convolution(np.concatenate([values.public, values.mask], axis=3))
        total += layer.bias
        return total


class DealtLayer(NamedTuple):
    """The dealer's form of one layer."""

    convolution: Convolution
    """Of the weights' mask."""
    bias: IntArray
    """What the bias' shares add up to beyond the bias."""


class DealtWeights:
    """The dealer's layers, by name."""

    def __init__(self) -> None:
        self._layers: dict[str, DealtLayer] = {}

    def add(self, name: str, mask: IntArray, bias: IntArray, geometry: Geometry) -> None:
        """Arrange the mask of a layer's live weights."""
        self._layers[name] = DealtLayer(Convolution(mask, geometry), bias)

    def offset(self, name: str, wire: Dealt) -> IntArray:
        """Give what the layer's shares add up to beyond its sums and bias."""
        layer = self._layers[name]
        if wire.mask is None:
            raise ValueError("the layer's input has not been opened")
        return layer.bias - layer.convolution(wire.mask)
