# SPDX-License-Identifier: Apache-2.0
"""One function for all rules that count correct images: ``judge``."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.core.inference import AccuracyCounts
from medquorum.core.rules.candidates import Candidate, Reason, Verdict
from medquorum.core.rules.documents import Counting, Prefix
from medquorum.core.rules.prefix import AggregateCounts, best_prefix, ranked
from medquorum.core.rules.update import norm_refusal, refusal
from medquorum.errors import ContractError

__all__ = ["judge"]


def judge(
    rule: Counting,
    base: AccuracyCounts,
    candidates: Sequence[Candidate],
    *,
    aggregate_counts: AggregateCounts | None = None,
    minimum: int = 1,
) -> list[Verdict]:
    """Judge updates; the verdicts come in the candidates' order.

    Parameters
    ----------
    base
        Accuracy counts of w.
    candidates
        One or more for a rule over an update, all of the round for a rule over the round.
    aggregate_counts
        Needed by ``prefix``, which calls it once for each prefix, shortest first.
    minimum
        Shortest prefix worth accepting: the task's ``minimum_accepted``.

    Raises
    ------
    ContractError
        ``NOT_READY`` when something the rule needs was not evaluated.
    """
    reasons = {item.name: item.problem or norm_refusal(rule, item) for item in candidates}
    sound = [item for item in candidates if reasons[item.name] is None]
    aggregates: dict[str, AccuracyCounts] = {}
    if isinstance(rule, Prefix):
        aggregates = _aggregates(ranked(sound), aggregate_counts)
        accepted = best_prefix(rule, base, aggregates, minimum)
        reasons |= {item.name: None if item.name in accepted else Reason.RULE for item in sound}
    else:
        reasons |= {item.name: refusal(rule, base, item) for item in sound}
    return [_verdict(item, reasons[item.name], base, aggregates.get(item.name)) for item in candidates]


def _aggregates(names: Sequence[str], aggregate_counts: AggregateCounts | None) -> dict[str, AccuracyCounts]:
    if aggregate_counts is None:
        raise ContractError("NOT_READY", "the prefixes' aggregates were not evaluated", "Call PrepareRound first")
    return {name: aggregate_counts(tuple(names[: rank + 1])) for rank, name in enumerate(names)}


def _verdict(
    candidate: Candidate, reason: Reason | None, base: AccuracyCounts, aggregate: AccuracyCounts | None
) -> Verdict:
    by_subject = {"base": base, "mixed": candidate.mixed, "own": candidate.own, "aggregate": aggregate}
    counts = {"total": base.total} | {name: counts.correct for name, counts in by_subject.items() if counts is not None}
    quality = None if candidate.mixed is None else candidate.mixed.correct - base.correct
    return Verdict(candidate.name, reason is None, reason, quality, counts)
