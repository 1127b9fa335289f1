# SPDX-License-Identifier: Apache-2.0
"""Which hospitals attack in which round."""

from __future__ import annotations

import random

__all__ = ["adversary_schedule"]


def adversary_schedule(
    hospitals: int, adversaries: int, rounds: int, seed: int, *, changing: bool
) -> dict[int, frozenset[int]]:
    """Draw the attacking hospitals of each round, as in [VU]'s experiment.

    Returns
    -------
    dict
        Round (from 1) to hospital numbers (from 1). With ``changing`` every round draws anew.
    """
    draw = random.Random(f"adversaries {seed}")  # noqa: S311  a reproducible experiment, no secret
    fixed = frozenset(draw.sample(range(1, hospitals + 1), adversaries))
    if not changing:
        return dict.fromkeys(range(1, rounds + 1), fixed)
    return {number: frozenset(draw.sample(range(1, hospitals + 1), adversaries)) for number in range(1, rounds + 1)}
