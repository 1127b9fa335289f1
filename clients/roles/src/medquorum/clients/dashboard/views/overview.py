# SPDX-License-Identifier: Apache-2.0
"""A task at a glance: its rounds, how good the model became, who was refused and why, what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medquorum.clients.dashboard.index.queries import Queries, VerdictLine
from medquorum.clients.dashboard.views.waiting import Waiting, waiting
from medquorum.core.documents.aggregation.aggregate import Aggregate, final
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task

__all__ = ["Overview", "RoundRow", "accuracy", "overview", "round_rows"]


@dataclass(frozen=True)
class RoundRow:
    """A round in a line.

    Attributes
    ----------
    accuracy
        Share of the verification set that its model classifies correctly, in percent; None where it is not disclosed.
    refused
        Why, by hospital; also of a round that goes on.
    block, seconds
        Where its latest state is, and the time stated there.
    """

    number: int
    state: str
    accuracy: float | None
    accepted: Sequence[str]
    refused: Mapping[str, str]
    missing: Sequence[str]
    note: str
    block: int
    seconds: int


@dataclass(frozen=True)
class Overview:
    """A task, its rounds, the latest one first, and what the latest one waits for."""

    task: Task
    rounds: Sequence[RoundRow]
    waiting: Sequence[Waiting]
    refusals: Mapping[str, int]
    """How many updates were refused, by hospital; of those that take part."""


def overview(queries: Queries, name: str) -> Overview | None:
    """Return a task's overview, None where there is no such task."""
    task = queries.task(name)
    if task is None:
        return None
    rows = round_rows(queries, task)
    status = queries.status(name, rows[-1].number if rows else 0)
    refusals = {hospital: sum(hospital in row.refused for row in rows) for hospital in task.hospitals}
    return Overview(task, rows[::-1], waiting(task, status), refusals)


def round_rows(queries: Queries, task: Task) -> list[RoundRow]:
    """Return every round of a task in a line, the first one first."""
    results, blocks = queries.results(task.task), queries.round_blocks(task.task)
    verdicts: dict[int, list[VerdictLine]] = {}
    for verdict in queries.verdicts(task.task):
        verdicts.setdefault(verdict.round, []).append(verdict)
    return [
        _row(task, round_, results.get(round_.round, []), verdicts.get(round_.round, []), blocks[round_.round])
        for round_ in queries.rounds(task.task)
    ]


def accuracy(task: Task, round_: Round, results: Sequence[Aggregate | Conclusion]) -> float | None:
    """Return the percentage of the verification set that the round's model has right, None where nobody says it."""
    concluded = next((result for result in results if isinstance(result, Conclusion)), None)
    result = concluded or final(task, [result for result in results if isinstance(result, Aggregate)])
    if result is None or round_.state not in ("closed", "aggregating"):
        return None
    counts = result.counts
    if isinstance(result, Aggregate) and result.accuracy is not None:
        counts = result.accuracy.counts
    if counts is None:
        return None
    kept = result.keeps_base is not None
    return 100 * (counts.base if kept else counts.model) / task.dataset_size


def _row(
    task: Task,
    round_: Round,
    results: Sequence[Aggregate | Conclusion],
    verdicts: Sequence[VerdictLine],
    place: tuple[int, int],
) -> RoundRow:
    refused = {verdict.hospital: verdict.reason or "" for verdict in verdicts if not verdict.accepted}
    refused |= {msp: "NO QUORUM" for msp, outcome in round_.outcomes.items() if outcome == "no_quorum"}
    accepted = round_.accepted or [verdict.hospital for verdict in verdicts if verdict.accepted]
    missing = [msp for msp, outcome in round_.outcomes.items() if outcome == "missing"]
    differing = f"another result: {', '.join(round_.differing)}" if round_.differing else ""
    note = "; ".join(part for part in (round_.reason, differing) if part)
    return RoundRow(
        round_.round, round_.state, accuracy(task, round_, results), accepted, refused, missing, note, *place
    )
