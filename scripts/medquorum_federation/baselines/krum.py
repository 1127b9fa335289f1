# SPDX-License-Identifier: Apache-2.0
"""Krum and what is made of it."""

from __future__ import annotations

import numpy as np

from medquorum.clients.attacks.omniscient.distances import krum_scores

from .combined import Combined, Floats, chosen

__all__ = ["bulyan", "krum", "multi_krum"]


def krum(steps: Floats, attackers: int) -> Combined:
    """Return the step nearest to its neighbours (Blanchard et al. 2017)."""
    return chosen(steps, [int(krum_scores(steps, attackers).argmin())])


def multi_krum(steps: Floats, attackers: int) -> Combined:
    """Return the mean of the k - m steps of the best scores (Blanchard et al. 2017)."""
    order = np.argsort(krum_scores(steps, attackers), kind="stable")
    return chosen(steps, order[: max(1, len(steps) - attackers)])


def bulyan(steps: Floats, attackers: int) -> Combined:
    """Choose k - 2m steps by Krum, one by one; of those the mean nearest to the median (El Mhamdi et al. 2018).

    The paper wants k >= 4m + 3; with fewer hospitals at least one step is chosen, and at least one value kept.
    """
    left = list(range(len(steps)))
    members: list[int] = []
    for _ in range(max(1, len(steps) - 2 * attackers)):
        members.append(left.pop(int(krum_scores(steps[left], attackers).argmin()) if len(left) > 1 else 0))
    kept = steps[members]
    middle = np.median(kept, axis=0)
    nearest = np.argsort(np.abs(kept - middle), axis=0, kind="stable")[: max(1, len(members) - 2 * attackers)]
    return Combined(np.take_along_axis(kept, nearest, axis=0).mean(axis=0))
