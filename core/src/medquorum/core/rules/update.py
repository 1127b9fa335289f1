# SPDX-License-Identifier: Apache-2.0
"""Rules over one update: strict, slack, floor, threshold, weighted, none, and the norm bound every rule may carry."""

from __future__ import annotations

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.inference import AccuracyCounts
from medquorum.core.rules.candidates import Candidate, Reason
from medquorum.core.rules.documents import Floor, PerUpdate, Rule, Slack, Subject, Threshold, Weighted
from medquorum.errors import ContractError

__all__ = ["norm_refusal", "refusal", "subject", "within_slack"]


def refusal(rule: PerUpdate, base: AccuracyCounts, candidate: Candidate) -> Reason | None:
    """Return the reason to refuse a candidate that passed :func:`norm_refusal`, or None.

    Raises
    ------
    ContractError
        ``NOT_READY`` when the model the rule looks at was not evaluated.
    """
    if rule.name == "none":
        return None
    if isinstance(rule, Threshold):
        own = subject(candidate, "own")
        return None if 1000 * own.correct >= rule.threshold * own.total else Reason.RULE
    if isinstance(rule, Weighted):
        return None if _weighted_gain(rule, subject(candidate, "mixed"), base) else Reason.RULE
    slack = rule.slack if isinstance(rule, Slack | Floor) else 0
    if not within_slack(subject(candidate, "mixed"), base, slack):
        return Reason.RULE
    if isinstance(rule, Floor):
        return _floor_refusal(rule, base, subject(candidate, "own" if rule.floor_on == "r" else "mixed"))
    return None


def norm_refusal(rule: Rule, candidate: Candidate) -> Reason | None:
    """Return NORM when ||r - w|| > norm / 1000: Σ d² · 10^6 > norm² · 2^(2f), exactly.

    Raises
    ------
    ContractError
        ``NOT_READY`` when the rule has a bound and the distance was not computed.
    """
    if rule.norm is None:
        return None
    if candidate.distance is None:
        raise ContractError("NOT_READY", f"the norm of {candidate.name}'s update was not computed", "Prepare it first")
    beyond = candidate.distance * 10**6 > rule.norm**2 << (2 * FRACTION_BITS)
    return Reason.NORM if beyond else None


def within_slack(counts: AccuracyCounts, base: AccuracyCounts, slack: int) -> bool:
    """Return whether correct > correct(w) - slack/1000 of the set."""
    return 1000 * (counts.correct - base.correct) + slack * base.total > 0


def subject(candidate: Candidate, which: Subject) -> AccuracyCounts:
    """Return the accuracy counts of p or r; ContractError ``NOT_READY`` when it was not evaluated."""
    counts = candidate.mixed if which == "mixed" else candidate.own
    if counts is None:
        raise ContractError("NOT_READY", f"{candidate.name}'s model ({which}) was not evaluated", "Prepare it first")
    return counts


def _weighted_gain(rule: Weighted, counts: AccuracyCounts, base: AccuracyCounts) -> bool:
    """Return whether the weighted count is more than that of w minus slack/1000 of the whole."""
    rows = zip(rule.weights, counts.per_class_correct, base.per_class_correct, base.per_class_total, strict=True)
    return sum(weight * (1000 * (own - before) + rule.slack * total) for weight, own, before, total in rows) > 0


def _floor_refusal(rule: Floor, base: AccuracyCounts, counts: AccuracyCounts) -> Reason | None:
    rows = zip(counts.per_class_correct, base.per_class_correct, base.per_class_total, strict=True)
    least = ((correct, max(1000 * before - rule.floor * total, rule.least * total)) for correct, before, total in rows)
    return Reason.FLOOR if any(1000 * counted < wanted for counted, wanted in least) else None
