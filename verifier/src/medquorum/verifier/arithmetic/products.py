# SPDX-License-Identifier: Apache-2.0
"""Convolutions modulo 2^52 by the compiled gathering product (``products.c``)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.windows import Run
from medquorum.verifier.arithmetic.geometry import Geometry
from medquorum.verifier.arithmetic.kernels.library import Library

__all__ = ["BITS", "Gathered"]

BITS = 52
_PANEL = 32
_KEPT = 32  # convolutions whose places are kept


class _Places(NamedTuple):
    """Of output places with the same taps: places in the result, in the input, taps, and their rows of weights."""

    targets: IntArray
    rows: IntArray
    taps: IntArray
    panels: IntArray


class Gathered:
    """A convolution's live weights in panels of 32 outputs.

    Parameters
    ----------
    weights
        Array of int64 (outputs, inputs, rows, columns).
    """

    def __init__(self, library: Library, weights: IntArray, geometry: Geometry) -> None:
        self._library = library
        self._geometry = geometry
        self._outputs, self._inputs, *kernel = weights.shape
        count = -(-self._outputs // _PANEL)
        padded = np.zeros((count * _PANEL, self._inputs, *kernel), dtype=np.int64)
        padded[: self._outputs] = weights
        by_panel = padded.reshape(count, _PANEL, self._inputs, *kernel).transpose(0, 3, 4, 2, 1)
        self._weights = np.ascontiguousarray(by_panel).reshape(count, -1, _PANEL)

    def __call__(self, values: IntArray, result: IntArray) -> None:
        """Put the sums of values (n, h, w, inputs) into ``result`` (n, rows, columns, outputs)."""
        values = np.ascontiguousarray(values)
        for targets, rows, taps, panels in _places(self._geometry, values.shape[0], self._inputs, self._outputs):
            self._library.call(
                "products",
                *(result, targets, values, rows, rows.size, taps, panels, taps.size),
                *(self._inputs, self._weights, self._weights.shape[1], self._outputs),
            )


@lru_cache(_KEPT)
def _places(geometry: Geometry, images: int, inputs: int, outputs: int) -> list[_Places]:
    """Return the places of a convolution of so many images; all layers and models of equal sizes share them."""
    rows, columns = geometry.runs
    return [_group(geometry, row, column, images, inputs, outputs) for row in rows for column in columns]


def _group(geometry: Geometry, row: Run, column: Run, images: int, inputs: int, outputs: int) -> _Places:
    live = geometry.live
    return _Places(
        _offsets((row.first, row.places, 1), (column.first, column.places, 1), images, geometry.output) * outputs,
        _offsets(
            (row.start, row.places, geometry.stride[0]),
            (column.start, column.places, geometry.stride[1]),
            images,
            geometry.size,
        )
        * inputs,
        _offsets((0, row.taps, geometry.dilation[0]), (0, column.taps, geometry.dilation[1]), 1, (0, geometry.size[1]))
        * inputs,
        _offsets(
            (row.tap - live[0].start, row.taps, 1),
            (column.tap - live[1].start, column.taps, 1),
            1,
            (0, live[1].stop - live[1].start),
        )
        * inputs,
    )


def _offsets(rows: tuple[int, int, int], columns: tuple[int, int, int], images: int, size: tuple[int, int]) -> IntArray:
    """Return the places of a grid of (first, count, step) rows and columns in images of a size, one after the other."""
    (top, height, down), (left, width, right) = rows, columns
    image, row, column = np.ogrid[:images, :height, :width]
    return np.ascontiguousarray(
        ((image * size[0] + top + row * down) * size[1] + left + column * right).reshape(-1), dtype=np.int64
    )
