# SPDX-License-Identifier: Apache-2.0
"""The verdict on one update: ``pending`` from its submission, then the verifiers' common decision."""

from __future__ import annotations

from typing import Any, ClassVar

from medquorum.core import rules
from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import (
    Claimants,
    CountsByModel,
    Hash,
    MspId,
    Quality,
    ReasonCode,
    RoundIndex,
    TaskName,
    Weight,
)
from medquorum.core.documents.task import Mode, Task

__all__ = ["PENDING", "Verdict", "disclosed"]

PENDING = b"pending"


class Verdict(Document):
    """Accepted or refused, why, on whose word, and in disclosure mode ``count`` what was counted."""

    kind: ClassVar[str] = "verdict"
    optional: ClassVar[frozenset[str]] = frozenset({"claimants", "counts", "quality", "transcript", "weight"})

    task: TaskName
    round: RoundIndex
    hospital: MspId
    accepted: bool
    reason: ReasonCode | None
    mode: Mode = "plain"
    rule: str
    counts: CountsByModel | None = None
    quality: Quality | None = None
    transcript: Hash | None = None
    claimants: Claimants | None = None
    weight: Weight | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round and hospital."""
        return (self.task, self.round, self.hospital)


def disclosed(task: Task, verdict: rules.Verdict) -> dict[str, Any]:
    """Return the part of a verdict that the task's disclosure mode lets out."""
    weight = {} if verdict.weight is None else {"weight": verdict.weight}
    if task.disclosure == "bit":
        kept = (None, rules.Reason.ROOT)
        reason = verdict.reason if verdict.reason in kept else rules.Reason.RULE
        return {"accepted": verdict.accepted, "reason": None if reason is None else reason.value} | weight
    result: dict[str, Any] = weight | {
        "accepted": verdict.accepted,
        "reason": None if verdict.reason is None else verdict.reason.value,
        "counts": dict(verdict.counts),
    }
    return result if verdict.quality is None else result | {"quality": verdict.quality}
