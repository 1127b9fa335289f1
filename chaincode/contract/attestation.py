# SPDX-License-Identifier: Apache-2.0
"""Attestations: what one verifier found on its own, kept beside the verdict where verifiers differ."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from chaincode.contract.arguments import Json, Msp, RoundNumber, TaskId
from chaincode.contract.context import Context
from chaincode.contract.dispatch import Answer, transaction
from chaincode.contract.documents import Attribute, Document, MspId, RoundIndex, TaskName
from chaincode.contract.roundstate import get_round
from chaincode.contract.task import check_verifier, get_task
from chaincode.contract.verdictstate import check_undecided
from medquorum import ContractError

__all__ = ["Attestation"]


class Result(BaseModel):
    """A verifier's own finding, in the fields of a verdict."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    accepted: bool
    reason: Annotated[str, Field(max_length=64)] | None
    counts: dict[str, Any] | None = None
    quality: int | None = None


class Attestation(Document):
    """One verifier's finding on one update."""

    kind: ClassVar[str] = "attestation"

    task: TaskName
    round: RoundIndex
    hospital: MspId
    verifier: MspId
    result: Result

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round, hospital and verifier."""
        return (self.task, self.round, self.hospital, self.verifier)


@transaction
def attest_verdict(context: Context, task: TaskId, round: RoundNumber, hospital: Msp, result: Json) -> Answer:
    """Record the caller's own finding {accepted, reason, counts?, quality?} on an update the verifiers differ on."""
    document = get_task(context, task)
    check_verifier(context, document)
    get_round(context, task, round).expect("verifying")
    check_undecided(context, task, round, hospital)
    attestation = Attestation.from_argument(
        "BAD_ATTESTATION", {"result": result}, task=task, round=round, hospital=hospital, verifier=context.msp
    )
    if document.disclosure == "bit" and (
        attestation.result.counts is not None
        or attestation.result.quality is not None
        or attestation.result.reason not in (None, "RULE")
    ):
        raise ContractError(
            "BAD_ATTESTATION", f"the task {task} discloses one bit only", "Send accepted and reason RULE"
        )
    context.put(attestation)
    context.event("VerdictAttested", task=task, round=round, hospital=hospital)
    return attestation.plain()
