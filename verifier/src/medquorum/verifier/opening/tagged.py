# SPDX-License-Identifier: Apache-2.0
"""Hidden bits and their sums with tags: who shifts its share of one at its opening is found.

A number v has a tag t = k·v modulo 2^64, with a dealt key k that nobody knows. All three are opened when both parties
have committed to their shares of all three. Who adds d to v, 0 < |d| < 2^b, has to add k·d to t: it guesses that with
a probability below 2^(b - 64).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from medquorum.core.fixedpoint import IntArray

__all__ = ["TAG_BITS", "Tagged"]

TAG_BITS = 64


@dataclass(frozen=True)
class Tagged:
    """A party's shares of numbers v (n,), of a key for each modulo 2^64, and of the tags: key times number.

    The numbers' ring may be smaller: what counts is that each is small and not negative.
    """

    numbers: IntArray = field(repr=False)
    keys: IntArray = field(repr=False)
    tags: IntArray = field(repr=False)

    @classmethod
    def known(cls, number: int, index: int) -> Tagged:
        """Return a number (1,) that both parties know: it needs no key."""
        nothing = np.zeros(1, dtype=np.int64)
        return cls(np.array([number if index == 0 else 0]), nothing, nothing)

    def less(self, number: int, index: int) -> Tagged:
        """Return number - v."""
        return Tagged((number if index == 0 else 0) - self.numbers, self.keys, number * self.keys - self.tags)

    def sum(self) -> Tagged:
        """Return the sum (1,) of numbers under one key."""
        return Tagged(self.numbers.sum(keepdims=True), self.keys[:1], self.tags.sum(keepdims=True))

    def beside(self, other: Tagged) -> Tagged:
        """Return these numbers, then the other ones."""
        pairs = ((self.numbers, other.numbers), (self.keys, other.keys), (self.tags, other.tags))
        return Tagged(*map(np.concatenate, pairs))
