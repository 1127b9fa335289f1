# SPDX-License-Identifier: Apache-2.0
"""Convolutions (a dense layer is one that covers its whole input) as exact matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import FloatArray, IntArray
from medquorum.core.inference.matmul import ExactMatrix
from medquorum.core.inference.windows import Run, patches, runs
from medquorum.core.model.graph.shapes import windows_along

__all__ = ["Convolution", "Geometry", "Pair"]

Pair: TypeAlias = tuple[int, int]
"""Along height and width."""
Place: TypeAlias = tuple[slice, slice, slice]

_WORTHWHILE = 0.85
_BLOCK = 1 << 18


class Geometry:
    """Sizes of a convolution and the taps that ever meet the image.

    Parameters
    ----------
    size
        Input places: height, width.
    """

    def __init__(
        self, size: Pair, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1)
    ):
        self.stride = stride
        self.dilation = dilation
        axes = list(zip(size, kernel, stride, padding, dilation, strict=True))
        self.output = (windows_along(*axes[0]), windows_along(*axes[1]))
        self._sizes = size
        self._kernel = kernel
        self._padding = padding
        self.runs = (runs(*axes[0]), runs(*axes[1]))
        live = [sum(run.places * run.taps for run in axis) for axis in self.runs]
        whole = [places * taps for places, taps in zip(self.output, kernel, strict=True)]
        self.pads = False
        """True where copying in a zero border costs less than keeping the border's products out."""
        if any(padding) and live[0] * live[1] > _WORTHWHILE * whole[0] * whole[1]:
            self.pads = True
            self.runs = ([Run(0, self.output[0], 0, kernel[0], 0)], [Run(0, self.output[1], 0, kernel[1], 0)])

    @property
    def live(self) -> tuple[slice, slice]:
        """The kernel's rows and columns that meet the image anywhere; all others never matter."""
        rows, columns = (
            slice(min(run.tap for run in axis), max(run.tap + run.taps for run in axis)) for axis in self.runs
        )
        return rows, columns

    def covers(self, row: Run, column: Run) -> bool:
        """Tell whether a group of output places is the only one and meets every input place."""
        return self.output == (1, 1) and (row.taps, column.taps) == self._sizes and not self.pads

    def bordered(self, values: FloatArray) -> FloatArray:
        """Put values (n, h, w, c) into a zero border where this geometry pads."""
        if not self.pads:
            return values
        n, _, _, channels = values.shape
        axes = zip(self.output, self._kernel, self.stride, self.dilation, self._padding, self._sizes, strict=True)
        sizes = [
            max((places - 1) * stride + (taps - 1) * dilation + 1, padding + size)
            for places, taps, stride, dilation, padding, size in axes
        ]
        result = np.zeros((n, *sizes, channels))
        rows, columns = (
            slice(padding, padding + size) for padding, size in zip(self._padding, self._sizes, strict=True)
        )
        result[:, rows, columns, :] = values
        return result

    def windows(self, values: FloatArray, row: Run, column: Run) -> FloatArray:
        """Return the windows of bordered values for a group of output places: (n, rows, columns, taps, taps, c)."""
        return patches(values, row, column, self.stride, self.dilation)


class Convolution:
    """A convolution's live weights, arranged for exact products.

    Parameters
    ----------
    weights
        Array of int64 (outputs, inputs, rows, columns).
        The taps of ``geometry.live`` only.
    shift
        :meth:`scaled` gives the sums divided by 2^shift.
    """

    def __init__(self, weights: IntArray, geometry: Geometry, shift: int) -> None:
        self.outputs, self.inputs = weights.shape[:2]
        self._geometry = geometry
        self._weights = weights
        self._shift = shift
        rows, columns = geometry.live
        self._groups = []
        for row in geometry.runs[0]:
            for column in geometry.runs[1]:
                top, left = row.tap - rows.start, column.tap - columns.start
                part = weights[:, :, top : top + row.taps, left : left + column.taps]
                matrix = part.transpose(2, 3, 1, 0).reshape(-1, self.outputs)
                self._groups.append((row, column, ExactMatrix(matrix, shift)))
        self.bound = max(matrix.bound for _, _, matrix in self._groups)
        """No output's sum exceeds max|x| times this."""

    @cached_property
    def grayscale(self) -> Convolution:
        """The same for one input channel that is repeated: its weights are the sums over the channels."""
        return Convolution(self._weights.sum(axis=1, keepdims=True), self._geometry, self._shift)

    @property
    def whole(self) -> ExactMatrix | None:
        """The one matrix (rows·columns·inputs, outputs) of a layer that takes its whole input at once, else None."""
        (row, column, matrix), *others = self._groups
        return None if others or not self._geometry.covers(row, column) else matrix

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return the sums of (n, h, w, inputs) values divided by 2^shift, exact when max|x| · bound < 2^53."""
        result: FloatArray = np.empty((values.shape[0], *self._geometry.output, self.outputs))
        for place, matrix, windows in self._products(values):
            result[place] = matrix.scaled(windows).reshape(result[place].shape)
        return result

    def wrapping(self, values: FloatArray) -> IntArray:
        """Return the sums modulo 2^64, whatever the weights."""
        result: IntArray = np.empty((values.shape[0], *self._geometry.output, self.outputs), dtype=np.int64)
        for place, matrix, windows in self._products(values):
            result[place] = matrix.wrapping(windows).reshape(result[place].shape)
        return result

    def _products(self, values: FloatArray) -> Iterator[tuple[Place, ExactMatrix, FloatArray]]:
        """Return each product to make: where its result goes, the weights, the windows; blocks stay in the cache."""
        if (whole := self.whole) is not None:
            yield (slice(None), slice(None), slice(None)), whole, values.reshape(len(values), -1)
            return
        values = self._geometry.bordered(values)
        for row, column, matrix in self._groups:
            rows, columns = (slice(run.first, run.first + run.places) for run in (row, column))
            size = row.places * column.places * row.taps * column.taps * values.shape[3]
            step = max(1, _BLOCK // size)
            for first in range(0, len(values), step):
                images = slice(first, first + step)
                windows = self._geometry.windows(values[images], row, column)
                yield (images, rows, columns), matrix, windows.reshape(-1, matrix.inputs)
