# SPDX-License-Identifier: Apache-2.0
"""Comparison and pooling of activations, defined also where their differences wrap."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, FloatArray, IntArray
from medquorum.core.inference.windows import Run, adaptive_windows, extents, runs

__all__ = ["adaptive_average", "average", "maximum", "reduce"]

Pair: TypeAlias = tuple[int, int]


def reduce(values: FloatArray, bits: int) -> FloatArray:
    """Reduce integers |x| < 2^53 modulo 2^bits to [-2^(bits-1), 2^(bits-1))."""
    half, whole = 2.0 ** (bits - 1), 2.0**bits
    if values.size == 0 or (values.max() < half and values.min() >= -half):
        return values
    result: FloatArray = values - whole * np.floor((values + half) / whole)
    return result


def _larger(kept: FloatArray, other: FloatArray, bits: int) -> FloatArray:
    """Keep a value unless the other one is greater: the sign of their difference reduced to ``bits`` decides."""
    result: FloatArray = np.where(reduce(kept - other, bits) >= 0, kept, other)
    return result


def maximum(
    values: FloatArray, kernel: Pair, stride: Pair, padding: Pair, bits: int, *, ceil: bool = False
) -> FloatArray:
    """Pool (n, h, w, c) to the maximum of each window: along rows first, then down columns, first value first."""
    plain = values.size == 0 or np.abs(values).max() < 2.0 ** (bits - 2)
    for axis in (2, 1):
        step = stride[axis - 1]
        found = runs(values.shape[axis], kernel[axis - 1], step, padding[axis - 1], ceil=ceil)
        values = _maximum_along(values, axis, found, step, None if plain else bits)
    return values


def _maximum_along(values: FloatArray, axis: int, found: list[Run], stride: int, bits: int | None) -> FloatArray:
    shape = list(values.shape)
    shape[axis] = sum(run.places for run in found)
    result = np.empty(shape)
    for run in found:
        best = _tap(values, axis, run, 0, stride)
        for tap in range(1, run.taps):
            other = _tap(values, axis, run, tap, stride)
            best = np.maximum(best, other) if bits is None else _larger(best, other, bits)
        result[_along(axis, slice(run.first, run.first + run.places))] = best
    return result


def _tap(values: FloatArray, axis: int, run: Run, tap: int, stride: int) -> FloatArray:
    start = run.start + tap
    return values[_along(axis, slice(start, start + (run.places - 1) * stride + 1, stride))]


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if index == axis else slice(None) for index in range(axis + 1))


def average(
    values: FloatArray, kernel: Pair, stride: Pair, padding: Pair, bits: int, *, ceil: bool = False
) -> FloatArray:
    """Pool (n, h, w, c) to T_f(Σ window · round(2^f / area)), reduced to ``bits``; padded places are zeros."""
    areas = []
    for axis, taps, step, border in zip((1, 2), kernel, stride, padding, strict=True):
        areas.append(extents(values.shape[axis], taps, step, border, ceil=ceil))
        places, beyond = len(areas[-1]), taps - int(areas[-1][-1])
        if border or beyond:
            values = np.pad(values, [(border, border + beyond) if index == axis else (0, 0) for index in range(4)])
        run = Run(0, places, 0, taps, 0)
        total = _tap(values, axis, run, 0, step).copy()
        for tap in range(1, taps):
            total += _tap(values, axis, run, tap, step)
        values = total
    return _mean(values, _areas(*areas), bits)


def adaptive_average(values: FloatArray, size: Pair, bits: int) -> FloatArray:
    """Pool (n, h, w, c) to ``size`` windows: from floor(i·h/a) to before ceil((i+1)·h/a), so along both axes."""
    rows, columns = (adaptive_windows(values.shape[axis], size[axis - 1]) for axis in (1, 2))
    sums = np.stack([values[:, row].sum(axis=1) for row in rows], axis=1)
    totals = np.stack([sums[:, :, column].sum(axis=2) for column in columns], axis=2)
    heights, widths = (np.array([part.stop - part.start for part in parts]) for parts in (rows, columns))
    return _mean(totals, _areas(heights, widths), bits)


def _areas(heights: IntArray, widths: IntArray) -> IntArray:
    """Return (h, w, 1) places of the windows of these heights and widths."""
    result: IntArray = (heights[:, np.newaxis] * widths)[..., np.newaxis]
    return result


def _mean(totals: FloatArray, area: IntArray, bits: int) -> FloatArray:
    factor = ((2 << FRACTION_BITS) + area) // (2 * area)
    return reduce(np.floor(totals * (factor * 2.0**-FRACTION_BITS) + 0.5), bits)
