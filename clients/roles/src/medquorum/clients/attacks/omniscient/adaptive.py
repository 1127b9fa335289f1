# SPDX-License-Identifier: Apache-2.0
"""The strongest attack on the rule ``direction``: it knows rule, w, honest updates and d_0, and follows a gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from medquorum.clients.attacks.omniscient.against_root import cosines
from medquorum.clients.attacks.omniscient.knowledge import Knowledge
from medquorum.clients.data.images import Images

__all__ = ["adaptive", "adaptive_hidden", "within_gate"]

Floats = npt.NDArray[np.float64]
STEPS = 20
RATE = 0.3
MARGIN = 1.02
PARTS = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15)
"""Of the way from the honest mean that a hidden attacker tries."""


def adaptive(known: Knowledge, images: Images) -> Floats:
    """Return the step that makes the next model fit poisoned ``images`` best, among those the gate lets in.

    Gradient descent on the loss of w + (1 - λ)·mean of all steps, all attackers sending the same one. After each move
    the step is brought back to the round's median length and to a cosine with d_0 just above the honest median, so
    that it passes the direction test with an honest weight.
    """
    honest = known.honest
    length = float(np.median(np.linalg.norm(honest, axis=1)))
    target = min(0.999, MARGIN * float(np.median(cosines(honest, known.root))))
    total, count = honest.sum(axis=0), len(honest) + known.attackers
    step = within_gate(honest.mean(axis=0), known.root, target, length)
    for _ in range(STEPS):
        slope = known.gradient(known.share * (total + known.attackers * step) / count, images)
        size = float(np.linalg.norm(slope))
        if not size:
            break
        step = within_gate(step - RATE * length / size * slope, known.root, target, length)
    return step


def adaptive_hidden(known: Knowledge, images: Images, aggregate: Callable[[Floats], Floats]) -> Floats:
    """Return a part of the way to the step of :func:`adaptive`: the one that moves the defence furthest that way.

    So each attacker does as little harm as it must, lest it is left out, and all together as much as that allows.
    ``aggregate`` takes all steps, the honest first, and returns the defence's.
    """
    mean = known.honest.mean(axis=0)
    way = adaptive(known, images) - mean
    apart = 1 - np.arange(known.attackers)[:, np.newaxis] / 1000  # equal updates would be duplicates

    def reached(part: float) -> float:
        return float(aggregate(np.concatenate([known.honest, apart * (mean + part * way)])) @ way)

    step: Floats = mean + max(PARTS, key=reached) * way
    return step


def within_gate(step: Floats, root: Floats, cosine: float, length: float) -> Floats:
    """Return the nearest direction with this cosine or a higher one with ``root``, at this length."""
    unit = root / np.linalg.norm(root)
    along = float(step @ unit)
    rest = step - along * unit
    across = float(np.linalg.norm(rest))
    if not across:
        return length * unit
    if along < cosine * np.hypot(along, across):
        step = cosine * unit + np.sqrt(1 - cosine * cosine) * rest / across
    result: Floats = step * (length / np.linalg.norm(step))
    return result
