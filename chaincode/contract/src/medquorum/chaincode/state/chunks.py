# SPDX-License-Identifier: Apache-2.0
"""The chunks of models: each is stored once under its own hash and size, whichever models have it.

A private chunk's bytes are there exactly as long as a model holds them. Who relies on bytes that are there reads their
version, who removes them reads all their holders: of two such transactions that do not know of each other the later
one is invalid, and is made anew. Public bytes are never removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medquorum.chaincode.context import Context
from medquorum.core.documents.chunk import Chunk, Holder, Store, StoredChunk, chunk_sizes, chunks_of
from medquorum.core.documents.model import Model
from medquorum.core.model import from_stored_form

__all__ = ["COLLECTION", "drop_chunks", "get_chunk", "is_there", "put_chunk", "read_chunk", "stored_chunks"]

COLLECTION = "models"


def is_there(context: Context, store: Store, chunks: Sequence[Chunk], index: int) -> bool:
    """Return whether a chunk of a model need not be sent: the store has it, or an earlier one of the list is equal."""
    if chunks[index] in chunks[:index]:
        return True
    key = context.key("chunk", *chunks[index])
    stored = context.private_hash(COLLECTION, key) if store == "private" else context.stub.get_state(key)
    return stored is not None


def put_chunk(
    context: Context, model: str, chunks: Sequence[Chunk], index: int, store: Store, stored: bytes | None
) -> None:
    """Note that a model's chunk is stored, and write the stored form unless the store has it.

    Transactions for the chunks of one model never conflict: of equal chunks only the first one's concerns the bytes,
    the others just note themselves. Nor do those of several models, but for the first ones to bring a chunk.

    Parameters
    ----------
    chunks
        All of the model's.
    stored
        None where :func:`is_there`.
    """
    digest = chunks[index].hash
    key = context.key("chunk", *chunks[index])
    if stored is not None and not is_there(context, store, chunks, index):
        if store == "private":
            context.put_private(COLLECTION, key, stored)
        else:
            context.put_bytes(key, stored)
    if store == "private" and chunks[index] not in chunks[:index]:
        context.put(Holder(hash=digest, model=model))
    context.put(StoredChunk(model=model, index=index, store=store, hash=digest))


def drop_chunks(context: Context, models: Mapping[str, Sequence[Chunk]]) -> None:
    """Have private models, given with their chunks, hold nothing any more; purge the bytes that no other model holds.

    All at once, for a transaction does not see that it has dropped a model before.
    """
    for model, chunks in models.items():
        for index in range(len(chunks)):
            context.delete(StoredChunk, model, index, "private")
        for digest in dict.fromkeys(chunk.hash for chunk in chunks):
            context.delete(Holder, digest, model)
    for chunk in dict.fromkeys(chunk for chunks in models.values() for chunk in chunks):
        if all(holder.model in models for holder in context.list(Holder, chunk.hash)):
            context.purge_private(COLLECTION, context.key("chunk", *chunk))


def read_chunk(context: Context, model: str, chunks: Sequence[Chunk], index: int, store: Store) -> bytes | None:
    """Read the stored form of a model's chunk; None where the model does not hold it or this peer has no bytes."""
    if index >= len(chunks) or context.find(StoredChunk, model, index, store) is None:
        return None
    key = context.key("chunk", *chunks[index])
    return context.private(COLLECTION, key) if store == "private" else context.stub.get_state(key)


def stored_chunks(context: Context, model: str, count: int, store: Store) -> list[str | None]:
    """Read which of a model's chunks are in a store: the hash of each, None for the missing ones."""
    notes = [context.find(StoredChunk, model, index, store) for index in range(count)]
    return [None if note is None else note.hash for note in notes]


def get_chunk(context: Context, manifest: Model, index: int) -> bytes | None:
    """Return a chunk of a model as it is packed, None where the store lacks it."""
    chunks = chunks_of(manifest.chunks, manifest.length)
    stored = read_chunk(context, manifest.model, chunks, index, manifest.store)
    return None if stored is None else from_stored_form(stored, chunk_sizes(manifest.length)[index])
