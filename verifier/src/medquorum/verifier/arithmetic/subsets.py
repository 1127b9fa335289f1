# SPDX-License-Identifier: Apache-2.0
"""Sums over random subsets: they tell numbers that are all zero from any others."""

from __future__ import annotations

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.kernels.library import library

__all__ = ["SUBSETS", "subset_sums"]

SUBSETS = 64
_BLOCK = 1 << 14
_LIMB = np.int64((1 << 22) - 1)
_SHIFTS = np.array([[0], [22], [44]], dtype=np.int64)  # sums of a block's limbs are exact as floats


def subset_sums(values: IntArray, coins: IntArray) -> IntArray:
    """Return the sums (64,) modulo 2^64 of 64 subsets of values (n,).

    Parameters
    ----------
    coins
        Array of int64 (n,).
        Bit j of a value's coin says whether it is in subset j.
    """
    kernels = library()
    if kernels is not None:
        result = np.empty(SUBSETS, dtype=np.int64)
        kernels.call("subset_sums", np.ascontiguousarray(values), np.ascontiguousarray(coins), result, values.shape[0])
        return result
    total = np.zeros(SUBSETS, dtype=np.int64)
    for start in range(0, values.shape[0], _BLOCK):
        part = np.ascontiguousarray(coins[start : start + _BLOCK])
        chosen = np.unpackbits(part.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").astype(np.float64)
        limbs = (values[start : start + _BLOCK] >> _SHIFTS & _LIMB).astype(np.float64)
        total += ((limbs @ chosen).astype(np.int64) << _SHIFTS).sum(axis=0)
    return total
