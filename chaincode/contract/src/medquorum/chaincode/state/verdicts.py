# SPDX-License-Identifier: Apache-2.0
"""Opens the verdict on an update as ``pending``, writes and finds it later, for all transactions about verdicts."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.context import Context
from medquorum.core import canonical, rules
from medquorum.core.documents.attestation import UNJUDGED
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.document import key_attributes
from medquorum.core.documents.round import Outcome, Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import PENDING, Verdict, disclosed
from medquorum.errors import ContractError
from medquorum.shim import endorsement_policy

__all__ = ["check_undecided", "find_verdict", "list_verdicts", "open_verdict", "outcome_of", "put_verdict"]


def open_verdict(context: Context, task: Task, round_number: int, hospital: str) -> None:
    """Write the pending verdict and, where the task is stricter than the chaincode's policy, the key's own.

    Fabric drops a policy on an absent key silently, and a transaction that wrote a second, unrestricted key would also
    be judged by the chaincode's policy: hence the value first, and nothing else in VerifyUpdate's write set.
    """
    key = context.key(Verdict.kind, task.task, round_number, hospital)
    context.put_bytes(key, PENDING)
    consortium = context.get(Consortium)
    if task.quorum > consortium.quorum or task.verifiers != consortium.having("verifier"):
        context.restrict(key, endorsement_policy(task.verifiers, task.quorum))


def put_verdict(context: Context, task: Task, round_: Round, verdict: rules.Verdict) -> Verdict:
    """Write what verifiers found of one update, as far as the task lets it out."""
    document = Verdict(
        task=task.task,
        round=round_.round,
        hospital=verdict.name,
        rule=rules.parse_rule(task.rule).name,
        **disclosed(task, verdict),
    )
    context.put(document)
    return document


def outcome_of(accepted: bool, reason: str | None) -> Outcome:
    """Return what a verdict makes of a candidate."""
    if accepted:
        return "accepted"
    return "unjudged" if reason in UNJUDGED else "refused"


def find_verdict(context: Context, task: str, round_number: int, hospital: str) -> Verdict | None:
    """Read a verdict, None while it is pending.

    Raises
    ------
    ContractError
        ``UPDATE_MISSING`` when the hospital submitted no update.
    """
    raw = context.find_bytes(context.key(Verdict.kind, task, round_number, hospital))
    if raw is None:
        raise ContractError("UPDATE_MISSING", f"The update {task} {round_number} {hospital} does not exist")
    return None if raw == PENDING else Verdict.decode(raw)


def list_verdicts(context: Context, task: str, round_number: int) -> dict[str, dict[str, Any] | str]:
    """Read a round's verdicts by hospital, as plain values or "pending"."""
    verdicts: dict[str, dict[str, Any] | str] = {}
    for entry in context.stub.get_state_by_partial_composite_key(Verdict.kind, key_attributes((task, round_number))):
        hospital = context.stub.split_composite_key(entry.key)[1][-1]
        pending = entry.value == PENDING
        verdicts[hospital] = PENDING.decode() if pending else canonical.decode(entry.value)
    return verdicts


def check_undecided(context: Context, task: str, round_number: int, hospital: str) -> None:
    """Refuse when there is a verdict already (``DECIDED``)."""
    verdict = find_verdict(context, task, round_number, hospital)
    if verdict is not None:
        word = "accepted" if verdict.accepted else f"refused ({verdict.reason})"
        raise ContractError("DECIDED", f"the update of {hospital} in round {round_number} is {word}")
