# SPDX-License-Identifier: Apache-2.0
"""The sum of updates that a task's rule adds up, on what a role has of each: shares, masked forms, or masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.direction.combination import weighted_sum

__all__ = ["weighted"]


def weighted(task: Task, weights: Mapping[str, int], vector: Callable[[str], IntArray]) -> IntArray:
    """Return the sum (parameters,) of all vectors, each times its weight, modulo 2^64.

    Where the rule weighs, mean and scale of batch normalisation have weights of their own in the same ratio.

    Raises
    ------
    ProtocolError
        The rule weighs, and the sum would hide an update among too few others.
    """
    if task.has_root:
        description = modelformat.parse(task.model)
        return weighted_sum(modelformat.layout(description), weights, vector, task.minimum_accepted)
    total: IntArray = np.zeros(task.length // 4, dtype=np.int64)
    for hospital, weight in weights.items():
        total += vector(hospital) * np.int64(weight)
    return total
