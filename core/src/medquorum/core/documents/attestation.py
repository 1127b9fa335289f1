# SPDX-License-Identifier: Apache-2.0
"""What one verifier found of one update on its own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from medquorum.core.documents.document import Attribute, Statement
from medquorum.core.documents.fields import CountsByModel, Hash, MspId, Quality, ReasonCode, RoundIndex, TaskName
from medquorum.core.documents.task import Mode

__all__ = ["DATASET", "DISPUTED", "EVALUATION", "NO_MATERIAL", "UNEVALUATED", "Attestation", "Result"]

DISPUTED = "DISPUTED"
"""A share was never uploaded, or is not the committed one: nobody is blamed, nothing was evaluated."""

NO_MATERIAL = "NO_MATERIAL"
"""A party is refused the dealer's randomness for good: nobody is blamed, nothing was evaluated."""

DATASET = "DATASET"
"""P0 says that it does not have the committed images: no hospital is blamed, nothing was evaluated."""

UNEVALUATED = frozenset({DATASET, DISPUTED, NO_MATERIAL})

EVALUATION = ("update", "dataset", "transcript")


class Result(BaseModel):
    """A verifier's own result, in the fields of a verdict."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    accepted: bool
    reason: ReasonCode | None
    counts: CountsByModel | None = None
    quality: Quality | None = None


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
