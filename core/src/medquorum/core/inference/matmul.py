# SPDX-License-Identifier: Apache-2.0
"""Exact integer matrix products through float64 BLAS.

A sum of integer products in float64 is exact, in any order and with any number of threads, as long as
max|x| · max_column Σ|w| < 2^53: no partial sum then needs more than 53 bits. Where the data pass that bound, x and
where needed w are cut into limbs that keep it, and the limbs' products are put together modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FloatArray, IntArray

__all__ = ["EXACT", "ExactMatrix"]

EXACT = float(1 << 53)
_LIMB = 24


class ExactMatrix:
    """Weights (inputs, outputs), prepared once for exact products.

    Parameters
    ----------
    weights
        Array of int64 (inputs, outputs).
    shift
        Products of :meth:`scaled` come out divided by 2^shift, which costs nothing and loses nothing.
    """

    def __init__(self, weights: IntArray, shift: int = 0) -> None:
        floats = weights.astype(np.float64)
        self.inputs = len(weights)
        self.bound = _column_bound(floats)
        """No column's Σ|w| is larger."""
        self._scaled: FloatArray = np.ascontiguousarray(floats * 2.0**-shift)
        self._shift = shift
        self._wide = weights.copy() if np.abs(floats).max(initial=0.0) >= EXACT else None

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return values @ weights / 2^shift.

        Exact when max|values| · bound < EXACT, which the caller has checked; ``values`` is (rows, inputs).
        """
        result: FloatArray = np.matmul(values, self._scaled)
        return result

    def scaled_rows(self, rows: npt.NDArray[np.integer], values: FloatArray) -> FloatArray:
        """Return the same of some inputs only: values (n, chosen) @ weights[rows] / 2^shift."""
        result: FloatArray = np.matmul(values, self._scaled[rows])
        return result

    def wrapping(self, values: FloatArray) -> IntArray:
        """Return values @ weights modulo 2^64 for any weights and any integers |values| < 2^53."""
        total = np.zeros((values.shape[0], self._scaled.shape[1]), dtype=np.int64)
        for weight_shift, weights, bound in self._limbs():
            bits = 52 - int(np.ceil(np.log2(max(bound, 1.0))))
            for value_shift, part in _value_limbs(values, bits):
                if weight_shift + value_shift < 64:
                    total += (part @ weights).astype(np.int64) << np.int64(weight_shift + value_shift)
        return total

    def _limbs(self) -> Iterator[tuple[int, FloatArray, float]]:
        """Return the weights whole, or in signed limbs where that leaves the values under 8 bits, and their shifts."""
        if self._wide is None and self.bound < 2.0**44:
            yield 0, self._scaled * 2.0**self._shift, self.bound
            return
        rest = (self._scaled * 2.0**self._shift).astype(np.int64) if self._wide is None else self._wide
        for shift in range(0, 64, _LIMB):
            high = (rest + np.int64(1 << (_LIMB - 1))) >> np.int64(_LIMB)
            part = rest if shift + _LIMB >= 64 else rest - (high << np.int64(_LIMB))
            floats = part.astype(np.float64)
            if part.any():
                yield shift, floats, _column_bound(floats)
            rest = high


def _value_limbs(values: FloatArray, bits: int) -> Iterator[tuple[int, FloatArray]]:
    """Cut integers into limbs of ``bits`` bits, low ones first and non-negative, the last one signed."""
    shift = 0
    rest = values
    while np.abs(rest).max(initial=0.0) >= 2.0**bits:
        high = np.floor(rest * 2.0**-bits)
        yield shift, rest - high * 2.0**bits
        rest = high
        shift += bits
    yield shift, rest


def _column_bound(weights: FloatArray) -> float:
    """Return an upper bound of every column's Σ|w|, its own rounding included."""
    return float(np.abs(weights).sum(axis=0).max(initial=0.0)) * (1 + 2.0**-20)
