# SPDX-License-Identifier: Apache-2.0
"""A round's root update: trained by one verifier on the verification set, repeated and attested by the others.

In an encrypted task the party with the images makes it alone, and hands it over under a mask as a hospital its update.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import ClassVar, Literal

from pydantic import model_validator

from medquorum.core.documents.aggregation.aggregate import required
from medquorum.core.documents.chunk import ChunkHashes
from medquorum.core.documents.document import Attribute, Document, Statement
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName
from medquorum.core.documents.task import Task

__all__ = ["ROOT", "Root", "RootAttestation", "Standing", "standing"]

ROOT = "root update"
"""In place of a hospital's name where updates are told apart; no MSP id has a space."""
Standing = Literal["awaited", "stands", "refused"]


class Root(Document):
    """What the maker is bound to: base, layout, and the hash of every private value.

    In an encrypted task ``masked``, ``masks`` and ``nonce`` are those of an update (``documents/update.py``).
    """

    kind: ClassVar[str] = "root"
    optional: ClassVar[frozenset[str]] = frozenset({"chunks", "masked", "masks", "nonce"})

    task: TaskName
    round: RoundIndex
    verifier: MspId
    base: Hash
    layout: Hash
    chunks: ChunkHashes | None = None
    masked: Hash | None = None
    masks: dict[MspId, Hash] | None = None
    nonce: Hash | None = None

    @model_validator(mode="after")
    def _either(self) -> Root:
        if len({self.chunks is None, *(value is not None for value in (self.masked, self.masks, self.nonce))}) != 1:
            raise ValueError("a root update has either chunks, or a masked form with the parts of its mask and a nonce")
        return self

    @property
    def hospital(self) -> str:
        """What stands for a hospital's name."""
        return ROOT

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task and round: there is one root."""
        return (self.task, self.round)

    @property
    def commitment(self) -> str:
        """SHA-256 of the document."""
        return sha256(self.encode()).hexdigest()


class RootAttestation(Statement):
    """Whether one verifier's own training came to the same root update."""

    kind: ClassVar[str] = "rootAttestation"

    task: TaskName
    round: RoundIndex
    root: Hash
    holds: bool

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round and verifier."""
        return (self.task, self.round, self.verifier)


def standing(task: Task, quorum: int, attestations: Iterable[RootAttestation]) -> Standing:
    """Return whether a root may be judged with: its maker and those who attest it are a majority, and the quorum.

    In an encrypted task nobody else has the images: the maker's word stands.
    """
    if task.encrypted is not None:
        return "stands"
    words = [attestation.holds for attestation in attestations]
    needed = required(task, quorum)
    if 1 + sum(words) >= needed:
        return "stands"
    return "refused" if len(task.verifiers) - (len(words) - sum(words)) < needed else "awaited"
