# SPDX-License-Identifier: Apache-2.0
"""The first step of every program: P0's numbers become a masked wire."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.steps import Step
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Masked, Wire

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry(Step):
    """P0 sends x + m, m its own mask that the dealer knows; P1's shares of x and m are zero.

    Attributes
    ----------
    ring
        Bits that the first layer's sums need.
    """

    ring: int

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Draw P0's mask."""
        return DealerView(wires[0].shape, skew=dealer.private_mask(wires[0].shape, 0))

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Send the masked numbers, or receive them."""
        share = wires[0].share
        mask = randomness.private_mask(share.shape, 0)
        return Wire(share, Masked(party.publish(0, mask, share, self.ring), mask.share))
