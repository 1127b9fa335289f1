# SPDX-License-Identifier: Apache-2.0
"""The dealer's word on the masks of a round's accepted updates."""

from __future__ import annotations

from typing import ClassVar

from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName, Weight

__all__ = ["Masks"]


class Masks(Document):
    """A salted hash of the sum of the accepted updates' masks, each times its update's weight."""

    kind: ClassVar[str] = "masks"

    task: TaskName
    round: RoundIndex
    dealer: MspId
    weights: dict[MspId, Weight]
    hash: Hash

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task and round."""
        return (self.task, self.round)
