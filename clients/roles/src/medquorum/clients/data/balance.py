# SPDX-License-Identifier: Apache-2.0
"""A set in which every class counts alike."""

from __future__ import annotations

import numpy as np

from medquorum.clients.data.images import Images
from medquorum.errors import DataError

__all__ = ["balanced"]


def balanced(images: Images, random: np.random.Generator) -> Images:
    """Return as many images of each class as the rarest one has, drawn at random, in their order.

    Classes without an image stay without one.

    Raises
    ------
    DataError
        Each image has several labels.
    """
    if images.labels.ndim == 2:
        raise DataError("a set with several labels for each image cannot be balanced", "Leave --balance out")
    counts = np.bincount(images.labels)
    least = counts[counts > 0].min()
    drawn = [random.permutation(np.flatnonzero(images.labels == label))[:least] for label in np.flatnonzero(counts)]
    return images.take(np.sort(np.concatenate(drawn)))
