# SPDX-License-Identifier: Apache-2.0
"""A rule as least counts: what an evaluation that opens one bit only must reach."""

from __future__ import annotations

from medquorum.core.inference import AccuracyCounts
from medquorum.core.rules.documents import Floor, PerUpdate, Slack, Strict, Subject, Threshold, Weighted
from medquorum.errors import ContractError

__all__ = ["least_counts"]


def least_counts(rule: PerUpdate, base: AccuracyCounts) -> dict[Subject, tuple[int, tuple[int, ...]]]:
    """Return, for each model the rule evaluates, the least correct images in all and of each class.

    A candidate is accepted by :func:`medquorum.core.rules.judge` exactly when its counts reach all of them (and it
    passes RANGE and the norm bound).

    Raises
    ------
    ContractError
        ``WRONG_RULE``: ``weighted`` adds counts of classes up.
    """
    if isinstance(rule, Weighted):
        raise ContractError("WRONG_RULE", "the rule weighted has no least counts", "Use disclosure count")
    nothing = (0, (0,) * len(base.per_class_total))
    least: dict[Subject, tuple[int, tuple[int, ...]]] = dict.fromkeys(rule.subjects, nothing)
    if isinstance(rule, Threshold):
        least["own"] = (-(-rule.threshold * base.total // 1000), nothing[1])
    if isinstance(rule, Strict | Slack | Floor):
        slack = 0 if isinstance(rule, Strict) else rule.slack
        least["mixed"] = (max(0, base.correct + (-slack * base.total) // 1000 + 1), nothing[1])
    if isinstance(rule, Floor):
        on: Subject = "own" if rule.floor_on == "r" else "mixed"
        rows = zip(base.per_class_correct, base.per_class_total, strict=True)
        classes = tuple(
            max(0, -(-max(1000 * before - rule.floor * total, rule.least * total) // 1000)) for before, total in rows
        )
        least[on] = (least[on][0], classes)
    return least
