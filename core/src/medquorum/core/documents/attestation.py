# SPDX-License-Identifier: Apache-2.0
"""What one verifier found of one update on its own."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from medquorum.core.documents.document import Attribute, Statement
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
from medquorum.core.documents.task import Mode
from medquorum.core.rules import Reason

__all__ = [
    "DATASET",
    "DISPUTED",
    "EVALUATION",
    "IMPOSSIBLE",
    "NO_MATERIAL",
    "UNEVALUATED",
    "UNJUDGED",
    "Attestation",
    "Result",
]

DISPUTED = "DISPUTED"
"""A share was never uploaded, or is not the committed one, as the claimants say: nothing was evaluated."""

NO_MATERIAL = "NO_MATERIAL"
"""The claimants get no randomness of the dealer for good, or have lost what they wrote down: nothing was evaluated."""

DATASET = "DATASET"
"""P0, the claimant, says that it does not have the committed images: nothing was evaluated."""

IMPOSSIBLE = "IMPOSSIBLE"
"""What was opened cannot be true: somebody has lied, and nobody can be named. It is not opened again."""

UNEVALUATED = frozenset({DATASET, DISPUTED, NO_MATERIAL})
"""Refusals on the word of one party, or both: the result names them as claimants."""

UNJUDGED = UNEVALUATED | {IMPOSSIBLE, Reason.ROOT.value}
"""Refusals that say nothing of the update."""

EVALUATION = ("update", "dataset", "transcript")


class Result(BaseModel):
    """A verifier's own result, in the fields of a verdict; claimants are those on whose word nothing was evaluated."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    accepted: bool
    reason: ReasonCode | None
    counts: CountsByModel | None = None
    quality: Quality | None = None
    claimants: Claimants | None = None
    weight: Weight | None = None


class Attestation(Statement):
    """One verifier's result on one update; in an encrypted task also what was evaluated, and the transcript's hash.

    In the placement of [SMV] ``verifier`` may be the hospital.
    """

    kind: ClassVar[str] = "attestation"
    optional: ClassVar[frozenset[str]] = frozenset({*EVALUATION, "mode"})

    task: TaskName
    round: RoundIndex
    hospital: MspId
    result: Result
    mode: Mode | None = None
    update: Hash | None = None
    dataset: Hash | None = None
    transcript: Hash | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round, hospital and verifier."""
        return (self.task, self.round, self.hospital, self.verifier)

    def plain(self) -> dict[str, Any]:
        """Return the document as plain values; few results have claimants or a weight."""
        document = super().plain()
        seldom = ("claimants", "weight")
        result = {name: value for name, value in document["result"].items() if name not in seldom or value is not None}
        return document | {"result": result}
