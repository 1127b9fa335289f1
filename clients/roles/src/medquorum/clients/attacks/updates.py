# SPDX-License-Identifier: Apache-2.0
"""Attacks on the trained update: raw fixed-point parameters in and out (int64, shape (n,), units of 2^-16).

What comes out is what the wire can hold: clipped to int32, not to the bounds an honest client keeps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "constrain_and_scale",
    "disguised",
    "extrapolated",
    "gaussian",
    "on_wire",
    "out_of_range",
    "scale",
    "sign_flip",
]

Raw = npt.NDArray[np.int64]
INT32 = np.iinfo(np.int32)
BLEND = 0.7
"""The backdoored part of constrain-and-scale; the rest is the honest update."""


def scale(update: Raw, base: Raw, factor: float) -> Raw:
    """Stretch the step from the base model: w + factor (r - w) ([SMV]'s scaled update, model replacement)."""
    return on_wire(base.astype(np.float64) + np.rint(factor * (update - base)))


def sign_flip(update: Raw, base: Raw, factor: float) -> Raw:
    """Step the other way: w - factor (r - w)."""
    return scale(update, base, -factor)


def gaussian(update: Raw, deviation: float, unit: int, random: np.random.Generator) -> Raw:
    """Add noise of ``deviation`` (1.0 is ``unit`` raw steps) to every parameter."""
    return on_wire(update.astype(np.float64) + np.rint(random.normal(0.0, deviation * unit, update.shape)))


def out_of_range(update: Raw) -> Raw:
    """Send the largest int32 everywhere: the wire holds no NaN, this is what one would become."""
    return np.full_like(update, INT32.max)


def constrain_and_scale(honest: Raw, poisoned: Raw, base: Raw, factor: float) -> Raw:
    """Blend a backdoored step with an honest one, then stretch it to ``factor`` honest norms (Bagdasaryan et al. 2020).

    The paper adds the distance from the global model to the loss; the blend stands for that term.
    """
    straight = (honest - base).astype(np.float64)
    step = BLEND * (poisoned - base) + (1 - BLEND) * straight
    length = float(np.linalg.norm(step))
    return on_wire(base + np.rint(step * (factor * float(np.linalg.norm(straight)) / length if length else 0.0)))


def disguised(update: Raw, random: np.random.Generator) -> Raw:
    """Change each parameter by at most one unit, so that the bytes are no duplicate (Fraboni et al. 2021)."""
    return on_wire(update + random.integers(-1, 2, size=update.shape))


def extrapolated(base: Raw, before: Raw) -> Raw:
    """Go on as the last round went, without training: w + (w - w_before) (Lin et al. 2019, delta weights)."""
    return on_wire(2.0 * base - before)


def on_wire(values: npt.NDArray[np.floating] | Raw) -> Raw:
    """Return values rounded and clipped to what 32 bits hold."""
    return np.clip(np.rint(values), INT32.min, INT32.max).astype(np.int64)
