# SPDX-License-Identifier: Apache-2.0
"""Exact division by a constant as a product and a shift, which is what a value hidden in shares can take."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.errors import ModelError

__all__ = ["Range", "common_shift", "multiplier"]

Range = tuple[int, int]
"""A divisor D and a bound X: dividends are from 0 to X - 1."""
_PRODUCT_BITS = 62


def multiplier(divisor: int, shift: int) -> int:
    """Return M = ceil(2^shift / D)."""
    return -(-(1 << shift) // divisor)


def common_shift(ranges: Sequence[Range]) -> int:
    """Return the least s with floor(x / D) = floor(x · M / 2^s), M = ceil(2^s / D), for every x of every range.

    With e = M·D - 2^s, x·M / 2^s = x/D + x·e / (D·2^s): it has the same floor while x·e < 2^s (Granlund, Montgomery,
    "Division by invariant integers using multiplication", 1994). All products stay below 2^62.

    Raises
    ------
    ModelError
        There is none: the ranges are too wide for the ring.
    """
    for shift in range(_PRODUCT_BITS):
        if all(_exact(divisor, bound, shift) for divisor, bound in ranges):
            return shift
    widest = max(divisor for divisor, _ in ranges)
    raise ModelError(f"hidden values cannot be divided by {widest} exactly", "Use fewer hospitals, or a smaller k of λ")


def _exact(divisor: int, bound: int, shift: int) -> bool:
    factor = multiplier(divisor, shift)
    return (bound - 1) * (factor * divisor - (1 << shift)) < 1 << shift and (bound - 1) * factor < 1 << _PRODUCT_BITS
