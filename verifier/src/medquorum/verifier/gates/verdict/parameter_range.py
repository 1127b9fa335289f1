# SPDX-License-Identifier: Apache-2.0
"""RANGE under encryption: whether any parameter lies outside its tensor's bound, whatever ring element it is.

r was opened as R = r + u. With n = highest - lowest + 1 allowed values, at most 2^k, x = r - lowest is below n iff both
floor(x / 2^k) and floor((x + 2^k - n) / 2^k), quotients modulo 2^(64-k), are 0.

1. A quotient is floor(c / 2^k) - floor(u / 2^k) - b with the public c = R - lowest, or that + 2^k - n, and the borrow b
   of the low k bits. It is compared and opened under a one-bit mask t; the dealer shares t modulo 2^(64-k).
2. All quotients, times 2^k, are added up over 64 random subsets, locally. The dealer shares the same sums of
   floor(u / 2^k), which is all that it has to say of the high bits.
3. Where every parameter is within its bound all sums are 0, always. Where one is not, each sum is 0 with a probability
   of one half at most: all of them with 2^-64. The dealer draws the subsets when it deals: the update is fixed by then.
4. Fails (Rescale, NEGATIVE) of every sum and of its negative are added; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.verifier.arithmetic.subsets import SUBSETS, quotients
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.stream import Stream

__all__ = ["FAIL_BITS", "Part", "deal_outside", "deal_part", "evaluate_part", "outside", "parts"]

FAIL_BITS = 32
"""Ring of numbers of failed conditions."""
_CHUNK = 1 << 17
_GATE = Rescale(0, 64, FAIL_BITS, Form.NEGATIVE)


class Part(NamedTuple):
    """Parameters of one bound that are compared together.

    Attributes
    ----------
    lowest, allowed
        The bound: its smallest value, and how many values it allows.
    places
        Where they stand among all parameters.
    """

    lowest: int
    allowed: int
    places: tuple[slice, ...]

    @property
    def bits(self) -> int:
        """The k with 2^(k-1) < allowed <= 2^k."""
        return (self.allowed - 1).bit_length()

    @property
    def offsets(self) -> tuple[int, int]:
        """What is added to r - lowest before it is divided."""
        return 0, (1 << self.bits) - self.allowed

    def of(self, flat: IntArray) -> IntArray:
        """Return the part (n,) of all parameters."""
        return np.concatenate([flat[place] for place in self.places])


def parts(layout: Sequence[TensorSpec]) -> Iterator[Part]:
    """Return all parameters in parts: tensors of equal bounds follow each other."""
    tensors: dict[tuple[int, int], list[slice]] = {}
    start = 0
    for spec in layout:
        bound = spec.kind.lowest, spec.kind.highest - spec.kind.lowest + 1
        tensors.setdefault(bound, []).append(slice(start, start + spec.size))
        start += spec.size
    for (lowest, allowed), places in tensors.items():
        for cut in _cut(places):
            yield Part(lowest, allowed, cut)


def _cut(places: Sequence[slice]) -> Iterator[tuple[slice, ...]]:
    """Cut places into groups of _CHUNK parameters, the last one smaller."""
    group: list[slice] = []
    room = _CHUNK
    for place in places:
        start = place.start
        while start < place.stop:
            stop = min(place.stop, start + room)
            group.append(slice(start, stop))
            room -= stop - start
            start = stop
            if not room:
                yield tuple(group)
                group, room = [], _CHUNK
    if group:
        yield tuple(group)


def deal_part(dealer: GateDealer, comparison: Comparison, masks: IntArray, part: Part) -> IntArray:
    """Deal for a part's masks u (n,); return the subsets' sums (64,) of what the dealer knows."""
    hidden = np.tile(masks, 2)
    coins = _coins(dealer.coin())
    borrows = comparison.deal(dealer, hidden, (part.bits,))[0]
    dealer.share(borrows, 64 - part.bits)
    hidden &= np.int64(-1 << part.bits)
    return coins.subset_sums(hidden)


def evaluate_part(
    party: Party, randomness: GateRandomness, comparison: Comparison, public: IntArray, part: Part
) -> IntArray:
    """Return the party's share (64,) of the subsets' sums, plus what the dealer knows, from a part's R (n,)."""
    shifted = np.concatenate([public + np.int64(offset - part.lowest) for offset in part.offsets])
    coins = _coins(randomness.coin())
    borrows = comparison.borrows(party, randomness, shifted, (part.bits,))[0]
    shares = randomness.share(borrows.shape, 64 - part.bits)
    return coins.subset_sums(quotients(shares, borrows, shifted if party.index == 0 else None, part.bits))


def _coins(seed: bytes) -> Stream:
    """Return what says which subsets take in each quotient, of all parameters the first and then the second."""
    return Stream(seed, b"subsets")


def deal_outside(dealer: GateDealer, comparison: Comparison, known: IntArray) -> None:
    """Deal for the sums of all parts, of which the dealer knows ``known`` (64,)."""
    dealer.share(known, 64)
    _GATE.deal(dealer, comparison, (2 * SUBSETS,), None)


def outside(party: Party, randomness: GateRandomness, comparison: Comparison, total: IntArray) -> IntArray:
    """Return the party's share (1,) modulo 2^32 of a number that is 0 iff all sums are, from ``total`` (64,)."""
    sums = total - randomness.share(total.shape, 64)
    fails: IntArray = _GATE.evaluate(party, randomness, comparison, np.concatenate([sums, -sums])).sum(keepdims=True)
    return fails
