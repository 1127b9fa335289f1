# SPDX-License-Identifier: Apache-2.0
"""RANGE under encryption: how many parameters lie outside their tensor's bound, whatever ring element they are.

r was opened as R = r + u. With n = highest - lowest + 1 allowed values, r - lowest = (R - lowest) - u is below n iff
the public R - lowest lies in the ring interval [u, u + n): that is [R - lowest < u] + [R - lowest < u + n mod 2^64] +
[u + n >= 2^64] modulo 2, the last being the dealer's. Both comparisons are of 64 bits, so no value wraps past them.

1. Compare twice, chunk by chunk; each borrow is opened under a one-bit mask.
2. Shares of [outside] are public bit + dealt mask, and are added; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["CHUNK", "FAIL_BITS", "bounds", "deal_outside", "outside"]

CHUNK = 1 << 17
FAIL_BITS = 32
"""Ring of numbers of failed conditions."""
_POSITIONS = (64,)


def bounds(layout: Sequence[TensorSpec], part: slice) -> tuple[IntArray, IntArray]:
    """Return the lowest value and the number of allowed values of the parameters of a slice."""
    lowest, allowed = zip(*_pieces(layout, part), strict=True)
    return np.concatenate(lowest), np.concatenate(allowed)


def _pieces(layout: Sequence[TensorSpec], part: slice) -> Iterator[tuple[IntArray, IntArray]]:
    start = 0
    for spec in layout:
        count = min(part.stop, start + spec.size) - max(part.start, start)
        if count > 0:
            kind = spec.kind
            yield np.full(count, kind.lowest), np.full(count, kind.highest - kind.lowest + 1)
        start += spec.size


def deal_outside(dealer: GateDealer, comparison: Comparison, masks: IntArray, allowed: IntArray) -> None:
    """Deal for a chunk: ``masks`` u (n,), ``allowed`` n of each parameter."""
    ends = masks + allowed
    first = comparison.deal(dealer, masks, _POSITIONS)[0]
    second = comparison.deal(dealer, ends, _POSITIONS)[0]
    wraps = (ends.view(np.uint64) < masks.view(np.uint64)).astype(np.int64)
    dealer.share(first ^ second ^ wraps, FAIL_BITS)


def outside(
    party: Party, randomness: GateRandomness, comparison: Comparison, public: IntArray, lowest: IntArray
) -> IntArray:
    """Return the party's share (1,) modulo 2^32 of the number of parameters of a chunk that lie outside."""
    shifted = public - lowest
    first = comparison.borrows(party, randomness, shifted, _POSITIONS)[0]
    second = comparison.borrows(party, randomness, shifted, _POSITIONS)[0]
    known = 1 ^ first ^ second
    share = (1 - 2 * known) * randomness.share(known.shape, FAIL_BITS)
    if party.index == 0:
        share += known
    total: IntArray = share.sum(keepdims=True)
    return total
