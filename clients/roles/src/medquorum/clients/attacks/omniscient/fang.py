# SPDX-License-Identifier: Apache-2.0
"""Local model poisoning against Krum and against the trimmed mean (Fang et al. 2020)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.clients.attacks.omniscient.distances import krum_scores, squared_distances

__all__ = ["fang_krum", "fang_trim"]

Floats = npt.NDArray[np.float64]
WIDTH = 2.0
"""The paper's b: how far beyond the honest values the trim attack draws."""
SMALLEST = 1e-5
"""The paper's threshold, here as a part of the first factor: below it the search ends."""


def fang_krum(honest: Floats, attackers: int) -> Floats:
    """Return the step -s·λ, s the sign of the honest mean, with the largest λ for which Krum chooses it.

    All attackers send it; λ starts at the paper's bound and is halved.
    """
    sign = np.sign(honest.mean(axis=0))
    count, size = len(honest) + attackers, honest.shape[1]
    nearest = max(1, count - attackers - 2)
    distances = np.sort(squared_distances(honest), axis=1)
    bound = distances[:, 1 : nearest + 1].sum(axis=1).min() / (max(1, count - 2 * attackers - 1) * size)
    first = float(np.sqrt(bound) + np.sqrt((honest**2).sum(axis=1).max() / size))
    factor = first
    while factor > SMALLEST * first:
        sent = -factor * sign
        everyone = np.concatenate([honest, np.repeat(sent[np.newaxis], attackers, axis=0)])
        if int(krum_scores(everyone, attackers).argmin()) >= len(honest):
            break
        factor /= 2
    step: Floats = -factor * sign
    return step


def fang_trim(honest: Floats, base: Floats, random: np.random.Generator) -> Floats:
    """Draw each parameter just beyond the honest ones, on the side away from where they go.

    The paper's interval is of local models w + d, so that ``base`` (n,) is needed, in the steps' unit.
    """
    models = base + honest
    low, high = models.min(axis=0), models.max(axis=0)
    below = np.where(low > 0, low / WIDTH, low * WIDTH)
    above = np.where(high > 0, high * WIDTH, high / WIDTH)
    up = honest.mean(axis=0) < 0
    drawn = random.random(honest.shape[1])
    step: Floats = np.where(up, high + drawn * (above - high), low - drawn * (low - below)) - base
    return step
