# SPDX-License-Identifier: Apache-2.0
"""What a party asks the dealer for."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar

from pydantic import Field

from medquorum.core import canonical
from medquorum.core.documents.fields import MAX_MEMBERS, Hash, MspId, RoundIndex, TaskName
from medquorum.core.message import Attempt, Message
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.randomness.identifier import MaterialId

__all__ = ["DealRequest"]


class DealRequest(Message):
    """A party's request for the material of one attempt of one verification.

    Attributes
    ----------
    hospital
        MSP id, or the name of a sum of updates, of the root update or of a step of the rule ``direction``.
    updates
        The hospital and its frozen commitment; of a sum, all of its updates in their order; none of a root or a choice.
    attempt
        Grows with every try; an attempt is dealt once.
    party
        0 or 1.
    """

    called: ClassVar[str] = "request to the dealer"

    task: TaskName
    round: RoundIndex
    hospital: Annotated[str, Field(min_length=1, max_length=64)]
    updates: Annotated[tuple[tuple[MspId, Hash], ...], Field(max_length=MAX_MEMBERS)]
    attempt: Attempt
    party: Annotated[int, Field(ge=0, le=1)]
    plan: PlanDocument

    @property
    def name(self) -> MaterialId:
        """The verification's name."""
        return MaterialId(self.task, self.round, self.hospital, self.attempt)

    @property
    def key(self) -> bytes:
        """The name and the hash of the updates as canonical JSON, by which the dealer remembers it."""
        bound = hashlib.sha256(canonical.encode([list(update) for update in self.updates])).hexdigest()
        return canonical.encode([self.task, self.round, self.hospital, self.attempt, bound])

    @property
    def series(self) -> bytes:
        """What the keys of all attempts of the verification begin with."""
        return canonical.encode([self.task, self.round, self.hospital])[:-1] + b","

    @property
    def other(self) -> DealRequest:
        """What the other party must have asked for."""
        return self.model_copy(update={"party": 1 - self.party})
