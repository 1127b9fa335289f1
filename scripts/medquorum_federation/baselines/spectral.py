# SPDX-License-Identifier: Apache-2.0
"""Divide and conquer: outliers along the direction in which steps differ most."""

from __future__ import annotations

import numpy as np

from .combined import Combined, Floats, chosen

__all__ = ["dnc"]

TRIES = 5
PARAMETERS = 10_000
REMOVED = 1.0
"""The paper's c: how many of the supposed attackers each try takes out."""


def dnc(steps: Floats, attackers: int, random: np.random.Generator) -> Combined:
    """Average what no try takes out (Shejwalkar and Houmansadr 2021).

    Each try looks at some parameters, centres them, and takes out the steps with the largest parts along their top
    singular vector.
    """
    good = set(range(len(steps)))
    removed = min(len(steps) - 1, int(REMOVED * attackers))
    for _ in range(TRIES if removed else 0):
        size = min(PARAMETERS, steps.shape[1])
        part = steps[:, random.choice(steps.shape[1], size, replace=False)]
        centred = part - part.mean(axis=0)
        # Rows' parts along the top right singular vector, from the small Gram matrix.
        values, vectors = np.linalg.eigh(centred @ centred.T)
        outlying = values[-1] * vectors[:, -1] ** 2
        good &= set(np.argsort(outlying, kind="stable")[: len(steps) - removed].tolist())
    return chosen(steps, sorted(good) if good else range(len(steps)))
