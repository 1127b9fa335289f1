# SPDX-License-Identifier: Apache-2.0
"""Comparison by function secret sharing: one round and one key for each comparison, no message to compare.

1. For each position the dealer sends both parties the public part of a key for [x < r mod 2^p]; the secret roots are in
   the parties' streams.
2. Each party evaluates its key at c mod 2^p: shares modulo 2 of the borrow (:mod:`medquorum.verifier.comparison.dcf`).
3. The shares are opened under dealt one-bit masks, all positions in one round.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.bitplanes import Words, spread, word_count
from medquorum.verifier.comparison import dcf
from medquorum.verifier.comparison.interface import Cost
from medquorum.verifier.comparison.prg import FixedKey
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Fss"]


class Fss:
    """The back end.

    Parameters
    ----------
    context
        Names the verification; makes the generator's public key.
    """

    def __init__(self, context: bytes) -> None:
        self._key = FixedKey(context)

    def deal(self, dealer: GateDealer, masks: IntArray, positions: Sequence[int]) -> list[IntArray]:
        """Deal for ``masks`` r (n,) and return each position's one-bit masks."""
        count = masks.shape[0]
        for position in positions:
            first, second = (dealer.own((2, count), party).view(np.uint64) for party in (0, 1))
            points = masks & np.int64((1 << position) - 1) if position < 64 else masks
            dealer.common(dcf.generate(self._key, (first, second), points, position).reshape(-1).view(np.uint8).data)
        opened = dealer.mask_planes(len(positions), word_count(count))
        return [spread(plane, count) for plane in opened]

    def borrows(
        self, party: Party, randomness: GateRandomness, public: IntArray, positions: Sequence[int]
    ) -> list[IntArray]:
        """Return each position's borrow + one-bit mask modulo 2."""
        count = public.shape[0]
        shares = np.zeros((len(positions), word_count(count)), dtype=np.uint64)
        for row, position in zip(shares, positions, strict=True):
            root = randomness.own((2, count)).view(np.uint64)
            raw = randomness.common(dcf.blocks(position) * 2 * count * 8)
            key = np.frombuffer(raw, dtype=np.uint64).reshape(-1, 2, count)
            _gather(dcf.evaluate(self._key, party.index, root, key, public, position), row)
        opened = party.open_planes(randomness.mask_planes(*shares.shape), shares)
        return [spread(plane, count) for plane in opened]

    def cost(self, count: int, positions: Sequence[int]) -> Cost:
        """Return what the borrows of ``count`` numbers cost."""
        keys = sum(16 * dcf.blocks(position) for position in positions)
        return Cost(1, 8 * word_count(count) * len(positions), keys * count)


def _gather(bits: Words, plane: Words) -> None:
    """Put bits (n,) into a plane."""
    packed = np.packbits(bits.astype(np.uint8), bitorder="little")
    plane.view(np.uint8)[: packed.shape[0]] = packed
