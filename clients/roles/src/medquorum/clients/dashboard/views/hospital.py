# SPDX-License-Identifier: Apache-2.0
"""One hospital in a task: what became of its update in each round, and how many were accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medquorum.clients.dashboard.index.queries import Queries
from medquorum.core.documents.task import Task

__all__ = ["HospitalPage", "HospitalRound", "hospital_page"]


@dataclass(frozen=True)
class HospitalRound:
    """A round as it went for the hospital; weight is its part of the new model, of 2^8."""

    number: int
    outcome: str
    reason: str | None
    quality: int | None
    weight: int | None


@dataclass(frozen=True)
class HospitalPage:
    """A hospital's history in a task, the latest round first."""

    task: Task
    hospital: str
    rounds: Sequence[HospitalRound]

    @property
    def submitted(self) -> int:
        """Rounds with an update."""
        return sum(row.outcome != "no update" for row in self.rounds)

    @property
    def accepted(self) -> int:
        """Rounds whose model has the update."""
        return sum(row.outcome == "accepted" for row in self.rounds)


def hospital_page(queries: Queries, name: str, hospital: str) -> HospitalPage | None:
    """Return a hospital's history, None where the task has no such hospital and never had."""
    task = queries.task(name)
    if task is None:
        return None
    verdicts = {verdict.round: verdict for verdict in queries.verdicts(name) if verdict.hospital == hospital}
    submitted = queries.submitted(name, hospital)
    if hospital not in task.hospitals and not submitted:
        return None
    rows = []
    for round_ in queries.rounds(name):
        verdict = verdicts.get(round_.round)
        outcome = "pending" if round_.round in submitted else "no update"
        if verdict is not None:
            outcome = "accepted" if verdict.accepted else "refused"
        outcome = round_.outcomes.get(hospital, outcome).replace("_", " ")
        reason, quality = (None, None) if verdict is None else (verdict.reason, verdict.quality)
        weight = (round_.weights or {}).get(hospital)
        rows.append(HospitalRound(round_.round, outcome, reason, quality, weight))
    return HospitalPage(task, hospital, rows[::-1])
