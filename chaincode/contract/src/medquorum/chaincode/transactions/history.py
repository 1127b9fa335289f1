# SPDX-License-Identifier: Apache-2.0
"""For the auditor: every version of a key, and each hospital's score over all rounds."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.arguments import JsonList, TaskId, Word
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate
from medquorum.chaincode.transactions.task import get_task
from medquorum.core import canonical
from medquorum.core.documents.document import Attribute
from medquorum.core.documents.round import Round
from medquorum.core.documents.verdict import PENDING, Verdict
from medquorum.errors import ContractError

# Number of attributes of each kind's key.
KINDS = {
    "aggregate": 3,
    "attestation": 4,
    "conclusion": 2,
    "consortium": 0,
    "consortiumProposal": 1,
    "masks": 2,
    "model": 1,
    "opened": 3,
    "purged": 1,
    "root": 2,
    "rootAttestation": 3,
    "round": 2,
    "stored": 3,
    "task": 1,
    "update": 3,
    "verdict": 3,
}


@evaluate
def read_history(context: Context, kind: Word, attributes: JsonList) -> Answer:
    """Read every version of a document, newest first: [{tx_id, timestamp, is_delete, document}]."""
    if kind not in KINDS:
        raise ContractError("BAD_ARGUMENT", f"there are no documents of kind {kind}", f"Kinds are {', '.join(KINDS)}")
    key = context.key(kind, *_attributes(kind, attributes))
    return [
        {
            "tx_id": version.tx_id,
            "timestamp": version.timestamp,
            "is_delete": version.is_delete,
            "document": _document(version.value),
        }
        for version in context.stub.get_history_for_key(key)
    ]


@evaluate
def read_scores(context: Context, task: TaskId) -> Answer:
    """Count each hospital's outcomes over all rounds and add up the quality and weight of its accepted updates.

    ``claimants`` counts on whose word its updates were left unjudged: one party's word costs an update its verdict.
    """
    rounds = context.list(Round, task)
    hospitals = {*get_task(context, task).hospitals, *(outcome for round_ in rounds for outcome in round_.outcomes)}
    numbers = ("accepted", "refused", "unjudged", "no_quorum", "missing", "quality", "weight")
    scores: dict[str, dict[str, Any]] = {
        hospital: dict.fromkeys(numbers, 0) | {"claimants": {}} for hospital in sorted(hospitals)
    }
    for round_ in rounds:
        for hospital, outcome in round_.outcomes.items():
            score = scores[hospital]
            score[outcome] += 1
            if outcome in ("accepted", "unjudged"):
                verdict = context.get(Verdict, task, round_.round, hospital)
                score["quality"] += verdict.quality or 0
                score["weight"] += verdict.weight or 0
                for party in verdict.claimants or []:
                    score["claimants"][party] = score["claimants"].get(party, 0) + 1
    return scores


def _attributes(kind: str, given: object) -> list[Attribute]:
    """Check a key's attributes: text, except the second, a round or chunk, which is a number and becomes six digits."""
    if not isinstance(given, list) or len(given) != KINDS[kind]:
        raise ContractError("BAD_ARGUMENT", f"{kind} is found by {KINDS[kind]} attributes", "Send them as a JSON list")
    attributes: list[Attribute] = []
    for position, value in enumerate(given):
        is_number = position == 1
        if type(value) is not (int if is_number else str):
            raise ContractError(
                "BAD_ARGUMENT", f"attribute {position} of {kind} is not {'a number' if is_number else 'text'}"
            )
        attributes.append(value)
    return attributes


def _document(value: bytes) -> object:
    if value == PENDING:
        return PENDING.decode()
    return canonical.decode(value) if value else None
