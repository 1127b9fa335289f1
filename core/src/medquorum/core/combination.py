# SPDX-License-Identifier: Apache-2.0
"""A model of weighted updates: w' = ((2^8 - ΣW)·w + Σ W_k·r_k) / 2^8, before and after its one rounding.

Batch normalisation's mean and scale are not mixed with w: theirs is the mean of the updates by the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import IntArray, truncate
from medquorum.core.model import ModelDescription, Tensors, check_tensors, layout
from medquorum.core.rules.direction.weights import WEIGHT_BITS, apportion

__all__ = ["Combination"]

_WHOLE = 1 << WEIGHT_BITS


class Combination:
    """The weighted sum of a base and some updates, with 8 further fraction bits.

    No weight is negative and their sum is at most 2^8, so that of parameters within RANGE come such ones.

    Parameters
    ----------
    base
        The tensors of w.
    weights
        By name; only those above 0 matter, and there is one.
    """

    def __init__(
        self,
        description: ModelDescription,
        base: Mapping[str, npt.NDArray[np.integer]],
        weights: Mapping[str, int],
    ) -> None:
        check_tensors(description, base)
        self._description = description
        self._weights = {name: weights[name] for name in sorted(weights) if weights[name]}
        self._statistics = apportion(_WHOLE, self._weights)
        rest = _WHOLE - sum(self._weights.values())
        self.scaled: dict[str, IntArray] = {
            name: base[name].astype(np.int64) * np.int64(rest if kind.mixed else 0)
            for name, _, kind in layout(description)
        }
        """The sum so far: int64, with 16 + 8 fraction bits."""

    @property
    def names(self) -> list[str]:
        """Who has to be added, once each."""
        return list(self._weights)

    def add(self, name: str, update: Mapping[str, npt.NDArray[np.integer]]) -> None:
        """Add an update.

        Raises
        ------
        ModelError
            Its tensors are not the layout's.
        """
        check_tensors(self._description, update)
        for tensor, _, kind in layout(self._description):
            weight = self._weights[name] if kind.mixed else self._statistics[name]
            self.scaled[tensor] += update[tensor].astype(np.int64) * np.int64(weight)

    def add_sum(self, sums: Mapping[str, npt.NDArray[np.integer]]) -> None:
        """Add all updates at once, each times its weight already."""
        check_tensors(self._description, sums)
        for tensor, values in sums.items():
            self.scaled[tensor] += values

    def rounded(self) -> Tensors:
        """Return the model itself, int32 with 16 fraction bits, halves up."""
        return {name: truncate(values, WEIGHT_BITS).astype(np.int32) for name, values in self.scaled.items()}
