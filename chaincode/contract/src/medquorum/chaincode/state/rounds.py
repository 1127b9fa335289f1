# SPDX-License-Identifier: Apache-2.0
"""Finds a task's rounds, which only the coordinator's transactions write and all others read; freezes candidates."""

from __future__ import annotations

from medquorum.chaincode.context import Context
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.errors import ContractError

__all__ = ["freeze", "get_round", "judged_round", "latest_round"]


def get_round(context: Context, task: str, round_number: int) -> Round:
    """Read a round that must exist (``ROUND_MISSING``)."""
    return context.get(Round, task, round_number)


def latest_round(context: Context, task: str, rounds: int) -> Round | None:
    """Find the task's last opened round, None before the first.

    Rounds are opened without gaps, so bisection finds the last one in log2(rounds) reads and no range.
    """
    latest: Round | None = None
    low, high = 1, rounds
    while low <= high:
        middle = (low + high) // 2
        candidate = context.find(Round, task, middle)
        if candidate is None:
            high = middle - 1
        else:
            latest, low = candidate, middle + 1
    return latest


def freeze(context: Context, round_: Round) -> Round:
    """Return the round with those who have submitted by now as its candidates; another one makes this a phantom."""
    updates = context.list(Update, round_.task, round_.round)
    commitments = {update.hospital: update.commitment for update in updates}
    return round_.model_copy(update={"candidates": sorted(commitments), "commitments": commitments})


def judged_round(context: Context, task: Task, round_number: int) -> Round:
    """Return a round whose candidates are final: frozen, or still open with all its hospitals' updates.

    Raises
    ------
    ContractError
        ``SUBMISSIONS_PENDING``, ``ROUND_STATE``.
    """
    round_ = get_round(context, task.task, round_number)
    round_.expect("open", "verifying")
    if round_.state == "verifying":
        return round_
    frozen = freeze(context, round_)
    missing = [hospital for hospital in task.taking_part(round_number) if hospital not in frozen.commitments]
    if missing:
        raise ContractError(
            "SUBMISSIONS_PENDING",
            f"no update of {', '.join(missing)} yet",
            "Wait, or send CloseSubmissions to go on without",
        )
    return frozen
