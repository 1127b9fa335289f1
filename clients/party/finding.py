# SPDX-License-Identifier: Apache-2.0
"""From what two parties opened to what each of them attests: the same verdict as plain verification writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chaincode import rules
from chaincode.contract.task import Task
from chaincode.contract.verdict import disclosed
from chaincode.evaluation import Merit
from chaincode.fixedpoint import IntArray
from chaincode.rules.minima import least_merits
from medquorum import ConfigError, ProtocolError
from verifier.session import Opened, Order

__all__ = ["base_statement", "finding", "minima", "update_rule"]


def update_rule(task: Task) -> rules.PerUpdate:
    """Give the task's rule, which judges updates one by one.

    Raises
    ------
    ConfigError
        It judges whole rounds; the contract creates no such encrypted task.
    """
    rule = rules.parse_rule(task.rule)
    if isinstance(rule, rules.Prefix):
        raise ConfigError(f"the rule {rule.name} does not work under encryption", "Use a rule over single updates")
    return rule


def base_statement(base: Merit) -> dict[str, Any]:
    """Give what P0 tells P1 of the base model in disclosure mode count."""
    return {
        "correct": base.correct,
        "per_class_correct": list(base.per_class_correct),
        "per_class_total": list(base.per_class_total),
    }


def minima(task: Task, base: Merit, order: Order) -> IntArray:
    """Give P0's least counts in the order of ``Order.conditions``."""
    least = least_merits(update_rule(task), base)
    values: list[int] = []
    for subject in order.plan.subjects:
        total, classes = least["own" if subject.key == "own" else "mixed"]
        values += [total, *classes] if order.plan.per_class else [total]
    return np.array(values, dtype=np.int64)


def finding(task: Task, hospital: str, opened: Opened, order: Order) -> dict[str, Any]:
    """Give the attested result: accepted, reason and, in disclosure mode count, counts and quality."""
    if opened.disputed:
        return {"accepted": False, "reason": "DISPUTED"}
    if order.only_bit:
        return {"accepted": opened.holds, "reason": None if opened.holds else rules.Reason.RULE.value}
    base = _stated_merit(opened.statement, order)
    rule = update_rule(task)
    if not opened.holds:
        # One bit says that RANGE and norm hold; which of them failed stays secret.
        reason = rules.Reason.RANGE if rule.norm is None else rules.Reason.RANGE_OR_NORM
        counts = {"total": base.total, "base": base.correct}
        return {"accepted": False, "reason": reason.value, "counts": counts}
    merits = _merits(opened.counts, order, base)
    candidate = rules.Candidate(hospital, mixed=merits.get("mixed"), own=merits.get("own"))
    (verdict,) = rules.judge(rule.model_copy(update={"norm": None}), base, [candidate])
    return disclosed(task, verdict)


def _stated_merit(stated: Any, order: Order) -> Merit:
    """Read what P0 says of the base model.

    Raises
    ------
    ProtocolError
        It cannot be true.
    """
    match stated:
        case {"correct": int(correct), "per_class_correct": [*found], "per_class_total": [*totals]}:
            merit = Merit(correct, tuple(found), tuple(totals))
            rows = list(zip(found, totals, strict=False))
            whole = all(isinstance(c, int) and isinstance(t, int) and 0 <= c <= t for c, t in rows)
            if len(found) == len(totals) and whole and sum(found) == correct and merit.total == order.images:
                return merit
    raise ProtocolError("P0 says nothing possible of the base model", "Both parties have to run the same release")


def _merits(counts: tuple[int, ...], order: Order, base: Merit) -> dict[str, Merit]:
    """Read the opened counts; without counts per class, a merit has all images in one class."""
    merits: dict[str, Merit] = {}
    left = iter(counts)
    for subject in order.plan.subjects:
        total = next(left)
        classes = len(base.per_class_total) if order.plan.per_class else 0
        found = tuple(next(left) for _ in range(classes))
        merits[subject.key] = Merit(total, found or (total,), base.per_class_total if classes else (order.images,))
    return merits
