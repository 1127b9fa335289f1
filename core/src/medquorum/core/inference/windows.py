# SPDX-License-Identifier: Apache-2.0
"""Which taps of a window lie inside the image at which output places."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import FloatArray
from medquorum.core.model.shapes import pooled

__all__ = ["Run", "patches", "runs"]


class Run(NamedTuple):
    """Neighbouring output places, along one axis, with the same live taps."""

    first: int
    """First output place."""
    places: int
    tap: int
    """First live tap."""
    taps: int
    start: int
    """Input place under the first live tap of the first output place."""


def runs(size: int, kernel: int, stride: int, padding: int) -> list[Run]:
    """Group the output places of an axis of ``size`` input places by their live taps; they cover all places."""

    def taps(place: int) -> tuple[int, int]:
        start = place * stride - padding
        return max(0, -start), min(kernel, size - start)

    outputs = range(pooled(size, kernel, stride, padding))
    groups = [(key, list(group)) for key, group in groupby(outputs, key=taps)]
    return [
        Run(group[0], len(group), low, high - low, group[0] * stride - padding + low) for (low, high), group in groups
    ]


def patches(values: FloatArray, rows: Run, columns: Run, stride: int) -> FloatArray:
    """Return the windows of (n, h, w, c) values as a matrix (n · rows · columns, taps · taps · c)."""
    n, _, _, channels = values.shape
    part = values[:, rows.start :, columns.start :, :]
    by_image, by_row, by_column, by_channel = part.strides
    view = np.lib.stride_tricks.as_strided(
        part,
        (n, rows.places, columns.places, rows.taps, columns.taps, channels),
        (by_image, by_row * stride, by_column * stride, by_row, by_column, by_channel),
        writeable=False,
    )
    return view.reshape(n * rows.places * columns.places, rows.taps * columns.taps * channels)
