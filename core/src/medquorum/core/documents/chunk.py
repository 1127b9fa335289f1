# SPDX-License-Identifier: Apache-2.0
"""The chunks of models: their sizes, and which ones a model has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import MAX_CHUNKS, Hash
from medquorum.core.model import CHUNK_BYTES

__all__ = ["Chunk", "ChunkHashes", "Holder", "Length", "Store", "StoredChunk", "chunk_sizes", "chunks_of"]

Store = Literal["public", "private"]
Length = Annotated[int, Field(ge=4, multiple_of=4, le=MAX_CHUNKS * CHUNK_BYTES)]
"""Bytes of a packed model."""
ChunkHashes = Annotated[list[Hash], Field(min_length=1, max_length=MAX_CHUNKS)]


class Chunk(NamedTuple):
    """The SHA-256 of a whole chunk, and its bytes: a manifest may name a hash for a place that it does not fit."""

    hash: str
    size: int


def chunk_sizes(length: int) -> list[int]:
    """Return the bytes of each chunk of a model of ``length`` bytes: full ones and a shorter last one."""
    full, rest = divmod(length, CHUNK_BYTES)
    return [CHUNK_BYTES] * full + ([rest] if rest else [])


def chunks_of(hashes: Sequence[str], length: int) -> list[Chunk]:
    """Return the chunks of a model of ``length`` bytes."""
    return [Chunk(*both) for both in zip(hashes, chunk_sizes(length), strict=True)]


class StoredChunk(Document):
    """Says that a model's chunk is stored and which one it is: so the model has it, also before its manifest."""

    kind: ClassVar[str] = "stored"

    model: Hash
    index: Annotated[int, Field(ge=0, lt=MAX_CHUNKS)]
    store: Store
    hash: Hash

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Model hash, chunk index and store."""
        return (self.model, self.index, self.store)


class Holder(Document):
    """Says that a model has a private chunk, whose bytes are there."""

    kind: ClassVar[str] = "holder"

    hash: Hash
    model: Hash

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Chunk hash and model hash."""
        return (self.hash, self.model)
