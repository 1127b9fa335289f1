# SPDX-License-Identifier: Apache-2.0
"""What a defence makes of a round's steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Combined", "Floats", "chosen", "weighted"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Combined:
    """A step and, where the step is a weighted mean, the weights.

    Attributes
    ----------
    step
        float64 (n,).
    weights
        float64 (k,), adding up to 1 or less; None where each parameter is chosen apart.
    """

    step: Floats
    weights: Floats | None = None


def weighted(steps: Floats, weights: Floats) -> Combined:
    """Return the weighted mean; no step at all where all weights are 0."""
    total = float(weights.sum())
    parts: Floats = weights / total if total else np.zeros(len(steps))
    return Combined(parts @ steps, parts)


def chosen(steps: Floats, members: npt.ArrayLike) -> Combined:
    """Return the mean of the rows named by index."""
    weights = np.zeros(len(steps))
    weights[np.asarray(members, dtype=np.intp)] = 1.0
    return weighted(steps, weights)
