# SPDX-License-Identifier: Apache-2.0
"""The round's new model: computed and stored by every verifier, attested by each, final at their majority.

In an encrypted task no chaincode sees the updates: the aggregation nodes compute the model from re-shares of the
parties' sums and attest it, or that the sum is not of what was evaluated; final at a majority that has both parties in
it. P0 says how the model does on its images. The chunks are stored against the attested hash.
"""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.access import check_local, check_member
from medquorum.chaincode.arguments import Index, Json, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.chaincode.evaluation_jobs.averaging import aggregate_key, average
from medquorum.chaincode.evaluation_jobs.evaluator import round_evaluator
from medquorum.chaincode.evaluation_jobs.loader import data_loader
from medquorum.chaincode.jobs import Progress
from medquorum.chaincode.node import NewModel
from medquorum.chaincode.state.chunks import put_chunk, stored_chunks
from medquorum.chaincode.state.rounds import get_round
from medquorum.chaincode.transactions.models import read_manifest, store_of, transient_chunk
from medquorum.chaincode.transactions.task import check_verifier, get_task
from medquorum.core.documents.aggregation.aggregate import Accuracy, Aggregate, final, is_worse, nodes, required
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.chunk import chunks_of
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.model import CHUNK_BYTES, model_hash, stored_form
from medquorum.errors import ContractError

__all__ = ["agreed", "find_aggregates", "model_result"]


def find_aggregates(context: Context, task: Task, round_number: int) -> list[Aggregate]:
    """Read the attestations of the task's nodes, by fixed keys."""
    aggregates = [context.find(Aggregate, task.task, round_number, node) for node in nodes(task)]
    return [aggregate for aggregate in aggregates if aggregate is not None]


def agreed(context: Context, task: Task, round_: Round) -> Aggregate:
    """Return the result that ends a round (:func:`final`).

    Raises
    ------
    ContractError
        ``NO_MAJORITY``.
    """
    aggregates = find_aggregates(context, task, round_.round)
    quorum = context.get(Consortium).quorum
    result = final(task, aggregates, quorum)
    if result is None:
        statements = ", ".join(f"{a.verifier} {a.mismatch or a.model[:12]}" for a in aggregates) or "nobody attested"
        who = "" if task.encrypted is None else ", both parties' among them,"
        needed = f"{required(task, quorum)} equal attestations{who} are needed"
        raise ContractError("NO_MAJORITY", f"{needed} ({statements})", "Attest, or abort the round")
    return result


