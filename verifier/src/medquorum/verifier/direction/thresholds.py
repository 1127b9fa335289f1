# SPDX-License-Identifier: Apache-2.0
"""Hidden numbers held against thresholds: each comparison stays shared; a level is how many are reached."""

from __future__ import annotations

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["deal_level_bits", "deal_reached", "level_bits", "reached"]

_BELOW = Rescale(0, 64, 64, Form.NEGATIVE)


def deal_reached(dealer: GateDealer, comparison: Comparison, shape: tuple[int, ...]) -> None:
    """Deal for so many comparisons."""
    _BELOW.deal(dealer, comparison, shape, None)


def reached(party: Party, randomness: GateRandomness, comparison: Comparison, excess: IntArray) -> IntArray:
    """Return shares of [x >= 0] modulo 2^64 in the shape of the shares of x, -2^63 <= x < 2^63."""
    below = _BELOW.evaluate(party, randomness, comparison, excess)
    return 1 - below if party.index == 0 else -below


def deal_level_bits(dealer: GateDealer, comparison: Comparison, shape: tuple[int, ...]) -> None:
    """Deal for so many comparisons whose sum is opened."""
    _BELOW.deal_signs(dealer, comparison, shape)


def level_bits(party: Party, randomness: GateRandomness, comparison: Comparison, excess: IntArray) -> Tagged:
    """Return what :func:`reached` gives of shares (n,), with tags."""
    return _BELOW.signs(party, randomness, comparison, excess).less(1, party.index)
