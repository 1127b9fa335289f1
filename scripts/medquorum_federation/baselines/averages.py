# SPDX-License-Identifier: Apache-2.0
"""Averages: the mean, and the two that look at each parameter by itself."""

from __future__ import annotations

import numpy as np

from .combined import Combined, Floats, weighted

__all__ = ["mean", "median", "trimmed_mean"]


def mean(steps: Floats) -> Combined:
    """Return federated averaging over hospitals of equal weight (McMahan et al. 2017)."""
    return weighted(steps, np.ones(len(steps)))


def median(steps: Floats) -> Combined:
    """Return each parameter's median (Yin et al. 2018)."""
    return Combined(np.median(steps, axis=0))


def trimmed_mean(steps: Floats, attackers: int) -> Combined:
    """Return each parameter's mean without its ``attackers`` largest and smallest values (Yin et al. 2018).

    At least one value is left: with half or more attackers that is the median.
    """
    cut = min(attackers, (len(steps) - 1) // 2)
    return Combined(np.sort(steps, axis=0)[cut : len(steps) - cut].mean(axis=0))
