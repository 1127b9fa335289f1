# SPDX-License-Identifier: Apache-2.0
"""Which taps of a window lie inside the image at which output places."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from medquorum.core.model.graph.shapes import live_taps, windows_along

__all__ = ["Run", "adaptive_windows", "extents", "patches", "runs"]

Value = TypeVar("Value", bound=np.generic)


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


def runs(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, *, ceil: bool = False) -> list[Run]:
    """Group the output places of an axis of ``size`` input places by their live taps; they cover all places."""

    def taps(place: int) -> tuple[int, int]:
        live = live_taps(size, place * stride - padding, kernel, dilation)
        return live.start, live.stop

    outputs = range(windows_along(size, kernel, stride, padding, dilation, ceil=ceil))
    groups = [(key, list(group)) for key, group in groupby(outputs, key=taps)]
    return [
        Run(group[0], len(group), low, high - low, group[0] * stride - padding + low * dilation)
        for (low, high), group in groups
    ]


def extents(size: int, kernel: int, stride: int, padding: int, *, ceil: bool = False) -> npt.NDArray[np.int64]:
    """Return how many places each window along an axis has, padded ones too; what ``ceil`` adds beyond them is none."""
    outputs = windows_along(size, kernel, stride, padding, ceil=ceil)
    return np.minimum(kernel, size + 2 * padding - np.arange(outputs) * stride)


def adaptive_windows(size: int, count: int) -> list[slice]:
    """Return ``count`` windows that cover an axis of ``size`` places."""
    return [slice(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def patches(
    values: npt.NDArray[Value], rows: Run, columns: Run, stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> npt.NDArray[Value]:
    """Return the windows of (n, h, w, c) values, as a view (n, rows, columns, taps, taps, c)."""
    part = values[:, rows.start :, columns.start :, :]
    by_image, by_row, by_column, by_channel = part.strides
    return np.lib.stride_tricks.as_strided(
        part,
        (values.shape[0], rows.places, columns.places, rows.taps, columns.taps, values.shape[3]),
        (
            by_image,
            by_row * stride[0],
            by_column * stride[1],
            by_row * dilation[0],
            by_column * dilation[1],
            by_channel,
        ),
        writeable=False,
    )
