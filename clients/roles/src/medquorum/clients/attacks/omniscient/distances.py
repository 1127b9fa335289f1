# SPDX-License-Identifier: Apache-2.0
"""Attacks that stay as near to the honest steps as those are to each other: Min-Max and Min-Sum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["krum_scores", "min_max", "min_sum", "squared_distances"]

Floats = npt.NDArray[np.float64]


def squared_distances(steps: Floats) -> Floats:
    """Return the squared distance of each pair of rows, (k, k)."""
    gram = steps @ steps.T
    squares = np.diag(gram)
    distances: Floats = np.maximum(squares[:, np.newaxis] + squares - 2 * gram, 0.0)
    np.fill_diagonal(distances, 0.0)
    return distances


def krum_scores(steps: Floats, attackers: int) -> Floats:
    """Return Krum's score of each row, (k,): the sum of the squares to its k - m - 2 nearest, at least one."""
    nearest = max(1, len(steps) - attackers - 2)
    scores: Floats = np.sort(squared_distances(steps), axis=1)[:, 1 : nearest + 1].sum(axis=1)
    return scores


def min_max(honest: Floats) -> Floats:
    """Go against the deviation as far as no honest step is further than the two furthest honest ones are apart.

    Shejwalkar and Houmansadr 2021; their search by halves is a quadratic equation here.
    """
    mean: Floats = honest.mean(axis=0)
    away: Floats = -honest.std(axis=0)
    between, limit = mean - honest, squared_distances(honest).max()
    square, linear = float(away @ away), between @ away
    if not square:
        return mean
    reach = [
        _root(square, 2 * slope, rest - limit) for slope, rest in zip(linear, (between**2).sum(axis=1), strict=True)
    ]
    step: Floats = mean + max(0.0, min(reach)) * away
    return step


def min_sum(honest: Floats) -> Floats:
    """Go against the deviation as far as the squares to all honest steps add up to no more than an honest step's."""
    mean: Floats = honest.mean(axis=0)
    away: Floats = -honest.std(axis=0)
    between, limit = mean - honest, squared_distances(honest).sum(axis=1).max()
    square = len(honest) * float(away @ away)
    if not square:
        return mean
    reach = _root(square, 2 * float((between @ away).sum()), float((between**2).sum()) - limit)
    step: Floats = mean + max(0.0, reach) * away
    return step


def _root(square: float, linear: float, constant: float) -> float:
    """Return the larger root of square·x² + linear·x + constant, 0 where there is none."""
    discriminant = linear * linear - 4 * square * constant
    return float((-linear + np.sqrt(discriminant)) / (2 * square)) if discriminant > 0 else 0.0
