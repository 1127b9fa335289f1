# SPDX-License-Identifier: Apache-2.0
"""AttestRound: what a party found of a whole round, where an encrypted task's rule judges all updates together."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.arguments import Json, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, transaction
from medquorum.chaincode.state.rounds import get_round
from medquorum.chaincode.state.verdicts import check_undecided
from medquorum.chaincode.transactions.attestation import attestation_of, both_found, verdict_of
from medquorum.chaincode.transactions.task import check_verifier, get_task
from medquorum.core.documents.round import Round
from medquorum.errors import ContractError

__all__ = ["attest_round"]


@transaction
def attest_round(context: Context, task: TaskId, round_number: RoundNumber, round_result: Json) -> Answer:
    """Record the caller's result {results: {MSP: {accepted, reason, counts?, quality?, update}}, dataset, transcript}.

    The second equal one writes the verdicts on all candidates.
    """
    document = get_task(context, task)
    check_verifier(context, document)
    document.expect("encrypted", "Send VerifyRound")
    if not document.judges_rounds:
        raise ContractError("WRONG_RULE", "the rule judges single updates", "Send AttestVerdict")
    round_ = get_round(context, task, round_number)
    round_.expect("verifying")
    attestations = [
        attestation_of(context, document, round_, hospital, result)
        for hospital, result in _results(round_, round_result).items()
    ]
    for attestation in attestations:
        check_undecided(context, task, round_number, attestation.hospital)
    # All verdicts or none: the accepted set is one prefix, judged at one time.
    decided = all([both_found(context, document, round_, attestation) for attestation in attestations])
    for attestation in attestations:
        context.put(attestation)
        if decided:
            context.put(verdict_of(document, attestation))
    context.event("RoundVerified" if decided else "VerdictAttested", task=task, round=round_number)
    return {attestation.hospital: attestation.plain() for attestation in attestations}


def _results(round_: Round, round_result: Any) -> dict[str, dict[str, Any]]:
    """Return each candidate's result with what the whole evaluation was bound to."""
    fields = {"results", "dataset", "transcript"}
    if (
        not isinstance(round_result, dict)
        or round_result.keys() != fields
        or not isinstance(round_result["results"], dict)
    ):
        raise ContractError("BAD_ATTESTATION", f"the result is not {{{', '.join(sorted(fields))}}}")
    results = round_result["results"]
    if sorted(results) != round_.candidates or not all(isinstance(result, dict) for result in results.values()):
        raise ContractError(
            "BAD_ATTESTATION",
            f"the results are for {', '.join(sorted(results)) or 'nobody'}",
            f"Send one for each candidate: {', '.join(round_.candidates)}",
        )
    bound = {name: round_result[name] for name in ("dataset", "transcript")}
    return {hospital: results[hospital] | bound for hospital in round_.candidates}
