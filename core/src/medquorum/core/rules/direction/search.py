# SPDX-License-Identifier: Apache-2.0
"""Which updates make the next model, and how far it goes: prefixes of their order, by what they gain on the margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from medquorum.core.rules.direction.levels import Levels
from medquorum.core.rules.direction.tables import COSINES
from medquorum.core.rules.direction.weights import WEIGHT_BITS, apportion, middle_norm, shares
from medquorum.core.rules.documents import Direction

__all__ = ["Loss", "Weights", "aligned", "choose", "lengths", "ordered", "steps"]

Weights: TypeAlias = tuple[tuple[str, int], ...]
"""Names with their weights, in the order of the names; () is the base itself."""
Loss: TypeAlias = Callable[[Weights], int]
"""Gives the margin loss of the model with these weights."""

_HALVINGS = range(-1, 4)


def aligned(rule: Direction, cosines: Mapping[str, int]) -> set[str]:
    """Return who passes the gate: over ``least``, and over ``gate`` of the median of the better half of cosines.

    Parameters
    ----------
    cosines
        Levels by name.
    """
    if not cosines:
        return set()
    better = sorted(cosines.values(), reverse=True)[: (len(cosines) + 1) // 2]
    reference = COSINES[better[len(better) // 2]]
    bound = max(rule.least * COSINES[-1], rule.gate * reference)
    return {name for name, level in cosines.items() if 1000 * COSINES[level] > bound}


def ordered(levels: Mapping[str, Levels]) -> list[str]:
    """Order names by cosine, best first, equal levels by name."""
    return sorted(levels, key=lambda name: (-levels[name].cosine, name))


def lengths(count: int, minimum: int) -> list[int]:
    """Return the lengths of prefixes to try: 1, 2, 3, 4, 6, 8, 12, 16, ... and all, from ``minimum`` on."""
    series = sorted({count, *(base << exponent for base in (1, 3) for exponent in range(count.bit_length()))})
    return [length for length in series if max(1, minimum) <= length <= count]


def steps(full: int) -> list[int]:
    """Return the sums of weights to try, largest first: 2, 1, 1/2, 1/4 and 1/8 of the task's own, at most 2^8."""
    sizes = {min(full << 1 >> (halving + 1), 1 << WEIGHT_BITS) for halving in _HALVINGS}
    return sorted(sizes - {0}, reverse=True)


def choose(rule: Direction, levels: Mapping[str, Levels], full: int, minimum: int, loss: Loss) -> dict[str, int]:
    """Return the weights, by name, of the next model; all are 0 where no candidate is better than the base.

    Parameters
    ----------
    levels
        Of those who passed the gate.
    full
        The sum of weights that λ stands for: (1 - λ)·2^8.
    minimum
        Shorter prefixes are not tried.
    loss
        Is asked for the base first, then for each candidate.
    """
    nothing = dict.fromkeys(levels, 0)
    if not levels:
        return nothing
    worth = shares(levels, middle_norm(levels))
    order = ordered(levels)
    # The first of the order is in every prefix: were it hidden poison, it alone could end every round.
    for names in (order, order[1:]):
        chosen = _best(rule, names, worth, full, minimum, loss)
        if chosen:
            return nothing | dict(chosen)
    return nothing


def _best(
    rule: Direction, names: Sequence[str], worth: Mapping[str, int], full: int, minimum: int, loss: Loss
) -> Weights:
    """Return the widest prefix with ``width`` of the best gain, at its best step; () where nothing gains."""
    base = loss(())
    gains: dict[int, list[tuple[int, Weights]]] = {}
    for length in lengths(len(names), minimum):
        parts = {name: worth[name] for name in sorted(names[:length])}
        tried = [tuple(apportion(step, parts).items()) for step in steps(full)]
        gains[length] = [(base - loss(weights), weights) for weights in tried]
    best = {length: max(tried, key=lambda pair: pair[0]) for length, tried in gains.items()}
    most = max((gain for gain, _ in best.values()), default=0)
    if most <= 0:
        return ()
    return best[max(length for length, (gain, _) in best.items() if 1000 * gain >= rule.width * most)][1]
