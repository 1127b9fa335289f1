# SPDX-License-Identifier: Apache-2.0
"""Comparison of a public number with one that only the dealer knows: the interface of both back ends.

The parties know c = x + r modulo 2^m, the dealer knows r. The borrow at position p is [c mod 2^p < r mod 2^p]: it is
all that truncations and signs of x need besides c and r.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Comparison", "Cost"]


class Cost(NamedTuple):
    """What comparisons cost a party.

    Attributes
    ----------
    sent
        Bytes to the other party.
    material
        Bytes from the dealer, to P1 where the parties get unequal numbers.
    """

    rounds: int
    sent: int
    material: int


class Comparison(Protocol):
    """Opens borrows under fresh one-bit masks that the dealer knows."""

    def deal(self, dealer: GateDealer, masks: IntArray, positions: Sequence[int]) -> list[IntArray]:
        """Deal for ``masks`` r (n,) and return each position's one-bit masks (n,), 0 or 1."""
        ...

    def borrows(
        self, party: Party, randomness: GateRandomness, public: IntArray, positions: Sequence[int]
    ) -> list[IntArray]:
        """Return borrow + one-bit mask modulo 2 (n,), known to both, for ``public`` c (n,) and each position."""
        ...

    def cost(self, count: int, positions: Sequence[int]) -> Cost:
        """Return what the borrows of ``count`` numbers at these positions cost."""
        ...
