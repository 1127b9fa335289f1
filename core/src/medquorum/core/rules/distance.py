# SPDX-License-Identifier: Apache-2.0
"""How far an update is from the base: exact sums of squares of integers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model import Kind, ModelDescription, layout

__all__ = ["MIXED", "SUMMED", "hidden_limit", "squared_distance", "squared_limit"]

MIXED = frozenset(kind for kind in Kind if kind.mixed)
"""Tensors that are mixed with λ: all but batch normalisation's mean and scale."""

SUMMED = 1 << 22
"""Squares that are added up at a time under encryption: within RANGE each is below 2^40, and the sum below 2^62."""


def squared_limit(norm: int) -> int:
    """Return the largest squared distance, in units of 2^-32, that a bound in thousandths allows."""
    return (norm**2 << (2 * FRACTION_BITS)) // 10**6


def hidden_limit(parameters: int) -> int:
    """Return what :func:`squared_limit` must be below under encryption, for so many mixed parameters."""
    return (1 << 62) // -(-parameters // SUMMED)


def squared_distance(
    description: ModelDescription,
    base: Mapping[str, npt.NDArray[np.integer]],
    update: Mapping[str, npt.NDArray[np.integer]],
    kinds: Collection[Kind] = MIXED,
) -> int:
    """Return Σ (r - w)² exactly, in units of 2^-32, over the tensors of some kinds.

    Batch normalisation's mean and scale change by large steps in honest training, so they are not among the default.
    """
    total = 0
    for name, _, kind in layout(description):
        if kind in kinds:
            difference = update[name].astype(np.int64).ravel() - base[name].astype(np.int64).ravel()
            total += _sum_of_squares(difference)
    return total


def _sum_of_squares(values: npt.NDArray[np.int64]) -> int:
    """Add squares of integers below 2^32 in halves of 16 bits, so that no sum of up to 2^25 wraps."""
    size = np.abs(values)
    high, low = size >> np.int64(16), size & np.int64(0xFFFF)
    squares = (int(np.dot(high, high)), int(np.dot(high, low)), int(np.dot(low, low)))
    return (squares[0] << 32) + (squares[1] << 17) + squares[2]
