# SPDX-License-Identifier: Apache-2.0
"""Steps of an encrypted evaluation: each has a dealer's and a party's side that draw material in the same order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.gates.rescale import Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Wire

__all__ = ["Scale", "Step"]


@dataclass(frozen=True)
class Step(ABC):
    """One step; ``name`` is that of the plain evaluation's step whose values it reproduces.

    Attributes
    ----------
    inputs
        Indices of the steps whose values it takes; -1 is the model's input at P0.
    """

    name: str
    inputs: tuple[int, ...]

    @property
    def drops(self) -> int | None:
        """Fraction bits that its values have beyond an activation's: a Rescale follows. None: they are numbers."""
        return None

    def needs_number(self, position: int) -> bool | None:
        """Whether it needs this input with its sign, not only modulo 2^w; None: where its own value is needed so."""
        return True

    @abstractmethod
    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Deal for the step."""

    @abstractmethod
    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Return the party's shares of the step's output."""


@dataclass(frozen=True)
class Scale(Step):
    """Truncation, reduction, lifting, ReLU: one :class:`~verifier.rescale.Rescale` gate on every value."""

    gate: Rescale

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Deal for the gate."""
        self.gate.deal(dealer, comparison, wires[0].shape, wires[0].offset)
        return DealerView(wires[0].shape)

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Evaluate the gate."""
        return Wire(self.gate.evaluate(party, randomness, comparison, wires[0].share))
