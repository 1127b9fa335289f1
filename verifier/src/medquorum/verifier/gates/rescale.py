# SPDX-License-Identifier: Apache-2.0
"""One gate for truncation, reduction to w bits, lifting, ReLU and sign: all are borrows of one opened masked value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.kernels.library import Library, library
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.tagged import TAG_BITS, Tagged
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Form", "Rescale"]


class Form(Enum):
    """What the gate gives for y = floor(x / 2^shift) reduced to [-2^(width-1), 2^(width-1))."""

    NARROW = "narrow"
    """y modulo 2^width: enough for sums and comparisons."""
    SIGNED = "signed"
    """y modulo 2^ring, with its sign."""
    BOUNDED = "bounded"
    """As SIGNED with width 64 - shift, one comparison cheaper; right only where |x| < 2^62."""
    RELU = "relu"
    """max(y, 0) modulo 2^ring."""
    NEGATIVE = "negative"
    """[y < 0] modulo 2^ring."""


@dataclass(frozen=True)
class Rescale:
    """floor(x / 2^shift), reduced to ``width`` signed bits, in one of its forms.

    Let m = shift + width (64 for BOUNDED). Input: shares of x + o modulo 2^m, o known to the dealer.

    1. Open c = x + r modulo 2^m with r = o + a fresh mask (SIGNED first adds 2^(m-1), BOUNDED 2^62, to make x
       non-negative).
    2. Compare: the borrow b at ``shift``, and at m (SIGNED) or m - 1 (RELU, NEGATIVE); each is opened under a one-bit
       mask.
    3. y = floor(c / 2^shift) - floor(r / 2^shift) - b + 2^width·t locally, where t is what wrapped around 2^m: it
       vanishes in NARROW, is the second borrow in SIGNED, and [r >= 2^(m-1)]·[c < 2^(m-1)] in RELU and BOUNDED.
    4. y's sign is bit m - 1: s = c_m-1 + r_m-1 + second borrow modulo 2. RELU multiplies y with 1 - s, which needs
       dealt products of s's mask with floor(r / 2^shift), with b's mask and with r_m-1.

    Exact for every x, wrapping included (BOUNDED: for |x| < 2^62).

    Attributes
    ----------
    ring
        Bits of the output's ring.
    """

    shift: int
    width: int
    ring: int
    form: Form

    @property
    def bits(self) -> int:
        """Bits m of the opened value."""
        return self.shift + self.width

    @property
    def _lift(self) -> int:
        """Bits of the output above y's width: the wrapped part 2^width·t matters modulo 2^(ring - width)."""
        return 0 if self.form is Form.NARROW else max(0, self.ring - self.width)

    @property
    def _positions(self) -> tuple[int, ...]:
        low = (self.shift,) if self.shift else ()
        match self.form:
            case Form.SIGNED:
                return (*low, self.bits)
            case Form.RELU | Form.NEGATIVE:
                return (*low, self.bits - 1)
        return low

    @property
    def _half(self) -> int:
        """What is added to x to make it non-negative."""
        match self.form:
            case Form.SIGNED:
                return 1 << (self.bits - 1)
            case Form.BOUNDED:
                return 1 << (self.bits - 2)
        return 0

    def deal(self, dealer: GateDealer, comparison: Comparison, shape: tuple[int, ...], offset: IntArray | None) -> None:
        """Deal for values of this shape whose shares add up to x + offset."""
        hidden, borrows = self._deal_borrows(dealer, comparison, shape, offset)
        top = self._top(hidden)
        if self.form is Form.NEGATIVE:
            dealer.share(borrows[-1] ^ top, self.ring)
            return
        parts = [(self._quotient(hidden), self.ring)]
        if self.shift:
            parts.append((borrows[0], self.ring))
        if self._lift:
            parts.append((borrows[-1] if self.form is Form.SIGNED else top, self._lift))
        for values, bits in parts:
            dealer.share(values, bits)
        if self.form is Form.RELU:
            sign = borrows[-1] ^ top
            dealer.share(sign, self.ring)
            for values, bits in parts:
                dealer.share(values * sign, bits)

    def evaluate(self, party: Party, randomness: GateRandomness, comparison: Comparison, share: IntArray) -> IntArray:
        """Return the party's share of the result, in the input's shape."""
        public, borrows = self._open_borrows(party, randomness, comparison, share)
        sign = borrows[-1] ^ self._top(public) if self.form in (Form.RELU, Form.NEGATIVE) else None
        if self.form is Form.NEGATIVE and sign is not None:
            result = (1 - 2 * sign) * randomness.share(public.shape, self.ring)
            return (result + sign if party.index == 0 else result).reshape(share.shape)
        kernels = library()
        if kernels is not None:
            return self._compiled(kernels, party, randomness, public, borrows, sign).reshape(share.shape)
        known, factors = self._public_part(public, borrows)
        result = self._secret_part(randomness, public.size, factors)
        if party.index == 0:
            result += known
        if sign is not None:
            masked = randomness.share(public.shape, self.ring) * known
            masked += self._secret_part(randomness, public.size, factors)
            np.subtract(result, masked, out=masked, where=sign == 0)
            result = masked
        return result.reshape(share.shape)

    def deal_signs(self, dealer: GateDealer, comparison: Comparison, shape: tuple[int, ...]) -> None:
        """Deal for signs of so many values (NEGATIVE), tagged under one key."""
        hidden, borrows = self._deal_borrows(dealer, comparison, shape, None)
        bits = borrows[-1] ^ self._top(hidden)
        key = dealer.own((1,), 0) + dealer.own((1,), 1)
        dealer.share(bits, self.ring)
        dealer.share(bits * key, TAG_BITS)

    def signs(self, party: Party, randomness: GateRandomness, comparison: Comparison, share: IntArray) -> Tagged:
        """Return what NEGATIVE gives of shares (n,), with tags.

        With a sign s that is public up to a dealt bit r, [y < 0] = s + (1 - 2s)·r: a share of the key times r gives one
        of the key times [y < 0].
        """
        public, borrows = self._open_borrows(party, randomness, comparison, share)
        sign = borrows[-1] ^ self._top(public)
        key = randomness.own((1,))
        numbers = (1 - 2 * sign) * randomness.share(sign.shape, self.ring)
        tags = sign * key + (1 - 2 * sign) * randomness.share(sign.shape, TAG_BITS)
        return Tagged(numbers + sign if party.index == 0 else numbers, np.repeat(key, sign.size), tags)

    def _deal_borrows(
        self, dealer: GateDealer, comparison: Comparison, shape: tuple[int, ...], offset: IntArray | None
    ) -> tuple[IntArray, list[IntArray]]:
        """Return what hides the values, and the bits that hide the borrows."""
        mask = dealer.mask(shape)
        hidden = ring.reduce((mask if offset is None else mask + offset).reshape(-1), self.bits)
        return hidden, comparison.deal(dealer, hidden, self._positions) if self._positions else []

    def _open_borrows(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, share: IntArray
    ) -> tuple[IntArray, list[IntArray]]:
        """Return the values (n,) and their borrows as they are opened, each under its mask."""
        if party.index == 0 and self._half:
            share = share + np.uint64(self._half).astype(np.int64)
        public = party.open(randomness.mask(share.shape), share, self.bits).reshape(-1)
        borrows = comparison.borrows(party, randomness, public, self._positions) if self._positions else []
        return public, borrows

    def _compiled(
        self,
        kernels: Library,
        party: Party,
        randomness: GateRandomness,
        public: IntArray,
        borrows: list[IntArray],
        sign: IntArray | None,
    ) -> IntArray:
        """Do what follows the comparisons in one pass."""

        def dealt() -> list[IntArray | int]:
            quotient = randomness.share(public.shape, self.ring)
            bit = randomness.share(public.shape, self.ring) if self.shift else 0
            return [quotient, bit, randomness.share(public.shape, self._lift) if self._lift else 0]

        plain = dealt()
        signed = [0, 0, 0, 0] if sign is None else [randomness.share(public.shape, self.ring), *dealt()]
        result = np.empty_like(public)
        kernels.call(
            "rescale",
            *(result, public, borrows[0] if self.shift else 0),
            borrows[-1] if self._lift and self.form is Form.SIGNED else 0,
            *(0 if sign is None else sign, *plain, *signed),
            *(public.size, self.shift, self.width, self._half >> self.shift, party.index),
        )
        return result

    def _public_part(self, public: IntArray, borrows: list[IntArray]) -> tuple[IntArray, list[tuple[IntArray, int]]]:
        """Return what is known of y, and the public factors and rings of the dealt bits that complete it."""
        known = self._quotient(public) - np.int64(self._half >> self.shift)
        factors = []
        if self.shift:
            known -= borrows[0]
            factors.append((2 * borrows[0] - 1, self.ring))
        if self._lift and self.form is Form.SIGNED:
            known += borrows[-1] << np.int64(self.width)
            factors.append(((1 - 2 * borrows[-1]) << np.int64(self.width), self._lift))
        elif self._lift:
            factors.append(((1 - self._top(public)) << np.int64(self.width), self._lift))
        return known, factors

    def _quotient(self, values: IntArray) -> IntArray:
        """Return floor(value / 2^shift) of values modulo 2^m."""
        return values >> np.int64(self.shift) & np.int64((1 << (64 - self.shift)) - 1) if self.shift else values

    def _top(self, values: IntArray) -> IntArray:
        return values >> np.int64(self.bits - 1) & np.int64(1)

    def _secret_part(self, randomness: GateRandomness, count: int, factors: list[tuple[IntArray, int]]) -> IntArray:
        """Return the share of the dealt bits times their public factors, less that of floor(r / 2^shift)."""
        total = -randomness.share((count,), self.ring)
        for factor, bits in factors:
            total += factor * randomness.share((count,), bits)
        return total
