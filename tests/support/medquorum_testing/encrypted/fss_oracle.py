# SPDX-License-Identifier: Apache-2.0
"""Function secret sharing written a second time: one key at a time, on whole numbers, with PyCryptodome's AES.

Nothing of ``verifier`` is used. Sources: the generator of Guo, Katz, Wang, Yu (IEEE S&P 2020), the comparison of Boyle
et al. (EUROCRYPT 2021), figure 1, with one-bit output and leaves of 128 places. A correction word's three lowest bits
are value, left control, right control; a node's are control and value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from Crypto.Cipher import AES

__all__ = ["Oracle"]

LEAF_BITS = 7
LEAF_TWEAK = 3
HALF = (1 << 64) - 1
WHOLE = (1 << 128) - 1
SEED = WHOLE ^ 7


class Oracle:
    """Hashes 128-bit numbers, and makes and evaluates comparison keys, under the key of a verification's name."""

    def __init__(self, context: bytes) -> None:
        key = hashlib.sha256(b"medquorum fixed key v1" + context).digest()[:16]
        self._cipher = AES.new(key, AES.MODE_ECB)

    def hash(self, block: int, tweak: int) -> int:
        """AES(sigma(block) ^ tweak) ^ sigma(block), sigma(high, low) = (high ^ low, high)."""
        low, high = block & HALF, block >> 64
        sigma = (high ^ low) << 64 | high
        hidden = self._cipher.encrypt((sigma ^ tweak).to_bytes(16, "little"))
        return int.from_bytes(hidden, "little") ^ sigma

    def generate(self, roots: tuple[int, int], alpha: int, bits: int) -> list[int]:
        """Return the correction words of keys for [x < alpha], the leaves' last."""
        seeds, controls, value, public = [root & SEED for root in roots], [0, 1], 0, []
        depth = max(0, bits - LEAF_BITS)
        for level in range(depth):
            keep = alpha >> (bits - 1 - level) & 1
            nodes = [[self.hash(seed, 4 * level + 1 + side) for side in (0, 1)] for seed in seeds]
            lost = nodes[0][1 - keep] ^ nodes[1][1 - keep]
            kept = nodes[0][keep] ^ nodes[1][keep]
            value_bit = (lost >> 1 & 1) ^ value ^ keep
            control_bits = [nodes[0][side] & 1 ^ nodes[1][side] & 1 ^ (side == keep) for side in (0, 1)]
            public.append(lost & SEED | value_bit | control_bits[0] << 1 | control_bits[1] << 2)
            value ^= (kept >> 1 & 1) ^ value_bit
            for party in (0, 1):
                node = nodes[party][keep]
                seeds[party] = (node ^ lost if controls[party] else node) & SEED
                controls[party] = node & 1 ^ control_bits[keep] & controls[party]
        leaves = [self.hash(seed, 4 * depth + LEAF_TWEAK) for seed in seeds]
        below = (1 << alpha % (1 << LEAF_BITS)) - 1
        return [*public, leaves[0] ^ leaves[1] ^ below ^ (WHOLE if value else 0)]

    def evaluate(self, party: int, root: int, public: Sequence[int], value: int, bits: int) -> int:
        """Return a party's share modulo 2 of [value < alpha]."""
        seed, control, share = root & SEED, party, 0
        for level, correction in enumerate(public[:-1]):
            side = value >> (bits - 1 - level) & 1
            node = self.hash(seed, 4 * level + 1 + side)
            share ^= (node >> 1 ^ control & correction) & 1
            seed = (node ^ correction if control else node) & SEED
            control = (node ^ control & correction >> 1 + side) & 1
        leaf = self.hash(seed, 4 * (len(public) - 1) + LEAF_TWEAK) ^ (public[-1] if control else 0)
        return share ^ leaf >> value % (1 << min(bits, LEAF_BITS)) & 1
