# SPDX-License-Identifier: Apache-2.0
"""A hospital's update: chunks in the verifiers' private collection, bound to the ledger by their salted hashes.

In an encrypted task the ledger has commitments alone, to the update under its mask and to the mask's two parts, or, in
the placement of [SMV], to two shares; the parties get these off the ledger.
"""

from __future__ import annotations

from medquorum.chaincode.arguments import Index, Json, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, transaction
from medquorum.chaincode.evaluation_jobs.evaluator import begin_candidate
from medquorum.chaincode.state.roots import check_root
from medquorum.chaincode.state.rounds import get_round
from medquorum.chaincode.state.updates import check_private_chunks, drop_updates, put_private_chunk
from medquorum.chaincode.state.verdicts import open_verdict
from medquorum.chaincode.transactions.task import check_coordinator, check_hospital, get_task
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.round import ENDED, Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.errors import ContractError


@transaction
def put_update_chunk(context: Context, task: TaskId, round_number: RoundNumber, index: Index) -> Answer:
    """Hand over one chunk of the caller's update, once: transient ``chunk`` = its private value."""
    document = _open_task(context, task, round_number)
    document.expect("plain", "Send SubmitUpdate with commitments, then hand the update over to each party")
    return {"hash": put_private_chunk(context, document, round_number, index)}


@transaction
def submit_update(context: Context, task: TaskId, round_number: RoundNumber, document: Json) -> Answer:
    """Freeze the caller's update {base, layout, chunks}; once per round.

    In an encrypted task {base, layout, masked, masks, nonce}, or {base, layout, shares, nonce} in that of [SMV].

    An update of up to 8 MiB may come with it: transient ``chunk0``, ``chunk1``, ... in place of PutUpdateChunk.
    """
    described = _open_task(context, task, round_number)
    update = Update.from_argument("BAD_UPDATE", document, task=task, round=round_number, hospital=context.msp)
    round_ = get_round(context, task, round_number)
    if update.base != round_.base:
        raise ContractError(
            "STALE_BASE",
            f"the update was trained from {update.base}, round {round_number} is based on {round_.base}",
            "Train again",
        )
    if update.layout != described.layout:
        raise ContractError("BAD_LAYOUT", f"the update's layout is {update.layout}, the task's {described.layout}")
    if described.encrypted is None:
        _check_chunks(context, described, round_, update)
    else:
        _check_hidden(described.encrypted, update)
    context.put(update)
    open_verdict(context, described, round_number, context.msp)
    context.event("UpdateSubmitted", task=task, round=round_number, hospital=context.msp)
    return update.plain()


def _check_chunks(context: Context, task: Task, round_: Round, update: Update) -> None:
    """Hold the update's hashes against the values that come with it, or that this endorser's peer knows of."""
    if update.chunks is None:
        raise ContractError("BAD_UPDATE", f"the task {task.task} is not encrypted", "Send {base, layout, chunks}")
    parameters = check_private_chunks(context, task, update.round, update.hospital, update.chunks)
    if parameters is not None:
        context.node.updates.put((update.task, update.round), update.hospital, update.commitment, parameters)
        alone = round_.model_copy(update={"commitments": {update.hospital: update.commitment}})
        begin_candidate(context, task, alone, update.hospital)


def _check_hidden(settings: Encrypted, update: Update) -> None:
    """Refuse an update that is hidden in another way than the placement's, or from others than the parties."""
    form, hashes = ("shares", update.shares) if settings.semi_honest else ("masked, masks", update.masks)
    if hashes is None:
        raise ContractError(
            "BAD_UPDATE",
            f"the task {update.task} is encrypted, with the placement {settings.placement}",
            f"Send {{base, layout, {form}, nonce}}",
        )
    if hashes.keys() != set(settings.parties):
        raise ContractError(
            "BAD_LAYOUT", f"the {form} are for {sorted(hashes)}, the parties are {', '.join(settings.parties)}"
        )


@transaction
def purge_updates(context: Context, task: TaskId, round_number: RoundNumber) -> Answer:
    """Remove the private chunks of an ended round from every peer; hashes and verdicts stay."""
    document = get_task(context, task)
    check_coordinator(context, document)
    document.expect("plain", "Nothing of an update is on the ledger")
    ended = get_round(context, task, round_number)
    ended.expect(*ENDED)
    if document.keep_updates:
        raise ContractError("KEEP_UPDATES", f"the task {task} keeps its updates")
    return {"purged": drop_updates(context, document, ended)}


def _open_task(context: Context, task: str, round_number: int) -> Task:
    """Check that the caller may still submit an update for the round."""
    document = get_task(context, task)
    check_hospital(context, document.taking_part(round_number))
    get_round(context, task, round_number).expect("open", code="ROUND_CLOSED")
    if context.find(Update, task, round_number, context.msp) is not None:
        raise ContractError("ALREADY_SUBMITTED", f"{context.msp} has submitted its update of round {round_number}")
    check_root(context, document, round_number)
    return document
