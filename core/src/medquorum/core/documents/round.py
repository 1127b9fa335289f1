# SPDX-License-Identifier: Apache-2.0
"""A round of a task: how far it is, and what became of its candidates."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName, Weight
from medquorum.errors import ContractError

__all__ = ["ENDED", "Outcome", "Round", "State"]

State = Literal["open", "verifying", "aggregating", "closed", "aborted"]
Outcome = Literal["accepted", "refused", "unjudged", "no_quorum", "missing"]
"""``unjudged``: refused for a reason that says nothing of the update."""

ENDED: tuple[State, ...] = ("closed", "aborted")


class Round(Document):
    """One round: its base model, its frozen candidates with their update commitments, and what became of them.

    ``weights`` are those of the accepted updates, of 2^8, where the rule weighs; else all count alike.
    ``differing`` names those whose attested model is not the one the round was closed with.
    """

    kind: ClassVar[str] = "round"
    optional: ClassVar[frozenset[str]] = frozenset({"differing", "weights"})

    task: TaskName
    round: RoundIndex
    state: State
    base: Hash
    candidates: list[MspId] = Field(default_factory=list)
    commitments: dict[MspId, Hash] = Field(default_factory=dict)
    outcomes: dict[MspId, Outcome] = Field(default_factory=dict)
    accepted: list[MspId] = Field(default_factory=list)
    weights: dict[MspId, Weight] | None = None
    model: Hash | None = None
    differing: list[MspId] | None = None
    reason: str | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task and round."""
        return (self.task, self.round)

    @property
    def summands(self) -> dict[str, int]:
        """Each accepted update's weight in the sum of a round; 1 where the rule does not weigh."""
        return {hospital: 1 if self.weights is None else self.weights[hospital] for hospital in self.accepted}

    def expect(self, *states: State, code: str = "ROUND_STATE") -> None:
        """Refuse any other state.

        Raises
        ------
        ContractError
            ``code``, naming the state found and those expected.
        """
        if self.state not in states:
            raise ContractError(
                code,
                f"round {self.round} of {self.task} is {self.state}, not {' or '.join(states)}",
                "Read the round and go on from there",
            )
