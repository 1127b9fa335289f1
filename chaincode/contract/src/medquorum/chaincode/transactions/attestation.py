# SPDX-License-Identifier: Apache-2.0
"""Attestations: what one verifier found on its own.

In a plain task they are kept beside the verdict where verifiers differ. In an encrypted task they are the verdict: each
party attests what the evaluation on the shares opened, and equal results of both write it. In the placement of [SMV]
the second party is the hospital itself, which attests nothing but its own update; mode says so.
"""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.arguments import Json, Msp, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, transaction
from medquorum.chaincode.state.rounds import get_round
from medquorum.chaincode.state.verdicts import check_undecided
from medquorum.chaincode.transactions.task import check_hospital, check_verifier, get_task
from medquorum.core import rules
from medquorum.core.documents.attestation import EVALUATION, UNEVALUATED, UNJUDGED, Attestation, Result
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import Verdict
from medquorum.errors import ContractError

__all__ = ["attestation_of", "both_found", "verdict_of"]


@transaction
def attest_verdict(context: Context, task: TaskId, round_number: RoundNumber, hospital: Msp, result: Json) -> Answer:
    """Record the caller's result {accepted, reason, counts?, quality?}.

    In an encrypted task {claimants?, update, dataset, transcript} besides.
    """
    document = get_task(context, task)
    round_ = get_round(context, task, round_number)
    _check_attester(context, document, round_, hospital)
    if document.encrypted is not None and document.judges_rounds:
        raise ContractError("WRONG_RULE", "the rule judges all updates of a round together", "Send AttestRound")
    round_.expect("verifying")
    check_undecided(context, task, round_number, hospital)
    attestation = attestation_of(context, document, round_, hospital, result)
    decided = both_found(context, document, round_, attestation)
    context.put(attestation)
    if decided:
        context.put(verdict_of(document, attestation))
    context.event("UpdateVerified" if decided else "VerdictAttested", task=task, round=round_number, hospital=hospital)
    return attestation.plain()


def attestation_of(context: Context, task: Task, round_: Round, hospital: str, result: Any) -> Attestation:
    """Read the caller's result on one update.

    Raises
    ------
    ContractError
        ``BAD_ATTESTATION``.
    """
    attestation = Attestation.from_argument(
        "BAD_ATTESTATION",
        _fields(task, result),
        task=task.task,
        round=round_.round,
        hospital=hospital,
        verifier=context.msp,
        mode=None if task.encrypted is None else task.mode,
    )
    _check_reason(task, attestation.result)
    _check_claimants(task, hospital, attestation.result)
    _check_disclosure(task, attestation.result)
    return attestation


def _check_attester(context: Context, task: Task, round_: Round, hospital: str) -> None:
    """Refuse everyone but the update's evaluators; a hospital has a say about its own update at most.

    A candidate that has left the task since still has it: what it handed in stays.
    """
    if context.msp == hospital and context.msp in task.attesters(hospital):
        check_hospital(context, sorted({*task.taking_part(round_.round), *round_.candidates}))
    else:
        check_verifier(context, task)
    if context.msp not in task.attesters(hospital):
        raise ContractError(
            "ACCESS_DENIED",
            f"{context.msp} does not verify the update of {hospital}",
            f"This is for {' and '.join(task.attesters(hospital))}",
        )


def _fields(task: Task, result: Any) -> dict[str, Any]:
    """Separate the result from what it is bound to, which only an encrypted task's has."""
    if task.encrypted is None or not isinstance(result, dict):
        return {"result": result}
    bound = {name: result[name] for name in EVALUATION if name in result}
    return bound | {"result": {name: value for name, value in result.items() if name not in EVALUATION}}


def _check_disclosure(task: Task, result: Result) -> None:
    reasons = {None, "RULE", rules.Reason.ROOT.value} if task.encrypted is None else {None, "RULE", *UNJUDGED}
    if task.disclosure == "bit" and (
        result.counts is not None or result.quality is not None or result.reason not in reasons
    ):
        raise ContractError(
            "BAD_ATTESTATION", f"the task {task.task} discloses one bit only", "Send accepted and reason RULE"
        )


def _check_reason(task: Task, result: Result) -> None:
    known = {reason.value for reason in rules.Reason} | (UNJUDGED if task.encrypted else frozenset())
    if result.accepted != (result.reason is None) or not {result.reason} <= known | {None}:
        raise ContractError(
            "BAD_ATTESTATION",
            f"accepted {result.accepted} and reason {result.reason} do not belong together",
            f"Send null for an accepted update, otherwise one of {', '.join(sorted(known))}",
        )


def _check_claimants(task: Task, hospital: str, result: Result) -> None:
    """Refuse a result that was left unevaluated on nobody's word, or on a stranger's."""
    claimants = result.claimants or []
    if bool(claimants) != (result.reason in UNEVALUATED) or not {*claimants} <= {*task.attesters(hospital)}:
        raise ContractError(
            "BAD_ATTESTATION",
            f"the reason {result.reason} and the claimants {', '.join(claimants) or 'none'} do not belong together",
            f"With {', '.join(sorted(UNEVALUATED))} name the parties that say so, else nobody",
        )
    if claimants != sorted({*claimants}):
        raise ContractError("BAD_ATTESTATION", "the claimants are not sorted, each named once")


def both_found(context: Context, task: Task, round_: Round, attestation: Attestation) -> bool:
    """Check an encrypted task's attestation; return whether the other party's result is there and equal.

    Raises
    ------
    ContractError
        ``BAD_ATTESTATION``; ``ATTESTATION_MISMATCH`` where it is about something else than the round's update.
    """
    if task.encrypted is None:
        return False
    _check_evaluation(task, round_, attestation)
    names = (task.task, round_.round, attestation.hospital)
    # Two attestations simulated beside each other read each other's absent key: the later one in a block is invalid.
    (party,) = set(task.attesters(attestation.hospital)) - {attestation.verifier}
    other = context.find(Attestation, *names, party)
    return other is not None and other.agreed_bytes == attestation.agreed_bytes


def _check_evaluation(task: Task, round_: Round, attestation: Attestation) -> None:
    """Hold an encrypted task's attestation against the update that was frozen and the data set."""
    missing = [name for name in EVALUATION if getattr(attestation, name) is None]
    if missing:
        raise ContractError("BAD_ATTESTATION", f"{missing[0]} is missing", "Send what the evaluation was bound to")
    frozen = round_.commitments[attestation.hospital]
    if (attestation.update, attestation.dataset) != (frozen, task.dataset):
        raise ContractError(
            "ATTESTATION_MISMATCH",
            f"the result is about {attestation.update} on {attestation.dataset}",
            f"Evaluate {frozen} on {task.dataset}",
        )


def verdict_of(task: Task, attestation: Attestation) -> Verdict:
    """Make the verdict that two equal attestations are."""
    return Verdict(
        task=task.task,
        round=attestation.round,
        hospital=attestation.hospital,
        mode=task.mode,
        rule=rules.parse_rule(task.rule).name,
        transcript=attestation.transcript,
        **attestation.result.model_dump(),
    )
