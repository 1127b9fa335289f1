# SPDX-License-Identifier: Apache-2.0
"""Values in another order or one after the other: no message, and what is open stays open."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.steps import Step
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Wire

__all__ = ["Flatten", "Join", "Moved"]


@dataclass(frozen=True)
class Moved(Step):
    """A step that only moves values."""

    def needs_number(self, position: int) -> bool | None:
        """Where its own value is needed so."""
        return None

    @abstractmethod
    def arrange(self, arrays: Sequence[IntArray]) -> IntArray:
        """Return the inputs' arrays (n, h, w, c) as one."""

    @abstractmethod
    def shape(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the shape that inputs of these shapes give."""

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Nothing is dealt."""
        return DealerView(self.shape([wire.shape for wire in wires]), parts=wires, arrange=self.arrange)

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Move the shares."""
        return Wire(self.arrange([wire.share for wire in wires]), parts=wires, arrange=self.arrange)


@dataclass(frozen=True)
class Flatten(Moved):
    """Every value becomes a channel, in the order channel, row, column."""

    def arrange(self, arrays: Sequence[IntArray]) -> IntArray:
        """Return (n, 1, 1, c·h·w) values."""
        return arrays[0].transpose(0, 3, 1, 2).reshape(len(arrays[0]), 1, 1, -1)

    def shape(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return (n, 1, 1, c·h·w)."""
        return shapes[0][0], 1, 1, prod(shapes[0][1:])


@dataclass(frozen=True)
class Join(Moved):
    """The inputs' channels one after the other."""

    def arrange(self, arrays: Sequence[IntArray]) -> IntArray:
        """Return (n, h, w, all channels)."""
        return np.concatenate(arrays, axis=3)

    def shape(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return (n, h, w, all channels)."""
        return *shapes[0][:3], sum(shape[3] for shape in shapes)
