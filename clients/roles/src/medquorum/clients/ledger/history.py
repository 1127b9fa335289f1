# SPDX-License-Identifier: Apache-2.0
"""A task's rounds so far, as they went for one hospital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus, result_of

__all__ = ["RoundSummary", "history"]


@dataclass(frozen=True)
class RoundSummary:
    """One round.

    Attributes
    ----------
    model
        Hash of the model the round ended with, or goes on from.
    accepted, refused
        Whose updates are in the model; whose are not, and why.
    outcome
        The hospital's own update's; None without one.
    quality
        Its right answers beyond the base's, where the task discloses counts.
    """

    round: int
    state: str
    model: str
    accepted: tuple[str, ...]
    refused: Mapping[str, str]
    outcome: str | None
    reason: str | None
    quality: int | None


def history(ledger: Ledger, task: str, hospital: str) -> list[RoundSummary]:
    """Read every round of a task, the first one first, as it went for a hospital (MSP id)."""
    latest = ledger.current_round(task)
    statuses = (ledger.status(task, number) for number in range(1, 1 if latest is None else latest.round + 1))
    return [summary for status in statuses if (summary := _summary(status, hospital)) is not None]


def _summary(status: RoundStatus, msp: str) -> RoundSummary | None:
    round_, verdict = status.round, status.verdicts.get(msp)
    if round_ is None:
        return None
    refused = {judged.hospital: judged.reason or "" for judged in status.verdicts.values() if not judged.accepted}
    return RoundSummary(
        round_.round,
        round_.state,
        result_of(round_),
        tuple(round_.accepted),
        refused,
        round_.outcomes.get(msp, "pending" if msp in status.updates else None),
        None if verdict is None else verdict.reason,
        None if verdict is None else verdict.quality,
    )
