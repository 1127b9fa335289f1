# SPDX-License-Identifier: Apache-2.0
"""Attacks made of the honest steps' mean and deviation: ALIE and inner product manipulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = ["alie", "alie_factor", "ipm", "ipm_optimal"]

Floats = npt.NDArray[np.float64]
FACTORS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
MOST = 3.0
"""Deviations ALIE goes at most: with a majority of attackers the paper's formula has no bound."""


def alie_factor(hospitals: int, attackers: int) -> float:
    """Return how many deviations a majority of supporters leaves room for: z = Φ⁻¹((n - m - s) / (n - m))."""
    supporters = hospitals // 2 + 1 - attackers
    quantile = (hospitals - attackers - supporters) / (hospitals - attackers)
    return MOST if quantile >= NormalDist().cdf(MOST) else max(0.0, NormalDist().inv_cdf(max(quantile, 0.5)))


def alie(honest: Floats, attackers: int) -> Floats:
    """Move every parameter z deviations below the mean: A Little Is Enough (Baruch et al. 2019)."""
    factor = alie_factor(len(honest) + attackers, attackers)
    step: Floats = honest.mean(axis=0) - factor * honest.std(axis=0)
    return step


def ipm(honest: Floats, factor: float) -> Floats:
    """Point against the mean: -ε·mean, inner product manipulation (Xie et al. 2020)."""
    step: Floats = -factor * honest.mean(axis=0)
    return step


def ipm_optimal(
    honest: Floats, attackers: int, aggregate: Callable[[Floats], Floats], factors: Sequence[float] = FACTORS
) -> Floats:
    """Choose the ε that turns the defence's step furthest from the mean (as in Allouah et al. 2023).

    ``aggregate`` takes all steps, the honest first, and returns the defence's.
    """
    mean = honest.mean(axis=0)

    def damage(factor: float) -> float:
        sent = np.repeat(ipm(honest, factor)[np.newaxis], attackers, axis=0)
        return float(np.linalg.norm(aggregate(np.concatenate([honest, sent])) - mean))

    return ipm(honest, max(factors, key=damage))
