# SPDX-License-Identifier: Apache-2.0
"""Weighted sums of masked updates, in public integers: what is done to updates is done to their masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.core.rules.direction.weights import MEMBERS, WEIGHT_BITS, apportion, spread
from medquorum.errors import ProtocolError

__all__ = ["MEMBERS", "weighted_sum"]


def weighted_sum(
    layout: Sequence[TensorSpec], weights: Mapping[str, int], vector: Callable[[str], IntArray], minimum: int = 0
) -> IntArray:
    """Return Σ W·v (parameters,) modulo 2^64, and Σ V·v of mean and scale: V is 2^8 divided in the ratio of W.

    Parameters
    ----------
    weights
        By name; only those above 0 matter.
    vector
        Returns an array of int64 (parameters,) for a name.
        The update, its masked form or its mask.
    minimum
        As for :func:`~medquorum.core.rules.direction.weights.spread`, where the sum is opened.

    Raises
    ------
    ProtocolError
        The sum would hide an update among too few others.
    """
    mixed = {name: weights[name] for name in sorted(weights) if weights[name]}
    if not mixed or not spread(list(mixed.values()), MEMBERS, minimum):
        raise ProtocolError(
            f"a sum of {len(mixed)} updates with these weights could give one of them away",
            "The task's rule must demand members of 2900 thousandths at least",
        )
    statistics = apportion(1 << WEIGHT_BITS, mixed)
    total = np.zeros(sum(spec.size for spec in layout), dtype=np.int64)
    for name in mixed:
        start, own = 0, vector(name)
        for spec in layout:
            part = slice(start, start + spec.size)
            total[part] += own[part] * np.int64((mixed if spec.kind.mixed else statistics)[name])
            start = part.stop
    return total
