# SPDX-License-Identifier: Apache-2.0
"""Fixed point with 16 fraction bits in the ring Z_2^64, held as int64 arrays that wrap."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.errors import ModelError, RangeError

__all__ = [
    "FRACTION_BITS",
    "MAX_LAMBDA_BITS",
    "FloatArray",
    "IntArray",
    "activation_bits",
    "decode",
    "encode",
    "truncate",
    "wrap",
]

FRACTION_BITS = 16
"""Fraction bits f of every parameter, pixel and activation."""
MAX_LAMBDA_BITS = 8
"""Largest k of a mixing weight λ = A/2^k."""

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]


def encode(values: npt.ArrayLike, *, bound: int = 1 << 31) -> IntArray:
    """Turn real numbers into integers with 16 fraction bits, rounding half to even.

    Parameters
    ----------
    values
        array_like of float.
        Any shape; float32 values are encoded exactly as their float64 equals.
    bound
        The integers must lie in [-bound, bound).

    Returns
    -------
    ndarray of int64, same shape

    Raises
    ------
    ModelError
        A value is NaN or infinite.
    RangeError
        A value does not fit the bound.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ModelError(
            "a value is NaN or infinite and has no fixed-point form",
            "Check the training for divergence and send finite numbers only",
        )
    limit = bound / (1 << FRACTION_BITS)
    rounded = np.rint(np.clip(numbers, -2 * limit, 2 * limit) * float(1 << FRACTION_BITS))
    if rounded.size and (rounded.max() >= bound or rounded.min() < -bound):
        raise RangeError(
            f"a value lies outside [-{limit:g}, {limit:g})",
            "Use a smaller learning rate, weight decay or clipping so that parameters stay in range",
        )
    return rounded.astype(np.int64)


def decode(values: npt.ArrayLike) -> FloatArray:
    """Turn integers with 16 fraction bits into float64 (exact below 2^53)."""
    result: FloatArray = np.asarray(values).astype(np.float64) / float(1 << FRACTION_BITS)
    return result


def wrap(values: IntArray, bits: int) -> IntArray:
    """Reduce modulo 2^bits to the signed range [-2^(bits-1), 2^(bits-1)), 1 <= bits <= 63."""
    half = np.int64(1 << (bits - 1))
    mask = np.int64((1 << bits) - 1)
    return ((values + half) & mask) - half


def truncate(values: IntArray, shift: int) -> IntArray:
    """Drop ``shift`` fraction bits: floor((x + 2^(shift-1)) / 2^shift), the sum taken modulo 2^64."""
    return (values + np.int64(1 << (shift - 1))) >> np.int64(shift)


def activation_bits(lambda_bits: int) -> int:
    """Return the signed width of an activation: min(32, 64 - f - k)."""
    return min(32, 64 - FRACTION_BITS - lambda_bits)
