# SPDX-License-Identifier: Apache-2.0
"""A rule over a whole round on shares: every candidate's own counts, then those of the models that prefixes lead to.

A prefix' sum is each party's sum of its own shares. The order and all counts are opened: the task's disclosure says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from medquorum.clients.encrypted.verification.result import ImpossibleResult, read_counts, screened, unevaluated
from medquorum.clients.encrypted.verification.update_verification import Verification, commitment
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core import canonical, rules
from medquorum.core.documents.attestation import IMPOSSIBLE
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import disclosed
from medquorum.core.inference import AccuracyCounts
from medquorum.verifier.opening.transport import Transport

__all__ = ["NoJudgement", "verify_round"]


class NoJudgement(Exception):
    """The model of a prefix cannot be judged, so no candidate can; ``result`` is what each is told."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["reason"])
        self.result = result


def verify_round(
    verification: Verification,
    task: Task,
    transport: Transport,
    status: RoundStatus,
    hospitals: Sequence[str],
    timeout: Callable[[], float],
) -> dict[str, Any]:
    """Verify these candidates, all of a round, in this order; return what to attest with AttestRound.

    Raises
    ------
    ProtocolError, MaterialError
        The other party or the dealer has stopped or does not agree; try again.
    """
    transcripts: list[list[Any]] = []
    candidates: list[rules.Candidate] = []
    bases: list[AccuracyCounts] = []
    results: dict[str, dict[str, Any]] = {}
    for hospital in hospitals:
        opened, spec = verification.evaluate(transport, status, hospital, timeout())
        transcripts.append([[hospital], opened.transcript])
        refused = unevaluated(task, hospital, opened)
        if refused is not None:
            results[hospital] = refused
            continue
        try:
            base, candidate = screened(task, hospital, opened, spec)
            bases.append(base)
            candidates.append(candidate)
        except ImpossibleResult:
            results[hospital] = {"accepted": False, "reason": IMPOSSIBLE}

    def aggregate_counts(names: tuple[str, ...]) -> AccuracyCounts:
        opened, spec = verification.evaluate_sum(transport, status, names)
        transcripts.append([list(names), opened.transcript])
        refused = unevaluated(task, names[0], opened)
        if refused is not None:
            raise NoJudgement(refused)
        try:
            return read_counts(opened.counts, spec, bases[0])["own"]
        except ImpossibleResult as error:
            raise NoJudgement({"accepted": False, "reason": IMPOSSIBLE}) from error

    if candidates:
        rule = rules.counting_rule(task.rule).model_copy(update={"norm": None})  # the bound is in the condition bit
        try:
            verdicts = rules.judge(
                rule, bases[0], candidates, aggregate_counts=aggregate_counts, minimum=task.minimum_accepted
            )
            results |= {verdict.name: disclosed(task, verdict) for verdict in verdicts}
        except NoJudgement as error:
            results |= {candidate.name: error.result for candidate in candidates}
    return {
        "results": {name: result | {"update": commitment(status, name)} for name, result in results.items()},
        "dataset": task.dataset,
        "transcript": sha256(canonical.encode(transcripts)).hexdigest(),
    }
