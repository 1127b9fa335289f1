# SPDX-License-Identifier: Apache-2.0
"""The levels of norms and cosines: powers of two in steps of a fourth or eighth, rounded down to integers."""

from __future__ import annotations

from math import isqrt

__all__ = ["COSINES", "COSINE_BITS", "MAX_DISTANCE", "NORMS", "norm_at_most", "norm_ratio"]

COSINE_BITS = 16
"""Fraction bits of a cosine and of a ratio of norms."""
_FIRST_NORM, _LAST_NORM = 16, 56
_COSINE_STEPS = 25
_LARGEST_RATIO = 8


def _fourths(exponent: int) -> int:
    """Return floor(2^(exponent / 4))."""
    return isqrt(isqrt(1 << exponent))


MAX_DISTANCE = 1 << _LAST_NORM
"""Largest squared norm: by Cauchy and Schwarz no inner product is larger, so that 64 bits hold them all."""

NORMS = tuple(_fourths(4 * _FIRST_NORM + step) for step in range(4 * (_LAST_NORM - _FIRST_NORM)))
"""Squared norms from which on the levels 1, 2, ... begin: 2^16, 2^16.25, ..., in units of 2^-32."""

COSINES = (0, *(_fourths(4 * COSINE_BITS - _COSINE_STEPS + step) for step in range(1, _COSINE_STEPS + 1)))
"""The least cosine of each level, with 16 fraction bits: 0 (or below), 2^-6, 2^-5.75, ..., 1."""


def norm_at_most(level: int) -> int:
    """Return the norm a level ends at, in units of 2^-16, rounded down."""
    return isqrt(_fourths(4 * _FIRST_NORM + level))


def norm_ratio(levels: int) -> int:
    """Return 2^(levels / 8), the ratio of norms that many levels apart, with 16 fraction bits; 2 at most."""
    return isqrt(_fourths(8 * COSINE_BITS + min(levels, _LARGEST_RATIO))) if levels > -8 * COSINE_BITS else 0
