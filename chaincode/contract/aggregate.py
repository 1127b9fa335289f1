# SPDX-License-Identifier: Apache-2.0
"""The round's new model: computed and stored by every verifier, attested by each, final at their majority.

In an encrypted task no chaincode sees the updates: the verifiers' clients compute the model from the parties' shares,
and its chunks are stored against the hash that a majority attested.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from chaincode.contract.access import check_local
from chaincode.contract.arguments import Index, Json, RoundNumber, TaskId
from chaincode.contract.averaging import aggregate_key, average
from chaincode.contract.consortium import Consortium
from chaincode.contract.context import Context
from chaincode.contract.dispatch import Answer, evaluate, transaction
from chaincode.contract.documents import Attribute, Hash, MspId, RoundIndex, Statement, TaskName
from chaincode.contract.judging import Bench
from chaincode.contract.models import put_chunk, read_manifest, stored_chunks, transient_chunk
from chaincode.contract.node import NewModel
from chaincode.contract.roundstate import Round, get_round
from chaincode.contract.supply import supplier
from chaincode.contract.task import MAX_DATASET, Task, check_verifier, get_task
from chaincode.contract.workshop import Progress
from chaincode.modelformat import CHUNK_BYTES, model_hash
from medquorum import ContractError

__all__ = ["Aggregate", "agreed", "leading"]


class Counts(BaseModel):
    """Images of the verification set that the base and the new model classify correctly."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    base: Annotated[int, Field(ge=0, le=MAX_DATASET)]
    model: Annotated[int, Field(ge=0, le=MAX_DATASET)]


class Aggregate(Statement):
    """One verifier's new model: its hash, and whether it is worse than the base by more than the task tolerates."""

    kind: ClassVar[str] = "aggregate"
    optional: ClassVar[frozenset[str]] = frozenset({"counts"})

    task: TaskName
    round: RoundIndex
    model: Hash
    accepted: list[MspId]
    worse: bool
    counts: Counts | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round and verifier."""
        return (self.task, self.round, self.verifier)


def find_aggregates(context: Context, task: Task, number: int) -> list[Aggregate]:
    """Read the attestations of the task's verifiers, by fixed keys."""
    found = [context.find(Aggregate, task.task, number, verifier) for verifier in task.verifiers]
    return [aggregate for aggregate in found if aggregate is not None]


def leading(aggregates: list[Aggregate]) -> tuple[Aggregate, int] | None:
    """Give the finding most verifiers share, and their number; of equals the one with the lowest bytes."""
    counts = Counter(aggregate.finding for aggregate in aggregates)
    if not counts:
        return None
    best = min(counts, key=lambda finding: (-counts[finding], finding))
    return next(a for a in aggregates if a.finding == best), counts[best]


