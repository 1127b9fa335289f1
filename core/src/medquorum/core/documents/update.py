# SPDX-License-Identifier: Apache-2.0
"""A hospital's update: bound by its chunks' salted hashes, in an encrypted task by commitments to what is hidden."""

from __future__ import annotations

from hashlib import sha256
from typing import ClassVar

from pydantic import model_validator

from medquorum.core.documents.chunk import ChunkHashes
from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName
from medquorum.core.model import from_stored_form, stored_form

__all__ = ["MAX_SUBMITTED", "SALT_BYTES", "Update", "chunk_of", "private_value"]

SALT_BYTES = 32
MAX_SUBMITTED = 8 << 20
"""Bytes of private values that may come with SubmitUpdate; more are put chunk by chunk."""


class Update(Document):
    """What a hospital is bound to: base, layout, and the hash of every private value.

    In an encrypted task ``masked`` is the salted hash of the update under its mask, and ``masks`` those of the mask's
    parts by party; in the placement of [SMV] ``shares`` are those of the update's shares by party.
    """

    kind: ClassVar[str] = "update"
    optional: ClassVar[frozenset[str]] = frozenset({"chunks", "masked", "masks", "nonce", "shares"})

    task: TaskName
    round: RoundIndex
    hospital: MspId
    base: Hash
    layout: Hash
    chunks: ChunkHashes | None = None
    masked: Hash | None = None
    masks: dict[MspId, Hash] | None = None
    shares: dict[MspId, Hash] | None = None
    nonce: Hash | None = None

    @model_validator(mode="after")
    def _either(self) -> Update:
        if sum(value is not None for value in (self.chunks, self.masked, self.shares)) != 1:
            raise ValueError("an update has either chunks, or a masked form, or shares")
        if (self.masked is None) != (self.masks is None):
            raise ValueError("a masked form comes with the parts of its mask, and nothing else does")
        if (self.nonce is None) == (self.chunks is None):
            raise ValueError("what is hidden, and nothing else, is submitted under the dealer's nonce")
        return self

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round and hospital."""
        return (self.task, self.round, self.hospital)

    @property
    def commitment(self) -> str:
        """SHA-256 of the document."""
        return sha256(self.encode()).hexdigest()


def private_value(salt: bytes, chunk: bytes) -> bytes:
    """Make the private value of a chunk: its salt and its stored form."""
    return salt + stored_form(chunk)


def chunk_of(value: bytes, length: int) -> bytes:
    """Return the chunk of ``length`` bytes in a private value.

    Raises
    ------
    ModelError
        The value is not one of such a chunk.
    """
    return from_stored_form(value[SALT_BYTES:], length)
