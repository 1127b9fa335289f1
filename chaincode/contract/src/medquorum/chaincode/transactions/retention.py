# SPDX-License-Identifier: Apache-2.0
"""Retention of models: a task with a private store keeps its latest ones, the bytes of older ones are purged.

Manifest, round and attestations stay, so that every model ever made can still be named and checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from medquorum.chaincode.arguments import TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, transaction
from medquorum.chaincode.state.chunks import drop_chunks
from medquorum.chaincode.state.rounds import latest_round
from medquorum.chaincode.transactions.task import check_coordinator, get_task
from medquorum.core.documents.chunk import Chunk, chunks_of
from medquorum.core.documents.model import Keeper, Model, Purged
from medquorum.core.documents.round import ENDED, Round
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError


@transaction
def purge_models(context: Context, task: TaskId) -> Answer:
    """Purge the task's models older than its latest ``keep_models``; return their hashes."""
    document = get_task(context, task)
    check_coordinator(context, document)
    if document.keep_models == 0:
        raise ContractError("KEEP_MODELS", f"the task {task} keeps all its models")
    purged: dict[str, list[Chunk]] = {}
    for number, model in _superfluous(context, document):
        context.delete(Keeper, model, task)
        manifest = context.get(Model, model)
        # Another task may need it, or may have stored it in public state, whence nothing is ever removed.
        if len(context.list(Keeper, model)) == 1 and manifest.store == "private":
            context.put(Purged(model=model, task=task, round=number, keep=document.keep_models))
            purged[model] = chunks_of(manifest.chunks, manifest.length)
    drop_chunks(context, purged)
    return {"purged": list(purged)}


def _superfluous(context: Context, task: Task) -> Iterator[tuple[int, str]]:
    """Find the models that rounds before the latest ``keep_models`` ended with, w_0 as round 0, newest first.

    The base of a round under way is the result of the round before, so it is always among the latest. Once one is
    found that the task no longer keeps, so it is with all older ones.
    """
    latest = latest_round(context, task.task, task.rounds)
    number = 0 if latest is None else latest.round if latest.state in ENDED else latest.round - 1
    seen: set[str] = set()
    for earlier in range(number, -1, -1):
        model = context.get(Round, task.task, earlier).model if earlier else task.initial_model
        if model is None or model in seen:
            continue
        seen.add(model)
        if len(seen) <= task.keep_models:
            continue
        if context.find(Keeper, model, task.task) is None:
            return
        yield earlier, model
