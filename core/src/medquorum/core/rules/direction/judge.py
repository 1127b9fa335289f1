# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction`` over a round: who is refused, and what weight the others have in the next model."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.core.model import Tensors
from medquorum.core.rules.candidates import Candidate, Reason, Verdict
from medquorum.core.rules.direction.levels import RootUpdate
from medquorum.core.rules.direction.search import Judge, aligned, choose
from medquorum.core.rules.documents import Direction
from medquorum.core.rules.update import norm_refusal
from medquorum.errors import ContractError

__all__ = ["direction_candidate", "judge_direction"]


def direction_candidate(
    rule: Direction, root: RootUpdate, name: str, update: Tensors | None, problem: Reason | None
) -> Candidate:
    """Return an update as the rule judges it: with its levels, or with what :func:`screen` found or the bounds find."""
    if update is None or problem is not None:
        return Candidate(name, problem)
    levels = root.levels(update)
    distance = None if rule.norm is None else root.distance(update)
    return Candidate(name, None if levels else Reason.NORM, distance=distance, levels=levels)


def judge_direction(
    rule: Direction, candidates: Sequence[Candidate], *, full: int, judge: Judge, minimum: int = 1
) -> list[Verdict]:
    """Judge all updates of a round; the verdicts come in the candidates' order.

    Parameters
    ----------
    full, judge
        As in :func:`~medquorum.core.rules.direction.search.choose`.
    minimum
        Shortest prefix worth accepting: the task's ``minimum_accepted``.

    Raises
    ------
    ContractError
        ``NOT_READY`` when the levels of an update without a problem are not known.
    """
    reasons = {item.name: item.problem or norm_refusal(rule, item) for item in candidates}
    levels = {}
    for item in candidates:
        if reasons[item.name] is None:
            if item.levels is None:
                raise ContractError("NOT_READY", f"the levels of {item.name}'s update are not known", "Prepare it")
            levels[item.name] = item.levels
    passed = aligned(rule, {name: level.cosine for name, level in levels.items()})
    reasons |= {name: Reason.DIRECTION for name in levels if name not in passed}
    of_passed = {name: levels[name] for name in levels if name in passed}
    weights = choose(rule, of_passed, full, minimum, judge)
    return [
        Verdict(item.name, reasons[item.name] is None, reasons[item.name], weight=weights.get(item.name))
        for item in candidates
    ]
