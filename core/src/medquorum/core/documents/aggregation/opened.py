# SPDX-License-Identifier: Apache-2.0
"""The sums of updates that may have been opened on a base, and which others may be opened beside them.

On one base a hospital's update is nearly the same in every round: the difference of two sums is that of the sets. Of
sums with weights a combination can be one update whatever the sets are: on a base there is one vector of weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import MAX_MEMBERS, Hash, MspId, RoundIndex, TaskName, Weight

__all__ = ["OVERLAP", "OpenedSum", "revealing"]

OVERLAP = "OVERLAP"
"""The accepted set is too close to one whose sum was opened on the same base."""

MOST_SETS = 2
"""Different sets on one base: a combination of three can be one update, though each two differ by many."""


class OpenedSum(Document):
    """Hospitals the sum of whose updates, each times its weight, may have been opened, whatever became of the round."""

    kind: ClassVar[str] = "opened"

    base: Hash
    round: RoundIndex
    task: TaskName
    weights: dict[MspId, Weight]
    minimum: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Base, round and task."""
        return (self.base, self.round, self.task)


def revealing(weights: Mapping[str, int], minimum: int, earlier: Iterable[OpenedSum]) -> OpenedSum | None:
    """Return an opened sum beside which this one would tell about fewer than ``minimum`` hospitals, or None.

    Equal sums tell how all their hospitals' updates changed together, no more. Of two different sets without weights
    every combination is of all of one's hospitals, or of those in which they differ.

    Parameters
    ----------
    weights
        Of the updates whose sum is to be opened, by hospital.
    minimum
        The task's ``minimum_accepted``; the larger one counts where the other task's differs.
    earlier
        The sums opened on the same base, in any task.
    """
    others = {frozenset(opened.weights.items()): opened for opened in earlier if opened.weights != weights}
    for opened in others.values():
        weighed = {*weights.values(), *opened.weights.values()} != {1}
        apart = len(opened.weights.keys() ^ weights.keys())
        if weighed or apart < max(minimum, opened.minimum) or len(others) >= MOST_SETS:
            return opened
    return None
