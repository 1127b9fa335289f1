# SPDX-License-Identifier: Apache-2.0
"""Everything public about one round in one document: every client derives its next action from it."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.arguments import RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate
from medquorum.chaincode.state.chunks import stored_chunks
from medquorum.chaincode.state.conclusions import find_conclusion
from medquorum.chaincode.state.roots import root_attestations
from medquorum.chaincode.state.rounds import latest_round
from medquorum.chaincode.state.verdicts import list_verdicts
from medquorum.chaincode.transactions.models import store_of
from medquorum.chaincode.transactions.task import get_task
from medquorum.core.documents.aggregation.aggregate import Aggregate, leading
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.attestation import Attestation
from medquorum.core.documents.root import Root
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update


@evaluate
def read_round_status(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Read the round with its updates, verdicts, attestations, masks, aggregates and stored chunks of the new model."""
    return _status(context, get_task(context, task), round_number, context.find(Round, task, round_number))


@evaluate
def read_current_status(context: Context, task: TaskId) -> Answer:
    """Read the status of the last round that was opened, null before the first."""
    document = get_task(context, task)
    latest = latest_round(context, task, document.rounds)
    return None if latest is None else _status(context, document, latest.round, latest)


def _status(context: Context, document: Task, round_number: int, round_: Round | None) -> dict[str, Any]:
    task = document.task
    judged = round_ is not None and round_.state != "open"
    aggregates = context.list(Aggregate, task, round_number) if judged else []
    concluded = find_conclusion(context, task, round_number) if judged else None
    first = leading(aggregates)
    model = None if first is None else first[0].model
    model = model if concluded is None else concluded.model
    masks = context.find(Masks, task, round_number) if document.encrypted is not None else None
    root = context.find(Root, task, round_number) if document.has_root else None
    roots = root_attestations(context, document, round_number) if document.has_root else []
    count = len(document.chunk_sizes)
    stored: list[str | None] = []
    if model is not None:
        stored = stored_chunks(context, model, count, store_of(context, model, document.model_store))
    attestations: dict[str, dict[str, Any]] = {}
    for attestation in context.list_plain(Attestation, task, round_number) if judged else ():
        attestations.setdefault(attestation["hospital"], {})[attestation["verifier"]] = attestation
    return {
        "task": task,
        "round": None if round_ is None else round_.plain(),
        "updates": {update["hospital"]: update for update in context.list_plain(Update, task, round_number)},
        "verdicts": list_verdicts(context, task, round_number),
        "attestations": attestations,
        "conclusion": None if concluded is None else concluded.plain(),
        "aggregates": {aggregate.verifier: aggregate.plain() for aggregate in aggregates},
        "masks": None if masks is None else masks.plain(),
        "root": None if root is None else root.plain(),
        "root_attestations": {attestation.verifier: attestation.plain() for attestation in roots},
        "chunks": count,
        "stored_chunks": [index for index, chunk in enumerate(stored) if chunk is not None],
    }
