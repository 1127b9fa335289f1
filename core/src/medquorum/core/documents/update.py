# SPDX-License-Identifier: Apache-2.0
"""A hospital's update: bound by its chunks' salted hashes, in an encrypted task by the commitments to its shares."""

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
    """What a hospital is bound to: base, layout, and the hash of every private value or share."""

    kind: ClassVar[str] = "update"
    optional: ClassVar[frozenset[str]] = frozenset({"chunks", "nonce", "shares"})

    task: TaskName
    round: RoundIndex
    hospital: MspId
    base: Hash
    layout: Hash
    chunks: ChunkHashes | None = None
    shares: dict[MspId, Hash] | None = None
    nonce: Hash | None = None

    @model_validator(mode="after")
    def _either(self) -> Update:
        if (self.chunks is None) == (self.shares is None):
            raise ValueError("an update has either chunks or shares")
        if (self.nonce is None) != (self.shares is None):
            raise ValueError("shares, and nothing else, are submitted under the dealer's nonce")
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
