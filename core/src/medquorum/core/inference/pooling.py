# SPDX-License-Identifier: Apache-2.0
"""Comparison and pooling of activations, defined also where their differences wrap."""

from __future__ import annotations

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, FloatArray
from medquorum.core.inference.windows import Run, runs
from medquorum.core.model.shapes import pooled

__all__ = ["average", "maximum", "reduce"]


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


def maximum(values: FloatArray, kernel: int, stride: int, padding: int, bits: int) -> FloatArray:
    """Pool (n, h, w, c) to the maximum of each window: along rows first, then down columns, first value first."""
    plain = values.size == 0 or np.abs(values).max() < 2.0 ** (bits - 2)
    for axis in (2, 1):
        values = _maximum_along(values, axis, kernel, stride, padding, None if plain else bits)
    return values


def _maximum_along(
    values: FloatArray, axis: int, kernel: int, stride: int, padding: int, bits: int | None
) -> FloatArray:
    places = pooled(values.shape[axis], kernel, stride, padding)
    shape = list(values.shape)
    shape[axis] = places
    result = np.empty(shape)
    for run in runs(values.shape[axis], kernel, stride, padding):
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


def average(values: FloatArray, kernel: tuple[int, int], stride: int, bits: int) -> FloatArray:
    """Pool (n, h, w, c) to T_f(Σ window · round(2^f / area)), reduced to ``bits``."""
    area = kernel[0] * kernel[1]
    factor = ((2 << FRACTION_BITS) + area) // (2 * area)
    for axis, taps in ((1, kernel[0]), (2, kernel[1])):
        run = Run(0, pooled(values.shape[axis], taps, stride, 0), 0, taps, 0)
        total = _tap(values, axis, run, 0, stride).copy()
        for tap in range(1, taps):
            total += _tap(values, axis, run, tap, stride)
        values = total
    return reduce(np.floor(values * (factor * 2.0**-FRACTION_BITS) + 0.5), bits)
