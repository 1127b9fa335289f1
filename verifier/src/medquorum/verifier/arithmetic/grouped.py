# SPDX-License-Identifier: Apache-2.0
"""Convolutions in the ring whose outputs see a part of the channels only."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.windows import patches
from medquorum.verifier.arithmetic.convolution import Convolution
from medquorum.verifier.arithmetic.geometry import Geometry

__all__ = ["Sums", "convolution"]


class Sums(Protocol):
    """A convolution with its weights."""

    def __call__(self, values: IntArray) -> IntArray:
        """Return the sums (n, rows, columns, outputs) of values (n, h, w, inputs)."""
        ...


def convolution(weights: IntArray, geometry: Geometry, groups: int = 1, bits: int = 64) -> Sums:
    """Return the convolution with live weights (outputs, inputs of a group, rows, columns), right modulo 2^bits."""
    if groups == 1:
        return Convolution(weights, geometry, bits)
    if groups == weights.shape[0] and weights.shape[1] == 1:
        return _Depthwise(weights, geometry)
    return _Grouped([Convolution(part, geometry, bits) for part in np.split(weights, groups)], weights.shape[1])


class _Grouped:
    """Convolutions of as many channels each, one after the other."""

    def __init__(self, parts: list[Convolution], width: int) -> None:
        self._parts = parts
        self._width = width

    def __call__(self, values: IntArray) -> IntArray:
        width = self._width
        own = (np.ascontiguousarray(values[..., i * width : (i + 1) * width]) for i in range(len(self._parts)))
        return np.concatenate([part(channels) for part, channels in zip(self._parts, own, strict=True)], axis=3)


class _Depthwise:
    """A convolution of each channel with its own weights, summed tap by tap: no matrix product would be full."""

    def __init__(self, weights: IntArray, geometry: Geometry) -> None:
        self._geometry = geometry
        self._weights = np.ascontiguousarray(weights[:, 0].transpose(1, 2, 0))

    def __call__(self, values: IntArray) -> IntArray:
        geometry = self._geometry
        result: IntArray = np.zeros((len(values), *geometry.output, values.shape[3]), dtype=np.int64)
        top, left = (part.start for part in geometry.live)
        for row in geometry.runs[0]:
            for column in geometry.runs[1]:
                windows = patches(values, row, column, geometry.stride, geometry.dilation)
                place = (slice(None), *(slice(run.first, run.first + run.places) for run in (row, column)))
                for i in range(row.taps):
                    for j in range(column.taps):
                        weights = self._weights[row.tap - top + i, column.tap - left + j]
                        result[place] += windows[:, :, :, i, j] * weights
        return result
