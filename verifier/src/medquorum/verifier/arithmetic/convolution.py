# SPDX-License-Identifier: Apache-2.0
"""Convolutions in the ring without products with public padding; a dense layer covers its whole input."""

from __future__ import annotations

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.windows import Run, patches
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.geometry import Geometry
from medquorum.verifier.arithmetic.kernels.library import library
from medquorum.verifier.arithmetic.products import BITS, Gathered

__all__ = ["Convolution"]

_BLOCK = 1 << 18
_FEW = 8  # outputs below which a kernel's panel of 32 columns is mostly empty


class Convolution:
    """A convolution's live weights, arranged for matrix products.

    Parameters
    ----------
    weights
        Array of int64 (outputs, inputs, rows, columns).
        The taps of ``geometry.live`` only.
    bits
        The sums are right modulo 2^bits; up to 52 a compiled kernel serves, where there is one.
    """

    def __init__(self, weights: IntArray, geometry: Geometry, bits: int = 64) -> None:
        kernels = library()
        suits = bits <= BITS and weights.shape[0] >= _FEW
        self._products: Gathered | _Pure = (
            Gathered(kernels, weights, geometry)
            if suits and kernels is not None and kernels.has("products")
            else _Pure(weights, geometry)
        )
        self._shape = *geometry.output, weights.shape[0]

    def __call__(self, values: IntArray) -> IntArray:
        """Return the sums (n, rows, columns, outputs) of values (n, h, w, inputs)."""
        result = np.empty((values.shape[0], *self._shape), dtype=np.int64)
        self._products(values, result)
        return result


class _Pure:
    """By matrices of windows and torch's integer product."""

    def __init__(self, weights: IntArray, geometry: Geometry) -> None:
        self._stride, self._dilation = geometry.stride, geometry.dilation
        self._groups: list[tuple[Run, Run, IntArray]] = []
        rows, columns = geometry.live
        for row in geometry.runs[0]:
            for column in geometry.runs[1]:
                top, left = row.tap - rows.start, column.tap - columns.start
                part = weights[:, :, top : top + row.taps, left : left + column.taps]
                matrix = np.ascontiguousarray(part.transpose(2, 3, 1, 0)).reshape(-1, weights.shape[0])
                self._groups.append((row, column, matrix))

    def __call__(self, values: IntArray, result: IntArray) -> None:
        for row, column, matrix in self._groups:
            places = (slice(row.first, row.first + row.places), slice(column.first, column.first + column.places))
            step = max(1, _BLOCK // (row.places * column.places * matrix.shape[0]))
            for first in range(0, values.shape[0], step):
                windows = patches(values[first : first + step], row, column, self._stride, self._dilation)
                product = ring.matmul(np.array(windows).reshape(-1, matrix.shape[0]), matrix)
                result[first : first + step, places[0], places[1]] = product.reshape(
                    -1, row.places, column.places, result.shape[3]
                )
