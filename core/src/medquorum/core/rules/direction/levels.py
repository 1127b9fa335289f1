# SPDX-License-Identifier: Apache-2.0
"""Levels of an update's norm and of its cosine with the root update: all that the rule looks at of an update alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core.model import Kind, ModelDescription, layout
from medquorum.core.rules.direction.tables import COSINE_BITS, COSINES, MAX_DISTANCE, NORMS, norm_at_most
from medquorum.core.rules.distance import squared_distance

__all__ = ["Levels", "RootUpdate", "cosine_level", "inner_product", "norm_level"]

Parameters = Mapping[str, npt.NDArray[np.integer]]
STATISTICS_LEVELS = 32
"""An update's batch normalisation may move 2^4 times as far as the root's."""
MOST_CHANNELS = 1 << 15
"""With batch normalisation: of more the squares could wrap under encryption."""


class Levels(NamedTuple):
    """Indices into NORMS (0 is below the first) and COSINES."""

    norm: int
    cosine: int


def norm_level(distance: int) -> int:
    """Return how many of NORMS a squared norm reaches."""
    return bisect_right(NORMS, distance)


def cosine_level(product: int, own: int, root: int) -> int:
    """Return the last level i > 0 with product · 2^16 >= t_i·g(own)·g(root), 0 where there is none.

    Parameters
    ----------
    product
        The inner product, in units of 2^-32.
    own, root
        Levels of the norms.
    """
    most = norm_at_most(own) * norm_at_most(root)
    return bisect_right(COSINES, (product << COSINE_BITS) // most, lo=1) - 1


def inner_product(description: ModelDescription, base: Parameters, first: Parameters, second: Parameters) -> int:
    """Return Σ (r - w)(r' - w) over the tensors mixed with λ, in units of 2^-32; exact within MAX_DISTANCE."""
    total = 0
    for name, _, kind in layout(description):
        if kind.mixed:
            origin = base[name].astype(np.int64).ravel()
            total += int(np.dot(first[name].ravel() - origin, second[name].ravel() - origin))
    return total


class RootUpdate:
    """The update that the verifiers trained on their own images, for one base; what others are held against.

    Parameters
    ----------
    base, root
        The tensors of w and of the root update, within RANGE.
    """

    def __init__(self, description: ModelDescription, base: Parameters, root: Parameters) -> None:
        self._description = description
        self._base = base
        self._root = root
        self._distances = self._squared(root)
        self._level = norm_level(self._distances[0])
        self.usable = self._level > 0 and self._distances[0] <= MAX_DISTANCE
        """Whether it points anywhere, and not too far."""

    def levels(self, update: Parameters) -> Levels | None:
        """Return an update's levels, None where it or its batch normalisation is further away than allowed (NORM)."""
        distance, *statistics = self._squared(update)
        allowed = (norm_level(moved) + STATISTICS_LEVELS for moved in self._distances[1:])
        if distance > MAX_DISTANCE or any(norm_level(m) > most for m, most in zip(statistics, allowed, strict=True)):
            return None
        level = norm_level(distance)
        product = inner_product(self._description, self._base, update, self._root)
        return Levels(level, cosine_level(product, level, self._level) if level else 0)

    def distance(self, update: Parameters) -> int:
        """Return an update's squared norm, in units of 2^-32: of what is mixed."""
        return squared_distance(self._description, self._base, update)

    def _squared(self, update: Parameters) -> tuple[int, ...]:
        """Return the squared norms of what is mixed, of the means and of the scales."""
        return (
            self.distance(update),
            squared_distance(self._description, self._base, update, {Kind.MEAN}),
            squared_distance(self._description, self._base, update, {Kind.SCALE}),
        )
