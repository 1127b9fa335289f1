# SPDX-License-Identifier: Apache-2.0
"""Integer weights of updates in the next model, as parts of 2^8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medquorum.core.rules.direction.levels import Levels
from medquorum.core.rules.direction.tables import COSINES, norm_ratio

__all__ = ["MEMBERS", "WEIGHT_BITS", "apportion", "full_weight", "middle_norm", "shares", "spread"]

WEIGHT_BITS = 8
"""The next model is ((2^8 - ΣW)·w + Σ W_k·r_k) / 2^8."""
MEMBERS = 2900
"""Least (ΣW)² / ΣW² of a sum of hidden updates, in thousandths: three equal weights, but for their rounding."""


def full_weight(lambda_numerator: int, lambda_bits: int) -> int:
    """Return the sum of weights that a task's λ stands for: (1 - λ)·2^8."""
    return ((1 << lambda_bits) - lambda_numerator) << (WEIGHT_BITS - lambda_bits)


def middle_norm(levels: Mapping[str, Levels]) -> int:
    """Return the median level of the norms, of two middle ones the lower."""
    norms = sorted(level.norm for level in levels.values())
    return norms[(len(norms) - 1) // 2]


def shares(levels: Mapping[str, Levels], middle: int) -> dict[str, int]:
    """Return what each update is worth beside the others: its cosine times the middle norm through its own."""
    return {name: COSINES[level.cosine] * norm_ratio(middle - level.norm) for name, level in levels.items()}


def apportion(total: int, parts: Mapping[str, int]) -> dict[str, int]:
    """Divide ``total`` in the ratio of the parts, in their order: floors of running sums, so nothing is left over.

    Each result is within 1 of its exact share, and their sum is ``total``; all are 0 where the parts are.
    """
    whole = sum(parts.values())
    result, seen, given = {}, 0, 0
    for name, part in parts.items():
        seen += part
        upto = total * seen // whole if whole else 0
        result[name], given = upto - given, upto
    return result


def spread(weights: Sequence[int], members: int, minimum: int = 0) -> bool:
    """Return whether a sum with these weights hides each update among enough others.

    Parameters
    ----------
    weights
        At least one, each 0 or more.
    members
        The effective number of members, (ΣW)² / ΣW², that is wanted, in thousandths.
        No weight may be over half of the sum either. 0 asks for nothing.
    minimum
        A task's ``minimum_accepted``, which lets ``minimum`` - 2 hospitals collude.
        All of them but one are taken to have subtracted their own updates: the largest of those beside the first.
    """
    if not members:
        return True
    first, *others = sorted(weights, reverse=True)
    left = [first, *others[max(0, minimum - 3) :]]
    total = sum(left)
    return 1000 * total**2 >= members * sum(weight**2 for weight in left) and 0 < 2 * first <= total
