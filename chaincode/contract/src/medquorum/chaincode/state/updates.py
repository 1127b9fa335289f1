# SPDX-License-Identifier: Apache-2.0
"""Where the chunks of updates lie, hospitals' and roots: the verifiers' private collection."""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.chaincode.context import Context, sha256
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import SALT_BYTES, chunk_of
from medquorum.errors import ContractError, ModelError

__all__ = ["COLLECTION", "check_private_chunks", "private_key", "put_private_chunk"]

COLLECTION = "updates"


def private_key(context: Context, task: str, round_number: int, author: str, index: int) -> str:
    """Return the key of an update's chunk in the private collection."""
    return context.key("update", task, round_number, author, index)


def put_private_chunk(context: Context, task: Task, number: int, index: int) -> str:
    """Keep the transient ``chunk`` as the caller's, once; return its hash.

    Raises
    ------
    ContractError
        ``BAD_CHUNK``, or ``ALREADY_PUT`` where another one is there.
    """
    sizes = task.chunk_sizes
    if index >= len(sizes):
        raise ContractError("BAD_CHUNK", f"chunk {index} of {len(sizes)} does not exist", "Chunks are counted from 0")
    value = context.transient("chunk")
    try:
        chunk_of(value, sizes[index])
    except ModelError as error:
        raise ContractError(
            "BAD_CHUNK",
            f"chunk {index}: {error.cause}",
            f"Send a {SALT_BYTES}-byte salt and the stored form of {sizes[index]} bytes of parameters",
        ) from error
    key, digest = private_key(context, task.task, number, context.msp, index), sha256(value)
    stored = context.private_hash(COLLECTION, key)
    if stored is None:
        context.put_private(COLLECTION, key, value)
    elif stored != digest:
        raise ContractError(
            "ALREADY_PUT",
            f"chunk {index} is {stored} in the collection already, not {digest}",
            "Send the same bytes again, or another update in the next round",
        )
    return digest


def check_private_chunks(context: Context, task: Task, number: int, author: str, chunks: Sequence[str]) -> None:
    """Hold an update's hashes against the private values this endorser's peer knows of.

    Raises
    ------
    ContractError
        ``BAD_LAYOUT``, ``DATA_MISSING``, ``CHUNK_MISMATCH``.
    """
    if len(chunks) != len(task.chunk_sizes):
        raise ContractError("BAD_LAYOUT", f"an update has {len(task.chunk_sizes)} chunks, not {len(chunks)}")
    for index, chunk in enumerate(chunks):
        stored = context.private_hash(COLLECTION, private_key(context, task.task, number, author, index))
        if stored is None:
            raise ContractError(
                "DATA_MISSING",
                f"chunk {index} is not in the collection of {context.node.msp_id}",
                "Put the chunk; where that is done, the endorsing peer lags behind: try again",
            )
        if stored != chunk:
            raise ContractError(
                "CHUNK_MISMATCH", f"chunk {index} is {chunk} in the update and {stored} in the collection"
            )
