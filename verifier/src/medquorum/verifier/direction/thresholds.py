# SPDX-License-Identifier: Apache-2.0
"""Hidden numbers held against thresholds: each comparison stays shared."""

from __future__ import annotations

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["deal_reached", "reached"]

_BELOW = Rescale(0, 64, 64, Form.NEGATIVE)


def deal_reached(dealer: GateDealer, comparison: Comparison, shape: tuple[int, ...]) -> None:
    """Deal for so many comparisons."""
    _BELOW.deal(dealer, comparison, shape, None)


def reached(party: Party, randomness: GateRandomness, comparison: Comparison, excess: IntArray) -> IntArray:
    """Return shares of [x >= 0] modulo 2^64 in the shape of the shares of x, -2^63 <= x < 2^63."""
    below = _BELOW.evaluate(party, randomness, comparison, excess)
    return 1 - below if party.index == 0 else -below
