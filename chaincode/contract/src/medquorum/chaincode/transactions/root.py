# SPDX-License-Identifier: Apache-2.0
"""A round's root update, for the rule ``direction``: chunks as an update's, one document, the others' attestations.

Its hash is on the ledger before any update of the round: its maker cannot have known them.
"""

from __future__ import annotations

from medquorum.chaincode.access import check_local
from medquorum.chaincode.arguments import Index, Json, RoundNumber, TaskId
from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.chaincode.state.rounds import get_round
from medquorum.chaincode.state.updates import COLLECTION, check_private_chunks, private_key, put_private_chunk
from medquorum.chaincode.transactions.task import check_verifier, get_task
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.root import Root, RootAttestation
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError


@transaction
def put_root_chunk(context: Context, task: TaskId, round_number: RoundNumber, index: Index) -> Answer:
    """Hand over one chunk of the round's root update: transient ``chunk`` = its private value."""
    document, _ = _without_root(context, task, round_number)
    document.expect("plain", "Send SubmitRoot with commitments, then hand the root over to the other party")
    return {"hash": put_private_chunk(context, document, round_number, index)}


@transaction
def submit_root(context: Context, task: TaskId, round_number: RoundNumber, document: Json) -> Answer:
    """Freeze the round's root update {base, layout, chunks}: the first one stays.

    In an encrypted task {base, layout, masked, masks, nonce}, from the party with the images.
    """
    described, round_ = _without_root(context, task, round_number)
    root = Root.from_argument("BAD_UPDATE", document, task=task, round=round_number, verifier=context.msp)
    if root.base != round_.base:
        raise ContractError("STALE_BASE", f"the root was trained from {root.base}, not from {round_.base}")
    if root.layout != described.layout:
        raise ContractError("BAD_LAYOUT", f"the root's layout is {root.layout}, the task's {described.layout}")
    if described.encrypted is not None:
        _check_masked(described.encrypted, root)
    elif root.chunks is None:
        raise ContractError("BAD_UPDATE", f"the task {task} is not encrypted", "Send {base, layout, chunks}")
    else:
        check_private_chunks(context, described, round_number, context.msp, root.chunks)
    context.put(root)
    context.event("RootSubmitted", task=task, round=round_number)
    return root.plain()


@transaction
def attest_root(context: Context, task: TaskId, round_number: RoundNumber, described: Json) -> Answer:
    """Record whether the caller's own training came to the same root {root, holds}."""
    document = _with_root(context, task)
    document.expect("plain", "Nobody but its maker has the images")
    root = context.get(Root, task, round_number)
    get_round(context, task, round_number).expect("open", "verifying")
    if context.msp == root.verifier or context.find(RootAttestation, task, round_number, context.msp) is not None:
        raise ContractError("ALREADY_ATTESTED", f"{context.msp} has spoken for the root of round {round_number}")
    attestation = RootAttestation.from_argument(
        "BAD_ATTESTATION", described, task=document.task, round=round_number, verifier=context.msp
    )
    if attestation.root != root.commitment:
        raise ContractError(
            "ATTESTATION_MISMATCH", f"the round's root is {root.commitment}", "Attest the root that is on the ledger"
        )
    context.put(attestation)
    context.event("RootAttested", task=task, round=round_number)
    return attestation.plain()


@evaluate
def read_root_chunk(context: Context, task: TaskId, round_number: RoundNumber, index: Index) -> Answer:
    """Read the private value of one of the root's chunks, for a verifier to hold its own training against."""
    check_local(context)
    _with_root(context, task).expect("plain", "The root is handed over under its mask")
    root = context.get(Root, task, round_number)
    key = private_key(context, task, round_number, root.verifier, index)
    value = context.private(COLLECTION, key)
    if value is None:
        raise ContractError("CHUNK_MISSING", f"chunk {index} of the root is not on this peer", "Ask again")
    return value


def _check_masked(settings: Encrypted, root: Root) -> None:
    """Refuse a root that is not hidden, or not for both parties, or not from the one with the images."""
    maker = settings.parties[0]
    if root.verifier != maker:
        raise ContractError("ACCESS_DENIED", f"{root.verifier} has no images", f"The root update is {maker}'s to make")
    if root.masks is None or root.masks.keys() != {*settings.parties}:
        raise ContractError(
            "BAD_UPDATE",
            f"the root is not hidden for {', '.join(settings.parties)}",
            "Send {base, layout, masked, masks, nonce}",
        )


def _with_root(context: Context, name: str) -> Task:
    """Read a task for one of its verifiers; refuse where its rule has no root."""
    task = get_task(context, name)
    check_verifier(context, task)
    if not task.has_root:
        raise ContractError("WRONG_RULE", f"the rule of {name} has no root update", "It is for the rule direction")
    return task


def _without_root(context: Context, name: str, round_number: int) -> tuple[Task, Round]:
    """Read task and open round; refuse where there is a root already."""
    task = _with_root(context, name)
    round_ = get_round(context, name, round_number)
    round_.expect("open", code="ROUND_CLOSED")
    root = context.find(Root, name, round_number)
    if root is not None:
        raise ContractError("ALREADY_SUBMITTED", f"{root.verifier} has submitted the root of round {round_number}")
    return task, round_
