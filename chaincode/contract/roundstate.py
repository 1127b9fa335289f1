# SPDX-License-Identifier: Apache-2.0
"""The round document, which only the coordinator's transactions write and all others read."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaincode.contract.context import Context
from chaincode.contract.documents import Attribute, Document, Hash, MspId, RoundIndex, TaskName
from medquorum import ContractError

__all__ = ["ENDED", "Outcome", "Round", "State", "get_round", "latest_round"]

State = Literal["open", "verifying", "aggregating", "closed", "aborted"]
Outcome = Literal["accepted", "refused", "no_quorum", "missing"]

ENDED: tuple[State, ...] = ("closed", "aborted")


class Round(Document):
    """One round: its base model, its frozen candidates with their update commitments, and what became of them.

    ``differing`` names those whose attested model is not the one the round was closed with.
    """

    kind: ClassVar[str] = "round"
    optional: ClassVar[frozenset[str]] = frozenset({"differing"})

    task: TaskName
    round: RoundIndex
    state: State
    base: Hash
    candidates: list[MspId] = Field(default_factory=list)
    commitments: dict[MspId, Hash] = Field(default_factory=dict)
    outcomes: dict[MspId, Outcome] = Field(default_factory=dict)
    accepted: list[MspId] = Field(default_factory=list)
    model: Hash | None = None
    differing: list[MspId] | None = None
    reason: str | None = None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task and round."""
        return (self.task, self.round)

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


def get_round(context: Context, task: str, number: int) -> Round:
    """Read a round that must exist (``ROUND_MISSING``)."""
    return context.get(Round, task, number)


def latest_round(context: Context, task: str, rounds: int) -> Round | None:
    """Find the task's last opened round, None before the first.

    Rounds are opened without gaps, so bisection finds the last one in log2(rounds) reads and no range.
    """
    found: Round | None = None
    low, high = 1, rounds
    while low <= high:
        middle = (low + high) // 2
        candidate = context.find(Round, task, middle)
        if candidate is None:
            high = middle - 1
        else:
            found, low = candidate, middle + 1
    return found
