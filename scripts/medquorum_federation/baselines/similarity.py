# SPDX-License-Identifier: Apache-2.0
"""Defences by cosines between hospitals: FoolsGold and FLAME."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import HDBSCAN

from .combined import Combined, Floats, weighted

__all__ = ["flame", "foolsgold"]

NOISE = 0.001
"""FLAME's λ: deviation of the noise as a part of the clipping bound."""
MOST_TRUSTED = 0.99
ROUNDING = 1e-9


def foolsgold(steps: Floats, history: Floats) -> Combined:
    """Give little weight to hospitals whose sums of steps are alike (Fung et al. 2020).

    Parameters
    ----------
    history
        Each hospital's sum of steps so far, this round's included, (k, n).
    """
    alike = _between(history)
    np.fill_diagonal(alike, -np.inf)
    most = alike.max(axis=1)
    # Pardoning: who is less alike than its like keeps more.
    ratio = np.divide(most[:, np.newaxis], most, out=np.ones_like(alike), where=most > most[:, np.newaxis])
    pardoned = alike * ratio
    trust = np.clip(1.0 - pardoned.max(axis=1), 0.0, 1.0)
    if trust.max() < ROUNDING:
        return weighted(steps, np.zeros(len(steps)))
    trust = np.minimum(trust / trust.max(), MOST_TRUSTED)
    logit = np.log(np.maximum(trust, 1e-12) / (1.0 - trust)) + 0.5
    return weighted(steps, np.clip(logit, 0.0, 1.0))


def flame(steps: Floats, random: np.random.Generator) -> Combined:
    """Keep the largest cluster by cosine, clip to the median length, add noise (Nguyen et al. 2022).

    The cluster holds more than half of the hospitals; where HDBSCAN finds none, all are kept.
    """
    count = len(steps)
    lengths = np.linalg.norm(steps, axis=1)
    distances = np.clip(1.0 - _between(steps), 0.0, 2.0)
    np.fill_diagonal(distances, 0.0)
    clusters = HDBSCAN(
        min_cluster_size=count // 2 + 1, min_samples=1, metric="precomputed", allow_single_cluster=True, copy=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        labels = clusters.fit_predict(distances)
    inside = labels >= 0 if (labels >= 0).any() else np.ones(count, dtype=bool)
    bound = float(np.median(lengths))
    scale = np.minimum(1.0, np.divide(bound, lengths, out=np.ones(count), where=lengths > 0))
    parts = inside / inside.sum()
    step = (parts * scale) @ steps + random.normal(0.0, NOISE * bound, steps.shape[1])
    return Combined(step, parts)


def _between(steps: Floats) -> Floats:
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    units = np.divide(steps, lengths, out=np.zeros_like(steps), where=lengths > 0)
    result: Floats = units @ units.T
    return result
