# SPDX-License-Identifier: Apache-2.0
"""The round's new model: computed and stored by every verifier, attested by each, final at their majority.

In an encrypted task no chaincode sees the updates: the aggregation nodes compute the model from re-shares of the
parties' sums and attest it, or that the sum is not of what was evaluated; final at a majority that has both parties in
it. P0 says how the model does on its images. The chunks are stored against the attested hash.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from chaincode.contract.access import check_local, check_member
from chaincode.contract.arguments import Index, Json, RoundNumber, TaskId
from chaincode.contract.averaging import aggregate_key, average
from chaincode.contract.chunks import chunks_of, put_chunk, stored_chunks
from chaincode.contract.consortium import Consortium
from chaincode.contract.context import Context
from chaincode.contract.dispatch import Answer, evaluate, transaction
from chaincode.contract.documents import Attribute, Hash, MspId, RoundIndex, Statement, TaskName
from chaincode.contract.judging import Bench
from chaincode.contract.masks import Masks
from chaincode.contract.models import read_manifest, store_of, transient_chunk
from chaincode.contract.node import NewModel
from chaincode.contract.roundstate import Round, get_round
from chaincode.contract.supply import supplier
from chaincode.contract.task import MAX_DATASET, Task, check_verifier, get_task
from chaincode.contract.workshop import Progress
from chaincode.modelformat import CHUNK_BYTES, model_hash, stored_form
from medquorum import ContractError

__all__ = ["Accuracy", "Aggregate", "Mismatch", "agreed", "final", "find_aggregates", "leading", "nodes"]

Mismatch = Literal["MASKS", "MASKED_SUMS"]
"""The sum less the masked parameters' sum is not what the dealer attested; or the parties name two such sums."""


class Counts(BaseModel):
    """Images of the verification set that the base and the new model classify correctly."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    base: Annotated[int, Field(ge=0, le=MAX_DATASET)]
    model: Annotated[int, Field(ge=0, le=MAX_DATASET)]


class Accuracy(BaseModel):
    """Whether a model is worse than the base by more than the task tolerates."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    worse: bool
    counts: Counts | None = None


class Aggregate(Statement):
    """One verifier's or node's new model.

    ``worse`` and ``counts`` are of plain tasks. In encrypted ones ``accuracy`` is P0's word, which nobody else has to
    repeat, and ``mismatch`` says why the model is the base: the opened sum is not that of what was evaluated.
    """

    kind: ClassVar[str] = "aggregate"
    optional: ClassVar[frozenset[str]] = frozenset({"worse", "counts", "accuracy", "mismatch"})

    task: TaskName
    round: RoundIndex
    model: Hash
    accepted: list[MspId]
    worse: bool | None = None
    counts: Counts | None = None
    accuracy: Accuracy | None = None
    mismatch: Mismatch | None = None

    @property
    def finding(self) -> bytes:
        """What verifiers or nodes must agree on."""
        return self.model_copy(update={"verifier": "", "accuracy": None}).encode()

    @property
    def keeps_base(self) -> str | None:
        """Why the round keeps its base although there is agreement: a reason, or None."""
        if self.mismatch is not None:
            return "SUM_MISMATCH"
        accuracy = Accuracy(worse=bool(self.worse)) if self.accuracy is None else self.accuracy
        return "MODEL_WORSE" if accuracy.worse else None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round and verifier."""
        return (self.task, self.round, self.verifier)


def nodes(task: Task) -> list[str]:
    """Give who computes a task's new models: its verifiers, under encryption the aggregation nodes."""
    return task.verifiers if task.encrypted is None else task.encrypted.aggregators


def find_aggregates(context: Context, task: Task, number: int) -> list[Aggregate]:
    """Read the attestations of the task's nodes, by fixed keys."""
    found = [context.find(Aggregate, task.task, number, node) for node in nodes(task)]
    return [aggregate for aggregate in found if aggregate is not None]


def leading(aggregates: list[Aggregate]) -> tuple[Aggregate, int] | None:
    """Give the finding most verifiers share, and their number; of equals the one with the lowest bytes."""
    counts = Counter(aggregate.finding for aggregate in aggregates)
    if not counts:
        return None
    best = min(counts, key=lambda finding: (-counts[finding], finding))
    return next(a for a in aggregates if a.finding == best), counts[best]


def final(task: Task, aggregates: list[Aggregate], quorum: int = 0) -> Aggregate | None:
    """Give the finding that ends a round, None while there is none: P0's in an encrypted task.

    A majority of the nodes and as many as the quorum have to agree; under encryption both parties among them, or
    hospitals that are nodes could outvote them.
    """
    first = leading(aggregates)
    if first is None or first[1] < _required(task, quorum):
        return None
    if task.encrypted is None:
        return first[0]
    agreeing = {a.verifier: a for a in aggregates if a.finding == first[0].finding}
    return agreeing[task.encrypted.parties[0]] if {*task.encrypted.parties} <= agreeing.keys() else None


