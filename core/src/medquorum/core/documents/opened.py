# SPDX-License-Identifier: Apache-2.0
"""The sums of updates that may have been opened on a base, and which others may be opened beside them.

On one base a hospital's update is nearly the same in every round: the difference of two sums is that of the sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import MAX_MEMBERS, Hash, MspId, RoundIndex, TaskName

__all__ = ["OVERLAP", "OpenedSum", "revealing"]

OVERLAP = "OVERLAP"
"""The accepted set is too close to one whose sum was opened on the same base."""

MOST_SETS = 2
"""Different sets on one base: a combination of three can be one update, though each two differ by many."""


class OpenedSum(Document):
    """A set of hospitals the sum of whose updates may have been opened, whatever became of the round."""

    kind: ClassVar[str] = "opened"

    base: Hash
    round: RoundIndex
    task: TaskName
    accepted: list[MspId]
    minimum: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Base, round and task."""
        return (self.base, self.round, self.task)


def revealing(accepted: Sequence[str], minimum: int, earlier: Iterable[OpenedSum]) -> OpenedSum | None:
    """Return an opened sum beside which this set's would tell about fewer than ``minimum`` hospitals, or None.

    Equal sets tell how all their hospitals' updates changed together, no more. Of two different sets every combination
    is of all of one's hospitals, or of those in which they differ.

    Parameters
    ----------
    accepted
        The set whose sum is to be opened.
    minimum
        The task's ``minimum_accepted``; the larger one counts where the other task's differs.
    earlier
        The sums opened on the same base, in any task.
    """
    others = {frozenset(opened.accepted): opened for opened in earlier if {*opened.accepted} != {*accepted}}
    for members, opened in others.items():
        if len(members ^ {*accepted}) < max(minimum, opened.minimum) or len(others) >= MOST_SETS:
            return opened
    return None
