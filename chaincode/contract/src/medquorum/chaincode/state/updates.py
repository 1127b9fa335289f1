# SPDX-License-Identifier: Apache-2.0
"""The chunks of updates, hospitals' and roots: where they lie in the verifiers' private collection, how they go."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.chaincode.context import Context, sha256
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import MAX_SUBMITTED, SALT_BYTES, chunk_of
from medquorum.errors import ContractError, ModelError

__all__ = ["COLLECTION", "check_private_chunks", "drop_updates", "private_key", "put_private_chunk"]

COLLECTION = "updates"


def private_key(context: Context, task: str, round_number: int, author: str, index: int) -> str:
    """Return the key of an update's chunk in the private collection."""
    return context.key("update", task, round_number, author, index)


def put_private_chunk(context: Context, task: Task, round_number: int, index: int) -> str:
    """Keep the transient ``chunk`` as the caller's, once; return its hash.

    Raises
    ------
    ContractError
        ``BAD_CHUNK``, or ``ALREADY_PUT`` where another one is there.
    """
    count = len(task.chunk_sizes)
    if index >= count:
        raise ContractError("BAD_CHUNK", f"chunk {index} of {count} does not exist", "Chunks are counted from 0")
    return _put(context, task, round_number, index, context.transient("chunk"))[0]


def check_private_chunks(
    context: Context, task: Task, round_number: int, author: str, chunks: Sequence[str]
) -> bytes | None:
    """Hold an update's hashes against the values that come with it, which are kept, or that this peer knows of.

    Returns
    -------
    The parameters without salts, None where not all of them come with it.

    Raises
    ------
    ContractError
        ``BAD_LAYOUT``, ``BAD_UPDATE``, ``BAD_CHUNK``, ``ALREADY_PUT``, ``DATA_MISSING``, ``CHUNK_MISMATCH``.
    """
    if len(chunks) != len(task.chunk_sizes):
        raise ContractError("BAD_LAYOUT", f"an update has {len(task.chunk_sizes)} chunks, not {len(chunks)}")
    brought = {index: context.find_transient(f"chunk{index}") for index in range(len(chunks))}
    total = sum(len(value) for value in brought.values() if value is not None)
    if total > MAX_SUBMITTED:
        raise ContractError("BAD_UPDATE", f"{total} bytes come with the update", "Put more than 8 MiB chunk by chunk")
    parameters = []
    for index, chunk in enumerate(chunks):
        value = brought[index]
        if value is None:
            stored = context.private_hash(COLLECTION, private_key(context, task.task, round_number, author, index))
        else:
            stored, part = _put(context, task, round_number, index, value)
            parameters.append(part)
        if stored is None:
            raise ContractError(
                "DATA_MISSING",
                f"chunk {index} is not in the collection of {context.node.msp_id}",
                "Put the chunk; where that is done, the endorsing peer lags behind: try again",
            )
        if stored != chunk:
            raise ContractError("CHUNK_MISMATCH", f"chunk {index} is {chunk} in the update and {stored} as it was sent")
    return b"".join(parameters) if len(parameters) == len(chunks) else None


def _put(context: Context, task: Task, round_number: int, index: int, value: bytes) -> tuple[str, bytes]:
    """Keep the private value of one of the caller's chunks, once; return its hash and the chunk without salt."""
    size = task.chunk_sizes[index]
    try:
        chunk = chunk_of(value, size)
    except ModelError as error:
        raise ContractError(
            "BAD_CHUNK",
            f"chunk {index}: {error.cause}",
            f"Send a {SALT_BYTES}-byte salt and the stored form of {size} bytes of parameters",
        ) from error
    key, digest = private_key(context, task.task, round_number, context.msp, index), sha256(value)
    stored = context.private_hash(COLLECTION, key)
    if stored is None:
        context.put_private(COLLECTION, key, value)
    elif stored != digest:
        raise ContractError(
            "ALREADY_PUT",
            f"chunk {index} is {stored} in the collection already, not {digest}",
            "Send the same bytes again, or another update in the next round",
        )
    return digest, chunk


def drop_updates(context: Context, task: Task, ended: Round) -> int:
    """Purge a round's private chunks from every peer, also those never submitted; return their number.

    This process forgets them too; another verifier's does when an update of a later round comes.
    """
    context.node.updates.drop((task.task, ended.round))
    purged = 0
    roots = task.verifiers if task.has_root else []
    for author in sorted({*task.hospitals, *ended.candidates, *task.gone_since(ended.round), *roots}):
        for index in range(len(task.chunk_sizes)):
            key = private_key(context, task.task, ended.round, author, index)
            if context.private_hash(COLLECTION, key) is not None:
                context.purge_private(COLLECTION, key)
                purged += 1
    return purged
