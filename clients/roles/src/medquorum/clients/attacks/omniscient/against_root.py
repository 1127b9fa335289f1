# SPDX-License-Identifier: Apache-2.0
"""Attacks on rules that weigh a step by its cosine with a root step d_0; each knows d_0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["cosines", "first_in_order", "fltrust_adaptive", "raise_the_bar"]

Floats = npt.NDArray[np.float64]
GRID = 200
AHEAD = 1.05


def cosines(steps: Floats, root: Floats) -> Floats:
    """Return each row's cosine with the root step, (k,); 0 for a step or root of length 0."""
    lengths = np.linalg.norm(steps, axis=1) * np.linalg.norm(root)
    result: Floats = np.divide(steps @ root, lengths, out=np.zeros(len(steps)), where=lengths > 0)
    return result


def fltrust_adaptive(honest: Floats, attackers: int, root: Floats) -> Floats:
    """Return the step that turns FLTrust's mean furthest from where it would go (Cao et al. 2021, section V).

    All attackers send one unit vector e. FLTrust's mean is (H + m·c·e)/(C + m·c), c the cosine of e with d_0, H and C
    the honest sums. For a given c the best e has all that is not along d_0 against the sign of the honest mean; the
    best c is searched on a grid. The paper climbs by estimated gradients towards the same maximum.
    """
    trust = np.maximum(cosines(honest, root), 0.0)
    unit = root / np.linalg.norm(root)
    rows = honest / np.linalg.norm(honest, axis=1, keepdims=True)
    total, weight = trust @ rows, float(trust.sum())
    sign = np.sign(total)
    across = _across(-sign, unit)
    along, beside, before = float(sign @ unit), float(sign @ across), float(sign @ total)

    def reached(cosine: float) -> float:
        own = cosine * along + np.sqrt(1 - cosine * cosine) * beside
        return float((before + attackers * cosine * own) / (weight + attackers * cosine))

    best = min((np.arange(GRID) + 1) / GRID, key=reached)
    step: Floats = float(np.linalg.norm(root)) * (best * unit + np.sqrt(1 - best * best) * across)
    return step


def first_in_order(honest: Floats, root: Floats) -> Floats:
    """Return a step with the highest cosine of all whose rest goes against the honest mean.

    Ordered by cosine it heads every prefix; what it has besides d_0 spoils each of them.
    """
    unit = root / np.linalg.norm(root)
    cosine = min(0.999, AHEAD * max(0.0, float(cosines(honest, root).max())))
    across = _across(-honest.mean(axis=0), unit)
    step: Floats = _median_length(honest) * (cosine * unit + np.sqrt(1 - cosine * cosine) * across)
    return step


def raise_the_bar(honest: Floats, root: Floats) -> Floats:
    """Send d_0 itself at the median length: a bar set relative to the best cosines then refuses the honest."""
    step: Floats = root * (_median_length(honest) / np.linalg.norm(root))
    return step


def _across(direction: Floats, unit: Floats) -> Floats:
    """Return the part of a direction at right angles to ``unit``, of length 1 (0 when there is none)."""
    rest = direction - (direction @ unit) * unit
    length = float(np.linalg.norm(rest))
    return rest / length if length else rest


def _median_length(steps: Floats) -> float:
    return float(np.median(np.linalg.norm(steps, axis=1)))
