# SPDX-License-Identifier: Apache-2.0
"""The root update of the rule ``direction``: what a verifier trains on the verification set, and when two are the same.

Its seed follows from what is on the ledger, so that no maker can choose among many.
"""

from __future__ import annotations

import numpy as np

from medquorum.clients.data.images import Images
from medquorum.clients.training import parameters
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.train import Progress, Recipe, seed_of, train
from medquorum.core.dataset import VerificationSet
from medquorum.core.model import ModelDescription
from medquorum.core.rules import Direction

__all__ = ["LEAST_COSINE", "MOST_STRETCH", "root_seed", "root_update", "same_root"]

LEAST_COSINE = 0.99
MOST_STRETCH = 0.02
"""Numbers of threads and processors differ in the last bits of a sum, which training then carries on."""


def root_seed(channel: str, task: str, round_number: int, base: str) -> int:
    """Return the seed of a round's root update."""
    return seed_of("root", channel, task, round_number, base)


def root_update(
    description: ModelDescription,
    base: bytes,
    verification: VerificationSet,
    rule: Direction,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> bytes:
    """Train a packed root update from a packed base.

    Raises
    ------
    ModelError, RangeError
        The training diverged.
    """
    model = DescribedModel(description)
    parameters.load(model, base)
    train(model, _images(verification), Recipe(rule.epochs, rule.batch), seed, progress)
    return parameters.parameters_of(model)


def same_root(base: bytes, own: bytes, other: bytes) -> bool:
    """Return whether two packed root updates point the same way, equally far: differing machines give such two."""
    if len(own) != len(other):
        return False
    origin = parameters.flatten(base).astype(np.float64)
    first, second = (parameters.flatten(packed).astype(np.float64) - origin for packed in (own, other))
    lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if not all(lengths):
        return lengths[0] == lengths[1]
    cosine = float(first @ second) / (lengths[0] * lengths[1])
    return cosine >= LEAST_COSINE and abs(lengths[1] / lengths[0] - 1) <= MOST_STRETCH


def _images(verification: VerificationSet) -> Images:
    pixels = verification.images if verification.images.ndim == 4 else verification.images[..., np.newaxis]
    return Images(np.ascontiguousarray(np.moveaxis(pixels, 3, 1)), verification.labels.astype(np.int64))
