# SPDX-License-Identifier: Apache-2.0
"""What is measured of a model, and what poisoned updates cost in a round."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from medquorum.clients.attacks import labels, triggers
from medquorum.clients.attacks.catalogue import Attack
from medquorum.clients.data.images import Images

from .federation import Federation, Floats

__all__ = ["EASIEST", "attack_success", "harm", "model_quality", "share_of"]

EASIEST: tuple[Attack, ...] = ("badnets", "pairwise-flip")
"""Attacks that need no knowledge; how often a model says by chance what they want is measured without them too."""
TARGET = 0
SOURCE = 1
_TRIGGERS = {
    "badnets": triggers.stamp,
    "dba": triggers.stamp,
    "constrain-and-scale": triggers.stamp,
    "adaptive-backdoor": triggers.stamp,
    "edge-case": triggers.negative,
}
Classes = npt.NDArray[np.int64]


def model_quality(federation: Federation, logits: Floats) -> dict[str, float]:
    """Return accuracy, balanced accuracy, the worst class' recall, and the worst hospital on its own distribution.

    Parameters
    ----------
    logits
        Of the test images, (n, classes).
    """
    given, classes = federation.test.labels, federation.description.classes
    right = logits.argmax(axis=1) == given
    counts = np.bincount(given, minlength=classes)
    recalls = np.bincount(given[right], minlength=classes) / np.maximum(counts, 1)
    known = counts > 0
    own = [np.bincount(shard.labels, minlength=classes) / len(shard) for shard in federation.shards.values()]
    return {
        "accuracy": float(right.mean()),
        "balanced": float(recalls[known].mean()),
        "worst_class": float(recalls[known].min()),
        "worst_hospital": min(float(part @ recalls) for part in own),
    }


def attack_success(federation: Federation, attack: str, packed: bytes) -> tuple[float, int] | None:
    """Return how often a model says what the attacker wants, and of how many images; None where nothing is wanted.

    Backdoors: test images of other classes with the trigger. Flips: test images that the flip renames.
    """
    test, classes = federation.test, federation.description.classes
    if attack in _TRIGGERS:
        others = test.take(np.flatnonzero(test.labels != TARGET))
        shown = Images(_TRIGGERS[attack](others.pixels), others.labels)
        wanted = np.full(len(shown), TARGET)
    elif attack in ("pairwise-flip", "sleeper", "collusion", "adaptive", "adaptive-hidden", "label-flip"):
        flipped = labels.label_flip(test.labels, SOURCE, TARGET) if attack == "label-flip" else None
        wanted = labels.pairwise_flip(test.labels, classes) if flipped is None else flipped
        shown, wanted = test.take(np.flatnonzero(wanted != test.labels)), wanted[wanted != test.labels]
    else:
        return None
    return float((federation.logits(packed, shown).argmax(axis=1) == wanted).mean()), len(shown)


def harm(given: Classes, actual: Floats, without: Floats) -> dict[str, float]:
    """Return what poisoned updates cost in a round: all of them removed, minus actual, paired by test image.

    Parameters
    ----------
    given
        The labels, (n,).
    actual, without
        Logits of the model as it came out, and of the one without poisoned updates, (n, classes).

    Returns
    -------
    ``accuracy`` and ``margin`` (mean margin of the label over the best other class), each with its ``_z``: the
    difference through its standard error, 0 where nothing differs.
    """
    costs: dict[str, float] = {}
    pairs = {
        "accuracy": [(logits.argmax(axis=1) == given).astype(float) for logits in (without, actual)],
        "margin": [_margins(given, logits) for logits in (without, actual)],
    }
    for name, (clean, poisoned) in pairs.items():
        difference = clean - poisoned
        error = float(difference.std()) / sqrt(len(difference))
        costs[name] = float(difference.mean())
        costs[f"{name}_z"] = costs[name] / error if error else 0.0
    return costs


def share_of(weights: Mapping[str, float] | None, names: frozenset[str]) -> float | None:
    """Return the part of all weight that some hospitals have; None where a defence has no weights."""
    return None if weights is None else sum(weights.get(name, 0.0) for name in names)


def _margins(given: Classes, logits: Floats) -> Any:
    own = np.take_along_axis(logits, given[:, np.newaxis], axis=1)[:, 0]
    others = logits.copy()
    np.put_along_axis(others, given[:, np.newaxis], -np.inf, axis=1)
    return own - others.max(axis=1)
