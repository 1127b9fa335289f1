# SPDX-License-Identifier: Apache-2.0
"""Attacks on the trained update: raw fixed-point parameters in and out (int64, shape (n,), units of 2^-16).

What comes out is what the wire can hold: clipped to int32, not to the bounds an honest client keeps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["gaussian", "out_of_range", "scale", "sign_flip"]

Raw = npt.NDArray[np.int64]
INT32 = np.iinfo(np.int32)


def scale(update: Raw, base: Raw, factor: float) -> Raw:
    """Stretch the step from the base model: w + factor (r - w) ([SMV]'s scaled update, model replacement)."""
    return _on_wire(base.astype(np.float64) + np.rint(factor * (update - base)))


def sign_flip(update: Raw, base: Raw, factor: float) -> Raw:
    """Step the other way: w - factor (r - w)."""
    return scale(update, base, -factor)


def gaussian(update: Raw, deviation: float, unit: int, random: np.random.Generator) -> Raw:
    """Add noise of ``deviation`` (1.0 is ``unit`` raw steps) to every parameter."""
    return _on_wire(update.astype(np.float64) + np.rint(random.normal(0.0, deviation * unit, update.shape)))


def out_of_range(update: Raw) -> Raw:
    """Send the largest int32 everywhere: the wire holds no NaN, this is what one would become."""
    return np.full_like(update, INT32.max)


def _on_wire(values: npt.NDArray[np.float64]) -> Raw:
    return np.clip(values, INT32.min, INT32.max).astype(np.int64)
