# SPDX-License-Identifier: Apache-2.0
"""Defences by distance from a centre that is found step by step."""

from __future__ import annotations

import numpy as np

from .combined import Combined, Floats, weighted

__all__ = ["centred_clipping", "rfa"]

ROUNDS = 10
SMOOTHING = 1e-6


def rfa(steps: Floats) -> Combined:
    """Return the geometric median by smoothed Weiszfeld iterations (Pillutla et al. 2022, RFA)."""
    combined = weighted(steps, np.ones(len(steps)))
    for _ in range(ROUNDS):
        lengths = np.linalg.norm(steps - combined.step, axis=1)
        combined = weighted(steps, 1.0 / np.maximum(lengths, SMOOTHING))
    return combined


def centred_clipping(steps: Floats, centre: Floats, radius: float | None = None) -> Combined:
    """Move the centre by the mean of the steps' distances from it, clipped to ``radius`` (Karimireddy et al. 2021).

    Parameters
    ----------
    centre
        Where to begin, (n,): the last round's step.
    radius
        The median distance by default: the paper gives no rule for choosing one.
    """
    for _ in range(ROUNDS):
        away = steps - centre
        lengths = np.linalg.norm(away, axis=1)
        limit = float(np.median(lengths)) if radius is None else radius
        kept = np.minimum(1.0, np.divide(limit, lengths, out=np.ones(len(steps)), where=lengths > 0))
        centre = centre + (kept[:, np.newaxis] * away).mean(axis=0)
    return Combined(centre)
