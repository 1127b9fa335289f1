# SPDX-License-Identifier: Apache-2.0
"""Which updates make the next model, and how far it goes: prefixes of their order, by what they gain on the margin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol, TypeAlias

from medquorum.core.rules.direction.drops import undropped
from medquorum.core.rules.direction.levels import Levels
from medquorum.core.rules.direction.tables import COSINES
from medquorum.core.rules.direction.weights import WEIGHT_BITS, apportion, middle_norm, shares, spread
from medquorum.core.rules.documents import Direction
from medquorum.errors import ContractError

__all__ = ["Judge", "LossJudge", "Weights", "aligned", "choose", "lengths", "ordered", "steps"]

Weights: TypeAlias = tuple[tuple[str, int], ...]
"""Names with their weights, in the order of the names; () is the base itself."""

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


class Judge(Protocol):
    """Says of models of weighted updates what the rule asks: how much each gains on the base stays with it."""

    def any_gains(self, candidates: Sequence[Weights]) -> bool:
        """Return whether one of them has a smaller loss than the base."""
        ...

    def last_with(self, candidates: Sequence[Weights], share: int) -> int:
        """Return the place of the last one with at least ``share`` thousandths of the best gain."""
        ...


class LossJudge:
    """Judges by known losses: asks for the base's first, then for each candidate's, once."""

    def __init__(self, loss: Callable[[Weights], int]) -> None:
        self.loss = cache(loss)

    def any_gains(self, candidates: Sequence[Weights]) -> bool:
        """Return whether one of them has a smaller loss than the base."""
        return max(map(self._gain, candidates)) > 0

    def last_with(self, candidates: Sequence[Weights], share: int) -> int:
        """Return the place of the last one with at least ``share`` thousandths of the best gain."""
        gains = list(map(self._gain, candidates))
        return max(place for place, gain in enumerate(gains) if 1000 * gain >= share * max(gains))

    def _gain(self, weights: Weights) -> int:
        return self.loss(()) - self.loss(weights)


def choose(rule: Direction, levels: Mapping[str, Levels], full: int, minimum: int, judge: Judge) -> dict[str, int]:
    """Return the weights, by name, of the next model; all are 0 where no candidate is better than the base.

    Parameters
    ----------
    levels
        Of those who passed the gate.
    full
        The sum of weights that λ stands for: (1 - λ)·2^8.
    minimum
        Shorter prefixes are not tried.
    judge
        Is asked about nine models at most with the base, whatever the number of updates; where n may be dropped of p,
        about p + n - 1 more.

    Raises
    ------
    ContractError
        ``WRONG_RULE`` where ``drops`` compares losses and the judge does not tell them.
    """
    nothing = dict.fromkeys(levels, 0)
    order = ordered(levels)
    worth = shares(levels, middle_norm(levels)) if levels else {}

    def candidates(prefixes: Iterable[tuple[Sequence[str], int]]) -> list[Weights]:
        """Return those that may be tried of names with a sum of weights."""
        made = (
            tuple(apportion(step, {name: worth[name] for name in sorted(names)}).items())
            for names, step in prefixes
            if step and len(names) >= max(1, minimum) and any(worth[name] for name in names)
        )
        return [weights for weights in made if spread([weight for _, weight in weights], rule.members, minimum)]

    longest, *shorter = steps(full)
    if rule.drops:
        if not isinstance(judge, LossJudge):
            raise ContractError("WRONG_RULE", "drops compares losses, which are hidden here", "Leave drops away")
        loss = judge.loss
        order = undropped(rule, order, lambda names: next(map(loss, candidates([(names, longest)])), None))
    first = candidates((order[:length], longest) for length in lengths(len(order), minimum))
    if not first:
        return nothing
    gained = judge.any_gains(first)
    chosen = first[judge.last_with(first, rule.width if gained else 1000)]
    length = len(chosen)
    if gained:
        further = [(order[:length], step) for step in shorter]
    else:
        # The first of the order is in every prefix: were it hidden poison, it alone could end every round.
        rest, short = order[1:][:length], longest >> _SHORT
        further = [(order[:length], short), (rest, longest), (rest, short)]
    tried = [chosen, *candidates(further)]
    if not judge.any_gains(tried):
        return nothing
    tried.reverse()  # the first of equals is then the last
    return nothing | dict(tried[judge.last_with(tried, 1000)])
