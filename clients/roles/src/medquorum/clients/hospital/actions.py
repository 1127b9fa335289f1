# SPDX-License-Identifier: Apache-2.0
"""What a hospital has to do, derived from the ledger alone."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.clients.ledger.round_status import RoundStatus, ended, result_of
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task

__all__ = ["Action", "AwaitRound", "AwaitVerdict", "Late", "Leave", "Submit", "next_action"]


@dataclass(frozen=True)
class Submit:
    """Train on the round's base and submit the update."""

    round: Round


@dataclass(frozen=True)
class AwaitVerdict:
    """The update is on the ledger; the round goes on without this hospital."""

    round: int


@dataclass(frozen=True)
class Late:
    """The round closed without this hospital's update."""

    round: int


@dataclass(frozen=True)
class AwaitRound:
    """Nothing is open; ``round`` is the next one."""

    round: int


@dataclass(frozen=True)
class Leave:
    """The task's last round ended with ``model``."""

    model: str


Action = Submit | AwaitVerdict | Late | AwaitRound | Leave


def next_action(task: Task, status: RoundStatus | None, hospital: str) -> Action:
    """Derive a hospital's next action.

    Parameters
    ----------
    status
        The latest round's, None before the first one.
    """
    if status is None or status.round is None:
        return AwaitRound(1)
    round_ = status.round
    if ended(round_):
        return Leave(result_of(round_)) if round_.round >= task.rounds else AwaitRound(round_.round + 1)
    if hospital not in task.taking_part(round_.round):
        return AwaitRound(round_.round + 1)
    if hospital in status.updates:
        return AwaitVerdict(round_.round)
    return Submit(round_) if round_.state == "open" else Late(round_.round)
