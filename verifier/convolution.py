# SPDX-License-Identifier: Apache-2.0
"""Convolutions modulo 2^64 without products with public padding; a dense layer covers its whole input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chaincode.evaluation.windows import Run, runs
from chaincode.fixedpoint import IntArray
from verifier import ring

__all__ = ["Convolution", "Geometry"]

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Geometry:
    """Sizes of a convolution.

    Attributes
    ----------
    height, width : int
        Input places.
    kernel : (int, int)
    stride, padding : int
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: int
    padding: int

    @cached_property
    def runs(self) -> tuple[list[Run], list[Run]]:
        """Output places by their live taps, for rows and for columns."""
        return (
            runs(self.height, self.kernel[0], self.stride, self.padding),
            runs(self.width, self.kernel[1], self.stride, self.padding),
        )

    @cached_property
    def output(self) -> tuple[int, int]:
        """Output places."""
        return sum(run.places for run in self.runs[0]), sum(run.places for run in self.runs[1])

    @cached_property
    def live(self) -> tuple[slice, slice]:
        """The kernel's rows and columns that meet the image anywhere."""
        rows, columns = (
            slice(min(run.tap for run in axis), max(run.tap + run.taps for run in axis)) for axis in self.runs
        )
        return rows, columns


class Convolution:
    """A convolution's live weights, arranged for matrix products.

    Parameters
    ----------
    weights : ndarray of int64 (outputs, inputs, rows, columns)
        The taps of ``geometry.live`` only.
    geometry : Geometry
    """

    def __init__(self, weights: IntArray, geometry: Geometry) -> None:
        self.outputs, self.inputs = weights.shape[:2]
        self._geometry = geometry
        rows, columns = geometry.live
        self._groups: list[tuple[Run, Run, IntArray]] = []
        for row in geometry.runs[0]:
            for column in geometry.runs[1]:
                top, left = row.tap - rows.start, column.tap - columns.start
                part = weights[:, :, top : top + row.taps, left : left + column.taps]
                matrix = np.ascontiguousarray(part.transpose(2, 3, 1, 0)).reshape(-1, self.outputs)
                self._groups.append((row, column, matrix))

    def __call__(self, values: IntArray) -> IntArray:
        """Give the sums (n, rows, columns, outputs) of values (n, h, w, inputs) modulo 2^64."""
        count = values.shape[0]
        result = np.empty((count, *self._geometry.output, self.outputs), dtype=np.int64)
        for row, column, matrix in self._groups:
            places = (slice(row.first, row.first + row.places), slice(column.first, column.first + column.places))
            step = max(1, _BLOCK // (row.places * column.places * matrix.shape[0]))
            for first in range(0, count, step):
                block = _patches(values[first : first + step], row, column, self._geometry.stride)
                product = ring.matmul(block, matrix)
                result[first : first + step, places[0], places[1]] = product.reshape(
                    -1, row.places, column.places, self.outputs
                )
        return result


def _patches(values: IntArray, rows: Run, columns: Run, stride: int) -> IntArray:
    """Give the windows of (n, h, w, c) values as a matrix (n · places, taps · c)."""
    part = values[:, rows.start :, columns.start :, :]
    by_image, by_row, by_column, by_channel = part.strides
    view = np.lib.stride_tricks.as_strided(
        part,
        (part.shape[0], rows.places, columns.places, rows.taps, columns.taps, part.shape[3]),
        (by_image, by_row * stride, by_column * stride, by_row, by_column, by_channel),
    )
    return np.ascontiguousarray(view).reshape(
        part.shape[0] * rows.places * columns.places, rows.taps * columns.taps * part.shape[3]
    )