def agreed(context: Context, task: Task, current: Round) -> Aggregate:
    """Give the finding that ends a round (:func:`final`).

    Raises
    ------
    ContractError
        ``NO_MAJORITY``.
    """
    aggregates = find_aggregates(context, task, current.round)
    quorum = context.get(Consortium).quorum
    result = final(task, aggregates, quorum)
    if result is None:
        said = ", ".join(f"{a.verifier} {a.mismatch or a.model[:12]}" for a in aggregates) or "nobody attested"
        who = "" if task.encrypted is None else ", both parties' among them,"
        needed = f"{_required(task, quorum)} equal attestations{who} are needed"
        raise ContractError("NO_MAJORITY", f"{needed} ({said})", "Attest, or abort the round")
    return result


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
    store = store_of(context, result.model, document.model_store)
    stored = stored_chunks(context, result.model, len(result.chunks), store)
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
    store = store_of(context, result.model, document.model_store)
    put_chunk(context, result.model, chunks_of(result.chunks, document.length), index, store, stored_form(chunk))
    context.event("ModelChunkStored", task=task, round=round)
    return {"model": result.model}


@transaction
def put_aggregate_chunk(context: Context, task: TaskId, round: RoundNumber, index: Index, described: Json) -> Answer:
    """Store a chunk of an encrypted task's attested model {chunks}; transient ``chunk`` its stored form."""
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
    stored = transient_chunk(context, manifest, index)
    store = store_of(context, result.model, document.model_store)
    put_chunk(context, result.model, chunks_of(manifest.chunks, manifest.length), index, store, stored)
    context.event("ModelChunkStored", task=task, round=round)
    return {"model": result.model}


@transaction
def attest_aggregate(context: Context, task: TaskId, round: RoundNumber, finding: Json) -> Answer:
    """Record the caller's new model {model, worse, counts?}, in an encrypted task {model, accuracy?, mismatch?}."""
    document = get_task(context, task)
    check_member(context, "node", list(context.get(Consortium).members), nodes(document))
    current = _aggregating(context, document, round)
    if context.find(Aggregate, task, round, context.msp) is not None:
        raise ContractError("ALREADY_ATTESTED", f"{context.msp} has attested the model of round {round}")
    attested = Aggregate.from_argument(
        "BAD_ATTESTATION", finding, task=task, round=round, verifier=context.msp, accepted=current.accepted
    )
    if document.encrypted is None:
        _check_plain(context, document, current, attested)
    else:
        _check_node(context, document, current, attested)
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


def _required(task: Task, quorum: int) -> int:
    return max(task.quorum, quorum, len(nodes(task)) // 2 + 1)


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


def _check_plain(context: Context, task: Task, current: Round, attested: Aggregate) -> None:
    """Check a verifier's finding; its own peer holds it against what it computed itself."""
    if attested.worse is None or attested.accuracy or attested.mismatch:
        raise ContractError("BAD_ATTESTATION", "the finding is not {model, worse, counts?}")
    _check_disclosure(task, Accuracy(worse=attested.worse, counts=attested.counts))
    if context.msp == context.node.msp_id:
        own = _prepared(context, task, current)
        if attested != Aggregate.model_validate(attested.model_dump() | _finding(task, own)):
            raise ContractError(
                "ATTESTATION_MISMATCH", f"{context.msp} itself computed {own.model}", "Send PrepareAggregate's finding"
            )


def _check_node(context: Context, task: Task, current: Round, attested: Aggregate) -> None:
    """Check a node's finding: the dealer has attested the masks before, P0 says how the model does, nobody else."""
    context.get(Masks, task.task, current.round)
    if attested.worse is not None or attested.counts is not None:
        raise ContractError("BAD_ATTESTATION", "the finding is not {model, accuracy?, mismatch?}")
    if (attested.mismatch is not None) and attested.model != current.base:
        raise ContractError("BAD_ATTESTATION", "a mismatch keeps the base", f"Send the model {current.base}")
    due = attested.mismatch is None and task.encrypted is not None and context.msp == task.encrypted.parties[0]
    if due != (attested.accuracy is not None):
        raise ContractError("BAD_ATTESTATION", "the new model's accuracy is P0's to say", "Send it as P0 only")
    if attested.accuracy is not None:
        _check_disclosure(task, attested.accuracy)


def _check_disclosure(task: Task, said: Accuracy) -> None:
    counts = said.counts
    if task.disclosure == "bit":
        if counts is not None:
            raise ContractError(
                "BAD_ATTESTATION", f"the task {task.task} discloses no counts", "Send model and worse only"
            )
    elif counts is None or said.worse != is_worse(task, counts.base, counts.model):
        raise ContractError(
            "BAD_ATTESTATION", "worse and the counts do not belong together", "Send PrepareAggregate's finding"
        )
