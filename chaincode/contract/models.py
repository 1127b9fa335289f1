# SPDX-License-Identifier: Apache-2.0
"""The model store: a manifest per model, its chunks in public state or in the private collection ``models``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from chaincode.contract.access import check_member
from chaincode.contract.arguments import MAX_CHUNKS, HashText, Index, Json, Word
from chaincode.contract.consortium import Consortium
from chaincode.contract.context import Context, sha256
from chaincode.contract.dispatch import Answer, evaluate, transaction
from chaincode.contract.documents import Attribute, Document, Hash, MspId, RoundIndex, TaskName
from chaincode.modelformat import CHUNK_BYTES, model_hash, restore_planes
from medquorum import ContractError, ModelError

__all__ = [
    "COLLECTION",
    "Keeper",
    "Manifest",
    "Model",
    "Purged",
    "Store",
    "StoredChunk",
    "chunk_sizes",
    "drop_chunks",
    "get_chunk",
    "put_chunk",
    "read_manifest",
    "store_of",
    "stored_chunks",
    "transient_chunk",
]

COLLECTION = "models"

Store = Literal["public", "private"]


class Manifest(BaseModel):
    """What a model's bytes are: with the layout these determine its hash."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    layout: Hash
    length: Annotated[int, Field(ge=4, multiple_of=4, le=MAX_CHUNKS * CHUNK_BYTES)]
    chunks: Annotated[list[Hash], Field(min_length=1, max_length=MAX_CHUNKS)]


class Model(Document):
    """A model's manifest: hash, chunks, where they are and which round made it."""

    kind: ClassVar[str] = "model"

    model: Hash
    layout: Hash
    length: int
    chunks: list[Hash]
    store: Store
    parent: Hash | None = None
    task: TaskName | None = None
    round: RoundIndex = 0
    accepted: list[MspId] = Field(default_factory=list)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The model hash."""
        return (self.model,)


class StoredChunk(Document):
    """Says that a chunk is in the store, so that nobody reads its bytes to find out."""

    kind: ClassVar[str] = "stored"

    model: Hash
    index: int
    hash: Hash

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Model hash and chunk index."""
        return (self.model, self.index)


class Keeper(Document):
    """Says that a task may need a model's bytes: equal models of several tasks are stored once.

    Tasks with a public store write it too: the model may be there in the store of a private task, which purges.
    """

    kind: ClassVar[str] = "keeper"

    model: Hash
    task: TaskName

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The model hash and the task."""
        return (self.model, self.task)


class Purged(Document):
    """Says that a model's bytes were removed from every peer, and by which rule; its manifest stays."""

    kind: ClassVar[str] = "purged"

    model: Hash
    task: TaskName
    round: RoundIndex
    keep: int

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The model hash."""
        return (self.model,)


def chunk_sizes(length: int) -> list[int]:
    """Give the bytes of each chunk of a model of ``length`` bytes: full ones and a shorter last one."""
    full, rest = divmod(length, CHUNK_BYTES)
    return [CHUNK_BYTES] * full + ([rest] if rest else [])


def store_of(context: Context, model: str, store: Store) -> Store:
    """Give where a model's chunks belong: where its manifest says, in ``store`` while it has none."""
    known = context.find(Model, model)
    return store if known is None else known.store


def put_chunk(context: Context, model: str, index: int, store: Store, stored: bytes, digest: str) -> None:
    """Write one chunk's stored form and the note that it is there, with the SHA-256 of the whole chunk.

    Reads nothing, so that parallel writes never conflict.
    """
    key = context.key("chunk", model, index)
    if store == "private":
        context.put_private(COLLECTION, key, stored)
    else:
        context.put_bytes(key, stored)
    context.put(StoredChunk(model=model, index=index, hash=digest))


def drop_chunks(context: Context, manifest: Model) -> None:
    """Purge a private model's chunks, also from history, and the notes that they are stored."""
    for index in range(len(manifest.chunks)):
        context.purge_private(COLLECTION, context.key("chunk", manifest.model, index))
        context.delete(StoredChunk, manifest.model, index)


def get_stored(context: Context, manifest: Model, index: int) -> bytes | None:
    """Read one chunk's stored form from where the manifest says it is."""
    key = context.key("chunk", manifest.model, index)
    return context.private(COLLECTION, key) if manifest.store == "private" else context.stub.get_state(key)


def get_chunk(context: Context, manifest: Model, index: int) -> bytes | None:
    """Read one chunk."""
    stored = get_stored(context, manifest, index)
    return None if stored is None else restore_planes(stored, chunk_sizes(manifest.length)[index])


def stored_chunks(context: Context, model: str, count: int) -> list[str | None]:
    """Read which of a model's chunks are stored: the hash of each, None for the missing ones."""
    notes = [context.find(StoredChunk, model, index) for index in range(count)]
    return [None if note is None else note.hash for note in notes]


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
        digest = sha256(restore_planes(stored, sizes[index]))
    except ModelError as error:
        raise ContractError("BAD_CHUNK", f"chunk {index}: {error.cause}", "Send its stored form") from error
    if digest != manifest.chunks[index]:
        raise ContractError("BAD_CHUNK", f"chunk {index}, {digest}, is not the manifest's", "Send it again")
    return stored


@transaction
def put_model_chunk(context: Context, manifest: Json, index: Index, store: Word) -> Answer:
    """Store a chunk of an initial model {layout, length, chunks}; transient ``chunk`` has its stored form."""
    coordinators = context.get(Consortium).having("coordinator")
    check_member(context, "coordinator", coordinators, coordinators)
    described = read_manifest(manifest)
    if store not in ("public", "private"):
        raise ContractError("BAD_MODEL", f"there is no store {store!r}", "Use public or private")
    stored = transient_chunk(context, described, index)
    name = model_hash(described.layout, described.chunks)
    known = context.find(Model, name)
    if known is None:
        known = Model(model=name, store=_store(store), **described.model_dump())
        context.put(known)
    put_chunk(context, name, index, known.store, stored, described.chunks[index])
    return {"model": name}


@evaluate
def read_model(context: Context, model: HashText) -> Answer:
    """Read a model's manifest."""
    return context.get(Model, model).plain()


@evaluate
def read_model_chunk(context: Context, model: HashText, index: Index) -> Answer:
    """Read one chunk's stored form."""
    stored = get_stored(context, context.get(Model, model), index)
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
def read_stored_chunks(context: Context, model: HashText) -> Answer:
    """List the indices of a model's chunks that are stored."""
    manifest = context.find(Model, model)
    stored = [] if manifest is None else stored_chunks(context, model, len(manifest.chunks))
    return [index for index, chunk in enumerate(stored) if chunk is not None]


def _store(store: str) -> Store:
    return "private" if store == "private" else "public"
