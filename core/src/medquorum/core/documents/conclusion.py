# SPDX-License-Identifier: Apache-2.0
"""A plain round's new model as the endorsers of one ConcludeRound computed it, in place of their attestations."""

from __future__ import annotations

from typing import ClassVar

from medquorum.core.documents.aggregation.aggregate import Counts
from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName

__all__ = ["Conclusion"]


class Conclusion(Document):
    """What as many verifiers as a majority state at once: they endorse the transaction that writes it."""

    kind: ClassVar[str] = "conclusion"
    optional: ClassVar[frozenset[str]] = frozenset({"counts"})

    task: TaskName
    round: RoundIndex
    model: Hash
    accepted: list[MspId]
    worse: bool
    counts: Counts | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task and round."""
        return (self.task, self.round)

    @property
    def keeps_base(self) -> str | None:
        """Why the round keeps its base although there is agreement: a reason, or None."""
        return "MODEL_WORSE" if self.worse else None
