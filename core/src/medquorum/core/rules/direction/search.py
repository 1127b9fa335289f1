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

_LENGTHS = 5
_HALVINGS = 3
"""Of the longest step: each is tried."""
_SHORT = 2
"""Halvings of the step that is tried where the longest one gains nothing."""


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
    """Return the lengths of prefixes to try, from ``minimum`` on: the longest five of 1, 2, 3, 4, 6, 8, ... and all."""
    series = sorted({count, *(base << exponent for base in (1, 3) for exponent in range(count.bit_length()))})
    return [length for length in series if max(1, minimum) <= length <= count][-_LENGTHS:]


def steps(full: int) -> list[int]:
    """Return the sums of weights to try: twice the task's own, 2^8 at most, then its half, fourth and eighth."""
    longest = min(2 * full, 1 << WEIGHT_BITS)
    return [longest >> halving for halving in range(_HALVINGS + 1)]


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
        Is asked for the base first, then for each candidate: nine models at most, whatever the number of updates.
    """
    nothing = dict.fromkeys(levels, 0)
    order = ordered(levels)
    tried = lengths(len(order), minimum)
    if not tried or not full:
        return nothing
    worth, base = shares(levels, middle_norm(levels)), loss(())

    def candidate(names: Sequence[str], step: int) -> tuple[int, Weights]:
        weights = tuple(apportion(step, {name: worth[name] for name in sorted(names)}).items())
        return base - loss(weights), weights

    longest, *shorter = steps(full)
    gains = {length: candidate(order[:length], longest) for length in tried}
    most = max(gain for gain, _ in gains.values())
    if most > 0:
        length = max(length for length, (gain, _) in gains.items() if 1000 * gain >= rule.width * most)
        further = [(order[:length], step) for step in shorter]
    else:
        # The first of the order is in every prefix: were it hidden poison, it alone could end every round.
        length = max(tried, key=lambda each: (gains[each][0], each))
        rest, short = order[1:][:length], longest >> _SHORT
        further = [(order[:length], short), (rest, longest), (rest, short)]
    enough = [candidate(names, step) for names, step in further if step and len(names) >= max(1, minimum)]
    gain, chosen = max([gains[length], *enough], key=lambda pair: pair[0])
    return nothing | dict(chosen) if gain > 0 else nothing
