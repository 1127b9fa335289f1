# SPDX-License-Identifier: Apache-2.0
"""Shares of [the answer is the label's] from shared logits with thresholds and labels of 0 and 1 only P0 knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.result import COUNT_BITS
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Agreement"]


@dataclass(frozen=True)
class Agreement:
    """An answer is [R(z - t) >= 0]; it is right where that is the label y.

    1. Open c = z - t + r modulo 2^w; the sign of R(z - t) is s ^ e: s is public (c's top bit and the opened borrow), e
       is the dealer's (r's top bit and the borrow's mask).
    2. P0 announces u = y ^ q, q a bit that the dealer and P0 know; u is uniform to P1.
    3. The answer is right where sign and label differ: (s ^ u) ^ (e ^ q), a public bit and a dealt one.
    4. Where classes are counted, right and y = u ^ q: a product of two such bits, whose dealt parts' product is dealt.

    Attributes
    ----------
    thresholds
        One for each logit.
    width
        Signed bits of a logit.
    per_class
        True to count the right answers without and with each label apart.
    """

    thresholds: tuple[int, ...]
    width: int
    per_class: bool

    def deal(self, dealer: GateDealer, comparison: Comparison, images: int) -> None:
        """Deal for this number of images."""
        shape = (images, len(self.thresholds))
        turn = dealer.own(shape, 0).reshape(-1) & 1
        hidden = ring.reduce(dealer.mask(shape).reshape(-1), self.width)
        (borrow,) = comparison.deal(dealer, hidden, (self.width - 1,))
        right = borrow ^ self._top(hidden) ^ turn
        for bits in (right, turn, right & turn) if self.per_class else (right,):
            dealer.share(bits, COUNT_BITS)

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        logits: IntArray,
        labels: IntArray | None,
    ) -> IntArray:
        """Return shares modulo 2^32 of the number of right answers, (1,), or those without and with each label, (2·l,).

        Parameters
        ----------
        logits
            Array of int64 (n, l).
            Shares modulo 2^width.
        labels
            Array of int64 (n,) or (n, l), or None.
            P0's; None at P1.
        """
        turned: IntArray = np.zeros(logits.size, dtype=np.int64)
        if labels is not None:
            turned = labels.reshape(-1) ^ (randomness.own(logits.shape).reshape(-1) & 1)
        turned = ring.unpack(party.announce(0, ring.pack(turned, 8)), turned.shape, 8) & 1
        above = logits - np.array(self.thresholds, dtype=np.int64) if party.index == 0 else logits
        public = party.open(randomness.mask(logits.shape), above, self.width).reshape(-1)
        (borrow,) = comparison.borrows(party, randomness, public, (self.width - 1,))
        shown = borrow ^ self._top(public) ^ turned
        first = np.int64(party.index == 0)
        dealt = randomness.share(shown.shape, COUNT_BITS)
        right = first * shown + (1 - 2 * shown) * dealt
        if not self.per_class:
            total: IntArray = right.sum(keepdims=True)
            return total
        turn, both = (randomness.share(shown.shape, COUNT_BITS) for _ in range(2))
        positive = first * shown * turned + shown * (1 - 2 * turned) * turn + turned * (1 - 2 * shown) * dealt
        positive += (1 - 2 * shown) * (1 - 2 * turned) * both
        both_sides = np.stack([right - positive, positive], axis=1).reshape(*logits.shape, 2)
        counts: IntArray = both_sides.sum(axis=0).reshape(-1)
        return counts

    def _top(self, values: IntArray) -> IntArray:
        return values >> np.int64(self.width - 1) & np.int64(1)
