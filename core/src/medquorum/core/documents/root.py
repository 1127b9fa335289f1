# SPDX-License-Identifier: Apache-2.0
"""A round's root update: trained by one verifier on the verification set, repeated and attested by the others."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import ClassVar, Literal

from medquorum.core.documents.aggregation.aggregate import required
from medquorum.core.documents.chunk import ChunkHashes
from medquorum.core.documents.document import Attribute, Document, Statement
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName
from medquorum.core.documents.task import Task

__all__ = ["Root", "RootAttestation", "Standing", "standing"]

Standing = Literal["awaited", "stands", "refused"]


class Root(Document):
    """What the maker is bound to: base, layout, and the hash of every private value."""

    kind: ClassVar[str] = "root"

    task: TaskName
    round: RoundIndex
    verifier: MspId
    base: Hash
    layout: Hash
    chunks: ChunkHashes

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
    """Return whether a root may be judged with: its maker and those who attest it are a majority, and the quorum."""
    words = [attestation.holds for attestation in attestations]
    needed = required(task, quorum)
    if 1 + sum(words) >= needed:
        return "stands"
    return "refused" if len(task.verifiers) - (len(words) - sum(words)) < needed else "awaited"
