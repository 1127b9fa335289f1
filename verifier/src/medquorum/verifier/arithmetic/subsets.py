# SPDX-License-Identifier: Apache-2.0
"""Sums over random subsets: they tell numbers that are all zero from any others."""

from __future__ import annotations

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.kernels.library import library

__all__ = ["SUBSETS", "coin_count", "quotients", "subset_sums"]

SUBSETS = 64
_GROUP = 4
_BLOCK = 1 << 14
_LIMB = np.int64((1 << 22) - 1)
_SHIFTS = np.array([[0], [22], [44]], dtype=np.int64)  # sums of a block's limbs are exact as floats


def coin_count(values: int) -> int:
    """Return how many coins choose the subsets of so many values."""
    return -(-values // _GROUP) * _GROUP


def subset_sums(values: IntArray, coins: IntArray) -> IntArray:
    """Return the sums (64,) modulo 2^64 of 64 subsets of values (n,).

    Parameters
    ----------
    coins
        Array of int64 (coin_count(n),).
        Four values have four coins, 32 bytes. Bit i of byte j says whether value i is in subset j, bit 4 + i whether it
        is in subset 32 + j.
    """
    kernels = library()
    total = np.zeros(SUBSETS, dtype=np.int64)
    if kernels is not None:
        kernels.call("subset_sums", np.ascontiguousarray(values), np.ascontiguousarray(coins), total, values.shape[0])
        return total
    for start in range(0, values.shape[0], _BLOCK):
        part = values[start : start + _BLOCK]
        bits = np.unpackbits(coins[start : start + _BLOCK].copy().view(np.uint8), bitorder="little")
        chosen = bits.reshape(-1, SUBSETS // 2, 2, _GROUP).transpose(0, 3, 2, 1).reshape(-1, SUBSETS)
        limbs = (part >> _SHIFTS & _LIMB).astype(np.float64)
        total += ((limbs @ chosen[: part.shape[0]].astype(np.float64)).astype(np.int64) << _SHIFTS).sum(axis=0)
    return total


def quotients(shares: IntArray, borrows: IntArray, opened: IntArray | None, bits: int) -> IntArray:
    """Return shares (n,) of 2^bits times (floor(c / 2^bits) - borrow), where borrow + one-bit mask is known.

    Parameters
    ----------
    shares
        Array of int64 (n,).
        Of the one-bit masks, modulo 2^(64 - bits); a kernel puts the result in its place.
    borrows
        Array of int64 (n,).
        Borrow + mask modulo 2.
    opened
        Array of int64 (n,) or None.
        c at P0, None at P1.
    """
    kernels = library()
    if kernels is not None:
        kernels.call("quotients", shares, borrows, 0 if opened is None else opened, shares.shape[0], bits)
        return shares
    result = (2 * borrows - 1) * shares
    if opened is not None:
        result += (opened >> np.int64(bits)) - borrows
    return result << np.int64(bits)
