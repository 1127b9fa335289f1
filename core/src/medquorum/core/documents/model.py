# SPDX-License-Identifier: Apache-2.0
"""A model on the ledger: its manifest, by which its chunks are found and checked, and who needs its bytes."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from medquorum.core.documents.chunk import ChunkHashes, Length, Store
from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import MAX_ROUND, Hash, MspId, RoundIndex, TaskName

__all__ = ["Keeper", "Manifest", "Model", "Purged"]


class Manifest(BaseModel):
    """What a model's bytes are: with the layout these determine its hash."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    layout: Hash
    length: Length
    chunks: ChunkHashes


class Model(Document):
    """A model's manifest: hash, chunks, where they are and which round made it."""

    kind: ClassVar[str] = "model"

    model: Hash
    layout: Hash
    length: Length
    chunks: ChunkHashes
    store: Store
    parent: Hash | None = None
    task: TaskName | None = None
    round: RoundIndex = 0
    accepted: list[MspId] = Field(default_factory=list)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The model hash."""
        return (self.model,)


class Keeper(Document):
    """Says that a task may need a model's bytes: equal models of several tasks are one.

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
    """Says that a model's bytes were removed from every peer, and by which rule; its manifest stays.

    Bytes that other models hold stay with these. PutModelChunk and CloseRound delete this document of a model that is
    stored again.
    """

    kind: ClassVar[str] = "purged"

    model: Hash
    task: TaskName
    round: RoundIndex
    keep: Annotated[int, Field(ge=1, le=MAX_ROUND)]

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The model hash."""
        return (self.model,)