@evaluate
def prepare_aggregate(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Compute the new model and its accuracy on the local organisation's verification set."""
    check_local(context)
    document = get_task(context, task)
    document.expect("plain", "The parties add up their shares: each sends AttestAggregate")
    round_ = _aggregating(context, document, round_number)
    evaluator = round_evaluator(context, document, round_)
    result = context.node.job_runner.advance(
        context.node.new_models,
        aggregate_key(document, round_),
        lambda: average(evaluator),
        data_loader(context, document, round_),
    )
    if isinstance(result, Progress):
        return result.plain()
    store = store_of(context, result.model, document.model_store)
    stored = stored_chunks(context, result.model, len(result.chunks), store)
    present = [index for index, chunk in enumerate(stored) if chunk is not None]
    return model_result(document, result) | {"state": "ready", "chunks": len(stored), "stored": present}


@transaction
def store_model_chunk(context: Context, task: TaskId, round_number: RoundNumber, index: Index) -> Answer:
    """Store a chunk of the new model: every endorser writes what it computed itself."""
    document = get_task(context, task)
    check_verifier(context, document)
    document.expect("plain", "Send PutAggregateChunk once the model is attested")
    round_ = _aggregating(context, document, round_number)
    if index >= len(document.chunk_sizes):
        raise ContractError("BAD_CHUNK", f"chunk {index} of {len(document.chunk_sizes)} does not exist")
    result = _prepared(context, document, round_)
    chunk = result.packed[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
    store = store_of(context, result.model, document.model_store)
    put_chunk(context, result.model, chunks_of(result.chunks, document.length), index, store, stored_form(chunk))
    context.event("ModelChunkStored", task=task, round=round_number)
    return {"model": result.model}


@transaction
def put_aggregate_chunk(
    context: Context, task: TaskId, round_number: RoundNumber, index: Index, described: Json
) -> Answer:
    """Store a chunk of an encrypted task's attested model {chunks}; transient ``chunk`` its stored form."""
    document = get_task(context, task)
    check_verifier(context, document)
    document.expect("encrypted", "Send StoreModelChunk")
    result = agreed(context, document, _aggregating(context, document, round_number))
    if not isinstance(described, dict) or described.keys() != {"chunks"}:
        raise ContractError("BAD_MODEL", "the model is not described as {chunks}")
    manifest = read_manifest(described | {"layout": document.layout, "length": document.length})
    computed = model_hash(manifest.layout, manifest.chunks)
    if computed != result.model:
        raise ContractError("BAD_MODEL", f"these are the chunks of {computed}, the verifiers attested {result.model}")
    stored = transient_chunk(context, manifest, index)
    store = store_of(context, result.model, document.model_store)
    put_chunk(context, result.model, chunks_of(manifest.chunks, manifest.length), index, store, stored)
    context.event("ModelChunkStored", task=task, round=round_number)
    return {"model": result.model}


@transaction
def attest_aggregate(context: Context, task: TaskId, round_number: RoundNumber, result: Json) -> Answer:
    """Record the caller's new model {model, worse, counts?}, in an encrypted task {model, accuracy?, mismatch?}."""
    document = get_task(context, task)
    check_member(context, "node", list(context.get(Consortium).members), nodes(document))
    round_ = _aggregating(context, document, round_number)
    if context.find(Aggregate, task, round_number, context.msp) is not None:
        raise ContractError("ALREADY_ATTESTED", f"{context.msp} has attested the model of round {round_number}")
    attested = Aggregate.from_argument(
        "BAD_ATTESTATION", result, task=task, round=round_number, verifier=context.msp, accepted=round_.accepted
    )
    if document.encrypted is None:
        _check_plain(context, document, round_, attested)
    else:
        _check_node(context, document, round_, attested)
    context.put(attested)
    context.event("ModelAttested", task=task, round=round_number)
    return attested.plain()


def model_result(task: Task, result: NewModel) -> dict[str, Any]:
    """Return what a verifier attests, in the task's disclosure mode."""
    prepared: dict[str, Any] = {"model": result.model, "worse": is_worse(task, result.base, result.correct)}
    return (
        prepared if task.disclosure == "bit" else prepared | {"counts": {"base": result.base, "model": result.correct}}
    )


def _aggregating(context: Context, task: Task, round_number: int) -> Round:
    round_ = get_round(context, task.task, round_number)
    round_.expect("aggregating")
    return round_


def _prepared(context: Context, task: Task, round_: Round) -> NewModel:
    """Return what this process computed; its memory decides between an answer and a refusal, never about a read."""
    result = context.node.new_models.get(aggregate_key(task, round_))
    if result is None:
        raise ContractError(
            "NOT_READY",
            f"{context.node.msp_id} has not computed the model of round {round_.round}",
            "Call PrepareAggregate until it is ready, then send this again",
        )
    return result


def _check_plain(context: Context, task: Task, round_: Round, attested: Aggregate) -> None:
    """Check a verifier's result; its own peer holds it against what it computed itself."""
    if attested.worse is None or attested.accuracy or attested.mismatch:
        raise ContractError("BAD_ATTESTATION", "the result is not {model, worse, counts?}")
    _check_disclosure(task, Accuracy(worse=attested.worse, counts=attested.counts))
    if context.msp == context.node.msp_id:
        own = _prepared(context, task, round_)
        if attested != Aggregate.model_validate(attested.model_dump() | model_result(task, own)):
            raise ContractError(
                "ATTESTATION_MISMATCH", f"{context.msp} itself computed {own.model}", "Send PrepareAggregate's result"
            )


def _check_node(context: Context, task: Task, round_: Round, attested: Aggregate) -> None:
    """Check a node's result: the dealer has attested the masks before, P0 says how the model does, nobody else."""
    context.get(Masks, task.task, round_.round)
    if attested.worse is not None or attested.counts is not None:
        raise ContractError("BAD_ATTESTATION", "the result is not {model, accuracy?, mismatch?}")
    if (attested.mismatch is not None) and attested.model != round_.base:
        raise ContractError("BAD_ATTESTATION", "a mismatch keeps the base", f"Send the model {round_.base}")
    due = attested.mismatch is None and task.encrypted is not None and context.msp == task.encrypted.parties[0]
    if due != (attested.accuracy is not None):
        raise ContractError("BAD_ATTESTATION", "the new model's accuracy is P0's to say", "Send it as P0 only")
    if attested.accuracy is not None:
        _check_disclosure(task, attested.accuracy)


def _check_disclosure(task: Task, accuracy: Accuracy) -> None:
    counts = accuracy.counts
    if task.disclosure == "bit":
        if counts is not None:
            raise ContractError(
                "BAD_ATTESTATION", f"the task {task.task} discloses no counts", "Send model and worse only"
            )
    elif counts is None or accuracy.worse != is_worse(task, counts.base, counts.model):
        raise ContractError(
            "BAD_ATTESTATION", "worse and the counts do not belong together", "Send PrepareAggregate's result"
        )
