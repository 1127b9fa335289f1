# SPDX-License-Identifier: Apache-2.0
"""From what two parties opened to what each of them attests: the same verdict as plain verification writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.core import rules
from medquorum.core.documents.attestation import IMPOSSIBLE
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import disclosed
from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference import AccuracyCounts
from medquorum.core.rules.minima import least_counts
from medquorum.errors import ConfigError, ProtocolError
from medquorum.verifier.session.greeting import BaseCounts
from medquorum.verifier.session.session import OpenedResult
from medquorum.verifier.session.spec import VerificationSpec

__all__ = [
    "ImpossibleResult",
    "attestation_result",
    "base_statement",
    "minima",
    "read_counts",
    "screened",
    "unevaluated",
]


class ImpossibleResult(ProtocolError):
    """What was opened cannot be true: a party or the dealer has lied. It is recorded, for nothing is opened again."""


def _update_rule(task: Task) -> rules.PerUpdate:
    """Return the task's rule, which judges updates one by one.

    Raises
    ------
    ConfigError
        It judges whole rounds.
    """
    rule = rules.counting_rule(task.rule)
    if isinstance(rule, rules.Prefix):
        raise ConfigError(f"the rule {rule.name} judges no single update", "Judge the round")
    return rule


def base_statement(base: AccuracyCounts) -> BaseCounts:
    """Return what P0 tells P1 of the base model in disclosure mode count."""
    return BaseCounts(
        correct=base.correct, per_class_correct=base.per_class_correct, per_class_total=base.per_class_total
    )


def minima(task: Task, base: AccuracyCounts, spec: VerificationSpec) -> IntArray:
    """Return P0's least counts in the order of ``VerificationSpec.conditions``."""
    least = least_counts(_update_rule(task), base)
    values: list[int] = []
    for subject in spec.plan.subjects:
        total, classes = least["own" if subject.key == "own" else "mixed"]
        values += [total, *classes] if spec.plan.per_class else [total]
    return np.array(values, dtype=np.int64)


def attestation_result(task: Task, hospital: str, opened: OpenedResult, spec: VerificationSpec) -> dict[str, Any]:
    """Return the attested result: accepted, reason and, in disclosure mode count, counts and quality."""
    refused = unevaluated(task, hospital, opened)
    if refused is not None:
        return refused
    if spec.only_bit:
        return {"accepted": opened.holds, "reason": None if opened.holds else rules.Reason.RULE.value}
    try:
        base, candidate = screened(task, hospital, opened, spec)
    except ImpossibleResult:
        return {"accepted": False, "reason": IMPOSSIBLE}
    # The norm bound is in the condition bit.
    (verdict,) = rules.judge(_update_rule(task).model_copy(update={"norm": None}), base, [candidate])
    return disclosed(task, verdict)


def unevaluated(task: Task, hospital: str, opened: OpenedResult) -> dict[str, Any] | None:
    """Return what is attested where nothing was evaluated: the reason, and the parties on whose word.

    Also where a party has shifted what was opened, which one cannot be said.
    """
    if opened.shifted:
        return {"accepted": False, "reason": IMPOSSIBLE}
    if opened.refusal is None:
        return None
    parties = settings_of(task).evaluators(hospital)
    claimants = sorted(parties[index] for index in opened.refusal.claimants)
    return {"accepted": False, "reason": opened.refusal.reason, "claimants": claimants}


def screened(
    task: Task, hospital: str, opened: OpenedResult, spec: VerificationSpec
) -> tuple[AccuracyCounts, rules.Candidate]:
    """Return the base model's accuracy counts and the candidate, from what was opened in disclosure mode count.

    Raises
    ------
    ImpossibleResult
        What was opened, or P0's statement, cannot be true.
    """
    base = _stated_counts(opened.statement, spec)
    if not opened.holds:
        # One bit says that RANGE and norm hold; which of them failed stays secret.
        reason = rules.Reason.RANGE if rules.parse_rule(task.rule).norm is None else rules.Reason.RANGE_OR_NORM
        return base, rules.Candidate(hospital, reason)
    counts = read_counts(opened.counts, spec, base)
    return base, rules.Candidate(hospital, mixed=counts.get("mixed"), own=counts.get("own"))


def _stated_counts(stated: BaseCounts | None, spec: VerificationSpec) -> AccuracyCounts:
    """Read what P0 says of the base model."""
    if stated is not None:
        counts = AccuracyCounts(stated.correct, stated.per_class_correct, stated.per_class_total)
        widths = {len(counts.per_class_correct), *(subject.program.output.classes for subject in spec.plan.subjects)}
        if widths == {len(counts.per_class_total)} and _possible(counts) and counts.total == spec.answers:
            return counts
    raise ImpossibleResult("P0 says nothing possible of the base model", "Both parties have to run the same release")


def read_counts(counts: tuple[int, ...], spec: VerificationSpec, base: AccuracyCounts) -> dict[str, AccuracyCounts]:
    """Read the opened counts; without counts per class, the counts have all answers in one class.

    Raises
    ------
    ImpossibleResult
        There are more or fewer of them than the spec has, for the other party's word left them out; or they cannot
        be true, as when the dealer dealt something else.
    """
    if len(counts) != spec.conditions:
        raise ImpossibleResult(
            f"{len(counts)} counts of {spec.name.hospital} were opened, not {spec.conditions}", "Abort the round"
        )
    read: dict[str, AccuracyCounts] = {}
    left = iter(counts)
    for subject in spec.plan.subjects:
        total = next(left)
        classes = subject.program.output.classes if spec.plan.per_class else 0
        per_class = tuple(next(left) for _ in range(classes))
        read[subject.key] = AccuracyCounts(
            total, per_class or (total,), base.per_class_total if classes else (spec.answers,)
        )
        if not _possible(read[subject.key]):
            raise ImpossibleResult(
                f"the counts opened of {spec.name.hospital} cannot be true",
                "Look at the dealer and both parties",
            )
    return read


def _possible(counts: AccuracyCounts) -> bool:
    """Whether no class has more correct images than images, and they add up."""
    rows = zip(counts.per_class_correct, counts.per_class_total, strict=True)
    return all(0 <= correct <= total for correct, total in rows) and sum(counts.per_class_correct) == counts.correct
