# SPDX-License-Identifier: Apache-2.0
"""The model store: puts and reads models' chunks, found and checked by their manifests."""

from __future__ import annotations

from typing import Any

from medquorum.chaincode.access import check_member
from medquorum.chaincode.arguments import HashText, Index, Json, Word
from medquorum.chaincode.context import Context, sha256
from medquorum.chaincode.dispatch import Answer, evaluate, transaction
from medquorum.chaincode.state.chunks import is_there, put_chunk, read_chunk, stored_chunks
from medquorum.core.documents.chunk import Store, chunk_sizes, chunks_of
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.model import Keeper, Manifest, Model, Purged
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.model import from_stored_form, model_hash
from medquorum.errors import ContractError, ModelError

__all__ = ["keep_model", "read_manifest", "store_of", "transient_chunk"]


def store_of(context: Context, model: str, store: Store) -> Store:
    """Return where a model's chunks belong: where its manifest says, in ``store`` while it has none."""
    known = context.find(Model, model)
    return store if known is None else known.store


def keep_model(context: Context, task: Task, round_: Round, model: str, chunks: list[str]) -> None:
    """Make a model whose chunks are stored a task's: its manifest, and that the task may need the bytes."""
    if context.find(Model, model) is None:
        context.put(
            Model(
                model=model,
                layout=task.layout,
                length=task.length,
                chunks=chunks,
                store=task.model_store,
                parent=round_.base,
                task=task.task,
                round=round_.round,
                accepted=round_.accepted,
            )
        )
    context.put(Keeper(model=model, task=task.task))
    if context.find(Purged, model) is not None:
        context.delete(Purged, model)


def read_manifest(fields: Any) -> Manifest:
    """Check a manifest.

    Raises
    ------
    ContractError
        ``BAD_MODEL``: a field is missing or malformed, or the length is another number of chunks.
    """
    try:
        manifest = Manifest.model_validate(fields)
    except ValueError as error:
        raise ContractError("BAD_MODEL", "the manifest is not {layout, length, chunks}") from error
    count = len(chunk_sizes(manifest.length))
    if len(manifest.chunks) != count:
        raise ContractError("BAD_MODEL", f"{manifest.length} bytes are {count} chunks, not {len(manifest.chunks)}")
    return manifest


def transient_chunk(context: Context, manifest: Manifest, index: int) -> bytes:
    """Take a chunk's stored form from the transient map.

    Raises
    ------
    ContractError
        ``BAD_CHUNK``: it is absent or not the manifest's.
    """
    sizes = chunk_sizes(manifest.length)
    if index >= len(sizes):
        raise ContractError("BAD_CHUNK", f"chunk {index} of {len(sizes)} does not exist", "Chunks are counted from 0")
    stored = context.transient("chunk")
    try:
        digest = sha256(from_stored_form(stored, sizes[index]))
    except ModelError as error:
        raise ContractError("BAD_CHUNK", f"chunk {index}: {error.cause}", "Send its stored form") from error
    if digest != manifest.chunks[index]:
        raise ContractError("BAD_CHUNK", f"chunk {index}, {digest}, is not the manifest's", "Send it again")
    return stored


@transaction
def put_model_chunk(context: Context, manifest: Json, index: Index, store: Word) -> Answer:
    """Store a chunk of an initial model {layout, length, chunks}; transient ``chunk`` has its stored form.

    The first call for a model, or for a purged one, has it hold all chunks that other models have in its store.
    """
    coordinators = context.get(Consortium).having("coordinator")
    check_member(context, "coordinator", coordinators, coordinators)
    described, place = read_manifest(manifest), _store(store)
    stored = transient_chunk(context, described, index)
    name, chunks = model_hash(described.layout, described.chunks), chunks_of(described.chunks, described.length)
    place = store_of(context, name, place)
    if not _has_begun(context, name):
        if context.find(Model, name) is None:
            context.put(Model(model=name, store=place, **described.model_dump()))
        else:
            context.delete(Purged, name)
        for other in range(len(chunks)):
            if other != index and is_there(context, place, chunks, other):
                put_chunk(context, name, chunks, other, place, None)
    put_chunk(context, name, chunks, index, place, stored)
    return {"model": name}


@evaluate
def read_model(context: Context, model: HashText) -> Answer:
    """Read a model's manifest."""
    return context.get(Model, model).plain()


@evaluate
def read_model_chunk(context: Context, model: HashText, index: Index) -> Answer:
    """Read one chunk's stored form."""
    manifest = context.get(Model, model)
    stored = read_chunk(context, model, chunks_of(manifest.chunks, manifest.length), index, manifest.store)
    if stored is not None:
        return stored
    purged = context.find(Purged, model)
    if purged is not None:
        raise ContractError(
            "MODEL_PURGED",
            f"the task {purged.task} keeps its latest {purged.keep} models; the bytes of the model {model} of round "
            f"{purged.round} were purged",
            "Fetch a later round's, or have the coordinator store it again from a file a member kept",
        )
    raise ContractError("CHUNK_MISSING", f"chunk {index} of the model {model} does not exist on this peer")


@evaluate
def read_stored_chunks(context: Context, manifest: Json, store: Word) -> Answer:
    """Return whether a model's upload has begun, and which chunks, by index, need not be sent: {begun, stored}."""
    described, place = read_manifest(manifest), _store(store)
    name, chunks = model_hash(described.layout, described.chunks), chunks_of(described.chunks, described.length)
    place = store_of(context, name, place)
    begun = _has_begun(context, name)
    notes = stored_chunks(context, name, len(chunks), place)
    stored = [i for i, note in enumerate(notes) if note or (not begun and is_there(context, place, chunks, i))]
    return {"begun": begun, "stored": stored}


def _has_begun(context: Context, model: str) -> bool:
    """Return whether somebody has begun to store a model and, after a purge, to store it again."""
    return context.find(Model, model) is not None and context.find(Purged, model) is None


def _store(store: str) -> Store:
    """Check the name of a store (``BAD_MODEL``)."""
    if store == "public":
        return "public"
    if store == "private":
        return "private"
    raise ContractError("BAD_MODEL", f"there is no store {store!r}", "Use public or private")
