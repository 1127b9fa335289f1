# SPDX-License-Identifier: Apache-2.0
"""Finds a task's rounds, which only the coordinator's transactions write and all others read."""

from __future__ import annotations

from medquorum.chaincode.context import Context
from medquorum.core.documents.round import Round

__all__ = ["get_round", "latest_round"]


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
