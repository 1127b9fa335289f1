# SPDX-License-Identifier: Apache-2.0
"""Defences that hold a trusted set, as this project's verifiers do: FLTrust and Zeno."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medquorum.clients.attacks.omniscient.against_root import cosines

from .combined import Combined, Floats, chosen

__all__ = ["fltrust", "zeno"]

PENALTY = 5e-4


def fltrust(steps: Floats, root: Floats) -> Combined:
    """Weigh steps of the root step's length by the positive part of their cosine with it (Cao et al. 2021)."""
    trust = np.maximum(cosines(steps, root), 0.0)
    total = float(trust.sum())
    lengths = np.linalg.norm(steps, axis=1)
    parts = trust / total if total else trust
    scale = np.divide(np.linalg.norm(root), lengths, out=np.zeros(len(steps)), where=lengths > 0)
    return Combined((parts * scale) @ steps, parts)


def zeno(steps: Floats, attackers: int, loss: Callable[[Floats], float], penalty: float = PENALTY) -> Combined:
    """Average all but ``attackers`` steps of the least fall in loss minus a penalty on length (Xie et al. 2019).

    Parameters
    ----------
    loss
        Of w plus a step, on the trusted set.
    """
    before = loss(np.zeros(steps.shape[1]))
    scores = [before - loss(step) - penalty * float(step @ step) for step in steps]
    order = np.argsort(-np.array(scores), kind="stable")
    return chosen(steps, order[: max(1, len(steps) - attackers)])