def agreed(context: Context, task: Task, current: Round) -> Aggregate:
    """Give the finding of a majority of the task's verifiers, and of at least its quorum.

    Raises
    ------
    ContractError
        ``NO_MAJORITY``.
    """
    aggregates = find_aggregates(context, task, current.round)
    required = max(task.quorum, context.get(Consortium).quorum, len(task.verifiers) // 2 + 1)
    first = leading(aggregates)
    if first is None or first[1] < required:
        said = ", ".join(f"{a.verifier} {a.model[:12]}" for a in aggregates) or "nobody attested"
        raise ContractError(
            "NO_MAJORITY", f"{required} equal attestations are needed ({said})", "Attest, or abort the round"
        )
    return first[0]


@evaluate
def prepare_aggregate(context: Context, task: TaskId, round: RoundNumber) -> Answer:
    """Compute the new model and its accuracy on the local organisation's verification set."""
    check_local(context)
    document = get_task(context, task)
    document.expect("plain", "The parties add up their shares: each sends AttestAggregate")
    current = _aggregating(context, document, round)
    node = context.node
    bench = Bench(node, document, current, node.sets.get(document.dataset, document.dataset_size))
    result = node.workshop.advance(
        node.new_models,
        aggregate_key(document, current),
        lambda: average(bench),
        supplier(context, document, current),
    )
    if isinstance(result, Progress):
        return result.plain()
    stored = stored_chunks(context, result.model, len(document.chunk_sizes))
    present = [index for index, chunk in enumerate(stored) if chunk is not None]
    return _finding(document, result) | {"state": "ready", "chunks": len(stored), "stored": present}


@transaction
def store_model_chunk(context: Context, task: TaskId, round: RoundNumber, index: Index) -> Answer:
    """Store a chunk of the new model: every endorser writes what it computed itself."""
    document = get_task(context, task)
    check_verifier(context, document)
    document.expect("plain", "Send PutAggregateChunk once the model is attested")
    current = _aggregating(context, document, round)
    if index >= len(document.chunk_sizes):
        raise ContractError("BAD_CHUNK", f"chunk {index} of {len(document.chunk_sizes)} does not exist")
    result = _prepared(context, document, current)
    chunk = result.packed[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
    put_chunk(context, result.model, index, document.model_store, chunk)
    context.event("ModelChunkStored", task=task, round=round)
    return {"model": result.model}


@transaction
def put_aggregate_chunk(context: Context, task: TaskId, round: RoundNumber, index: Index, described: Json) -> Answer:
    """Store a chunk of an encrypted task's attested model {chunks}; transient ``chunk`` has the bytes."""
    document = get_task(context, task)
    check_verifier(context, document)
    document.expect("encrypted", "Send StoreModelChunk")
    result = agreed(context, document, _aggregating(context, document, round))
    if not isinstance(described, dict) or described.keys() != {"chunks"}:
        raise ContractError("BAD_MODEL", "the model is not described as {chunks}")
    manifest = read_manifest(described | {"layout": document.layout, "length": document.length})
    found = model_hash(manifest.layout, manifest.chunks)
    if found != result.model:
        raise ContractError("BAD_MODEL", f"these are the chunks of {found}, the verifiers attested {result.model}")
    put_chunk(context, result.model, index, document.model_store, transient_chunk(context, manifest, index))
    context.event("ModelChunkStored", task=task, round=round)
    return {"model": result.model}


@transaction
def attest_aggregate(context: Context, task: TaskId, round: RoundNumber, finding: Json) -> Answer:
    """Record the caller's new model {model, worse, counts?}; in a plain task its own peer holds it against its own."""
    document = get_task(context, task)
    check_verifier(context, document)
    current = _aggregating(context, document, round)
    if context.find(Aggregate, task, round, context.msp) is not None:
        raise ContractError("ALREADY_ATTESTED", f"{context.msp} has attested the model of round {round}")
    attested = Aggregate.from_argument(
        "BAD_ATTESTATION", finding, task=task, round=round, verifier=context.msp, accepted=current.accepted
    )
    _check_disclosure(document, attested)
    if document.encrypted is None and context.msp == context.node.msp_id:
        own = _prepared(context, document, current)
        if finding != _finding(document, own):
            raise ContractError(
                "ATTESTATION_MISMATCH", f"{context.msp} itself computed {own.model}", "Send PrepareAggregate's finding"
            )
    context.put(attested)
    context.event("ModelAttested", task=task, round=round)
    return attested.plain()


def is_worse(task: Task, base: int, model: int) -> bool:
    """Tell whether a model's correct count is below the base's by more than the task's tolerance."""
    return 1000 * (base - model) > task.model_tolerance * task.dataset_size


def _finding(task: Task, result: NewModel) -> dict[str, Any]:
    """Give what a verifier attests, in the task's disclosure mode."""
    finding: dict[str, Any] = {"model": result.model, "worse": is_worse(task, result.base, result.correct)}
    return finding if task.disclosure == "bit" else finding | {"counts": {"base": result.base, "model": result.correct}}


def _aggregating(context: Context, task: Task, number: int) -> Round:
    current = get_round(context, task.task, number)
    current.expect("aggregating")
    return current


def _prepared(context: Context, task: Task, current: Round) -> NewModel:
    """Give what this process computed; its memory decides between an answer and a refusal, never about a read."""
    result = context.node.new_models.get(aggregate_key(task, current))
    if result is None:
        raise ContractError(
            "NOT_READY",
            f"{context.node.msp_id} has not computed the model of round {current.round}",
            "Call PrepareAggregate until it is ready, then send this again",
        )
    return result


def _check_disclosure(task: Task, attested: Aggregate) -> None:
    counts = attested.counts
    if task.disclosure == "bit":
        if counts is not None:
            raise ContractError(
                "BAD_ATTESTATION", f"the task {task.task} discloses no counts", "Send model and worse only"
            )
    elif counts is None or attested.worse != is_worse(task, counts.base, counts.model):
        raise ContractError(
            "BAD_ATTESTATION", "worse and the counts do not belong together", "Send PrepareAggregate's finding"
        )
