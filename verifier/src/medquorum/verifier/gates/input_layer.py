# SPDX-License-Identifier: Apache-2.0
"""The first step of every program: P0's pixels become a masked wire."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.weights import DealerWeights, Weights
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Masked, Wire

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """P0 sends x + m, m its own mask that the dealer knows; P1's shares of x and m are zero.

    Attributes
    ----------
    ring
        Bits that the first layer's sums need.
    """

    ring: int
    name: str = "entry"
    opens: bool = False

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, wire: DealerView, entry: DealerView
    ) -> DealerView:
        """Draw P0's mask."""
        return DealerView(wire.shape, skew=dealer.private_mask(wire.shape, 0))

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        weights: Weights,
        wire: Wire,
        entry: Wire,
    ) -> Wire:
        """Send the masked pixels, or receive them."""
        mask = randomness.private_mask(wire.share.shape, 0)
        return Wire(wire.share, Masked(party.publish(0, mask, wire.share, self.ring), mask.share))
