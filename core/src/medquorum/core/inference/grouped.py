# SPDX-License-Identifier: Apache-2.0
"""Convolutions whose outputs see a part of the channels only, exact as those of :mod:`medquorum.core.inference.linear`.

A depthwise one has few products for each value: it is summed tap by tap, not as a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from medquorum.core.fixedpoint import FloatArray, IntArray
from medquorum.core.inference.linear import Convolution, Geometry

__all__ = ["Depthwise", "Grouped"]


class Grouped:
    """A convolution in groups of channels, each a convolution of its own.

    Parameters
    ----------
    weights
        Array of int64 (outputs, inputs of a group, rows, columns), the live taps only.
    """

    def __init__(self, weights: IntArray, geometry: Geometry, shift: int, groups: int) -> None:
        self._width = weights.shape[1]
        self._parts = [Convolution(part, geometry, shift) for part in np.split(weights, groups)]
        self.bound = max(part.bound for part in self._parts)
        """No output's sum exceeds max|x| times this."""

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return the sums divided by 2^shift, exact when max|x| · bound < 2^53."""
        return np.concatenate([part.scaled(own) for part, own in self._own(values)], axis=3)

    def wrapping(self, values: FloatArray) -> IntArray:
        """Return the sums modulo 2^64, whatever the weights."""
        return np.concatenate([part.wrapping(own) for part, own in self._own(values)], axis=3)

    def _own(self, values: FloatArray) -> Iterator[tuple[Convolution, FloatArray]]:
        for index, part in enumerate(self._parts):
            yield part, np.ascontiguousarray(values[..., index * self._width : (index + 1) * self._width])


class Depthwise:
    """A convolution of each channel with its own weights.

    Parameters
    ----------
    weights
        Array of int64 (channels, 1, rows, columns), the live taps only.
    """

    def __init__(self, weights: IntArray, geometry: Geometry, shift: int) -> None:
        self._geometry = geometry
        self._weights = np.ascontiguousarray(weights[:, 0].transpose(1, 2, 0))
        self._scaled = self._weights.astype(np.float64) * 2.0**-shift
        sums = np.abs(self._weights.astype(np.float64)).sum(axis=(0, 1))
        self.bound = float(sums.max(initial=0.0)) * (1 + 2.0**-20)
        """No output's sum exceeds max|x| times this."""

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return the sums divided by 2^shift, exact when max|x| · bound < 2^53."""
        result: FloatArray = np.zeros((len(values), *self._geometry.output, values.shape[3]))
        for place, taps, window in self._taps(self._geometry.bordered(values)):
            result[place] += window * self._scaled[taps]
        return result

    def wrapping(self, values: FloatArray) -> IntArray:
        """Return the sums modulo 2^64, whatever the weights."""
        result: IntArray = np.zeros((len(values), *self._geometry.output, values.shape[3]), dtype=np.int64)
        for place, taps, window in self._taps(self._geometry.bordered(values)):
            result[place] += window.astype(np.int64) * self._weights[taps]
        return result

    def _taps(self, values: FloatArray) -> Iterator[tuple[tuple[slice, ...], tuple[int, int], FloatArray]]:
        """Return where each tap's products go, its place among the weights, and the values under it."""
        starts = [part.start for part in self._geometry.live]
        for row in self._geometry.runs[0]:
            for column in self._geometry.runs[1]:
                windows = self._geometry.windows(values, row, column)
                place = (slice(None), *(slice(run.first, run.first + run.places) for run in (row, column)))
                for i in range(row.taps):
                    for j in range(column.taps):
                        taps = row.tap - starts[0] + i, column.tap - starts[1] + j
                        yield place, taps, windows[:, :, :, i, j]
