# SPDX-License-Identifier: Apache-2.0
"""Bit planes: bit j of 64 elements side by side in one machine word, so that one operation serves 64 elements."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.kernels.library import library

__all__ = ["Words", "planes", "spread", "word_count"]

Words: TypeAlias = npt.NDArray[np.uint64]

_STEPS = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))


def word_count(elements: int) -> int:
    """Return the words a plane of this many elements takes."""
    return (elements + 63) // 64


def planes(values: IntArray, bits: int) -> Words:
    """Return the low ``bits`` bit planes of (n,) elements, lowest first.

    Returns
    -------
    ndarray of uint64 (bits, word_count(n))
        Bit e % 64 of word e // 64 belongs to element e; elements past n are 0.
    """
    count = values.shape[0]
    kernels = library()
    if kernels is not None:
        result = np.empty((bits, word_count(count)), dtype=np.uint64)
        kernels.call("planes", np.ascontiguousarray(values), result, count, bits)
        return result
    width = (bits + 7) // 8
    padded = np.zeros((width, word_count(count) * 64), dtype=np.uint8)
    padded[:, :count] = values.view(np.uint8).reshape(count, 8)[:, :width].T
    blocks = padded.view(np.uint64)
    for shift, mask in _STEPS:
        swapped = (blocks ^ (blocks >> np.uint64(shift))) & np.uint64(mask)
        blocks ^= swapped
        blocks ^= swapped << np.uint64(shift)
    by_bit = blocks.view(np.uint8).reshape(width, -1, 8).transpose(0, 2, 1)
    return np.ascontiguousarray(by_bit).reshape(width * 8, -1).view(np.uint64)[:bits]


def spread(plane: Words, count: int) -> IntArray:
    """Return a plane's first ``count`` bits as int64 elements 0 or 1."""
    kernels = library()
    if kernels is not None:
        result = np.empty(count, dtype=np.int64)
        kernels.call("spread", plane, result, count)
        return result
    return np.unpackbits(plane.view(np.uint8), count=count, bitorder="little").astype(np.int64)
