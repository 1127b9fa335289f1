# SPDX-License-Identifier: Apache-2.0
"""Activations beyond ReLU, made of the ReLU of a value and the value itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.steps import Step
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Wire

__all__ = ["Clip", "Leak"]


@dataclass(frozen=True)
class _Gated(Step):
    """A step of one comparison for each value, of signed values of ``width`` bits in a ring of ``ring`` bits."""

    width: int
    ring: int

    @property
    @abstractmethod
    def _gate(self) -> Rescale:
        """The gate that compares."""

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Deal for the comparison."""
        self._gate.deal(dealer, comparison, wires[0].shape, None)
        return DealerView(wires[0].shape)


@dataclass(frozen=True)
class Clip(_Gated):
    """min(x, highest) of a value that is not negative: x - max(x - highest, 0), which does not wrap."""

    highest: int

    @property
    def _gate(self) -> Rescale:
        return Rescale(0, self.width, self.ring, Form.RELU)

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Subtract what is above."""
        share = wires[0].share
        above = share - np.int64(self.highest) if party.index == 0 else share
        return Wire(share - self._gate.evaluate(party, randomness, comparison, above))


@dataclass(frozen=True)
class Leak(_Gated):
    """LeakyReLU from x and max(x, 0): max(x, 0) + T_f(slope · (x - max(x, 0))), slope below 1."""

    slope: int

    @property
    def _gate(self) -> Rescale:
        return Rescale(FRACTION_BITS, self.width, self.ring, Form.SIGNED)

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Deal for the truncation."""
        self._gate.deal(dealer, comparison, wires[0].shape, None)
        return DealerView(wires[0].shape)

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Scale the negative part."""
        share, positive = (wire.share for wire in wires)
        scaled = (share - positive) * np.int64(self.slope)
        if party.index == 0:
            scaled += np.int64(1 << (FRACTION_BITS - 1))
        return Wire(positive + self._gate.evaluate(party, randomness, comparison, scaled))
