# SPDX-License-Identifier: Apache-2.0
"""Attacks on the training data: labels in, labels out (int64, shape (n,))."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.errors import ConfigError

__all__ = ["label_flip", "pairwise_flip", "random_labels", "static_label"]

Labels = npt.NDArray[np.int64]


def static_label(labels: Labels, target: int) -> Labels:
    """Call everything ``target`` ([VU]'s main adversary)."""
    return np.full_like(labels, target)


def random_labels(labels: Labels, classes: int, random: np.random.Generator) -> Labels:
    """Draw every label anew, evenly over the classes ([VU]'s second adversary)."""
    return random.integers(0, classes, size=labels.shape, dtype=np.int64)


def label_flip(labels: Labels, source: int, target: int) -> Labels:
    """Call the images of class ``source`` ``target`` ([SMV]'s adversary).

    Raises
    ------
    ConfigError
        Both are the same class.
    """
    if source == target:
        raise ConfigError(f"a flip of class {source} to itself changes nothing", "Choose another source or target")
    return np.where(labels == source, np.int64(target), labels)


def pairwise_flip(labels: Labels, classes: int) -> Labels:
    """Call class y classes - 1 - y: every class but a middle one is renamed (Fang et al. 2020, FLTrust)."""
    return np.int64(classes - 1) - labels
