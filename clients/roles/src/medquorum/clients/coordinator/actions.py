# SPDX-License-Identifier: Apache-2.0
"""What the coordinator has to do, derived from the ledger and how long its state has lasted."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.clients.ledger.round_status import RoundStatus, ended
from medquorum.core.documents.aggregation.aggregate import nodes
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task

__all__ = [
    "Abort",
    "Action",
    "CloseRound",
    "CloseSubmissions",
    "CloseVerdicts",
    "Conclude",
    "Deadlines",
    "Leave",
    "Open",
    "Wait",
]


@dataclass(frozen=True)
class Deadlines:
    """Seconds each step of a round may take before the round goes on without what is missing."""

    submission: float
    verdict: float
    aggregation: float


@dataclass(frozen=True)
class Open:
    """Open this round."""

    round: int


@dataclass(frozen=True)
class CloseSubmissions:
    """Freeze the candidates."""

    round: int
    reason: str


@dataclass(frozen=True)
class Conclude:
    """Have verdicts, the new model and the next round written in one transaction."""

    round: int


@dataclass(frozen=True)
class CloseVerdicts:
    """Fix the accepted set."""

    round: int
    reason: str


@dataclass(frozen=True)
class CloseRound:
    """Make the attested model the next one."""

    round: int
    reason: str


@dataclass(frozen=True)
class Abort:
    """End a round that cannot go on; the model stays."""

    round: int
    reason: str


@dataclass(frozen=True)
class Wait:
    """Nothing is due for ``seconds``, unless something happens on the ledger."""

    seconds: float


@dataclass(frozen=True)
class Leave:
    """The task's last round ended."""


ALL_SUBMITTED = "all submitted"
Action = Open | CloseSubmissions | Conclude | CloseVerdicts | CloseRound | Abort | Wait | Leave


def next_action(
    task: Task, status: RoundStatus | None, waited: float, deadlines: Deadlines, *, given_up: bool = False
) -> Action:
    """Derive the coordinator's next action.

    Parameters
    ----------
    status
        The latest round's, None before the first one.
    waited
        Seconds since the round was first seen in its state.
    given_up
        Whether the round cannot be concluded in one transaction: its verifiers differ, or are not ready in time.
    """
    if status is None or status.round is None:
        return Open(1)
    round_ = status.round
    if ended(round_):
        return Leave() if round_.round >= task.rounds else Open(round_.round + 1)
    if round_.state == "open":
        action = _submissions(task, round_, status, waited, deadlines.submission)
        complete = isinstance(action, CloseSubmissions) and action.reason == ALL_SUBMITTED
        return Conclude(round_.round) if complete and task.encrypted is None and not given_up else action
    if round_.state == "verifying":
        action = _verdicts(task, round_, status, waited, deadlines.verdict)
        untouched = isinstance(action, Wait) and not status.verdicts and not status.attestations
        return Conclude(round_.round) if untouched and task.encrypted is None and not given_up else action
    return _aggregation(task, round_, status, waited, deadlines.aggregation)


def _submissions(task: Task, round_: Round, status: RoundStatus, waited: float, deadline: float) -> Action:
    awaited = task.taking_part(round_.round)
    missing = [hospital for hospital in awaited if hospital not in status.updates]
    if not missing:
        return CloseSubmissions(round_.round, ALL_SUBMITTED)
    if waited < deadline:
        return Wait(deadline - waited)
    if not status.updates:
        what = "root update" if task.has_root and status.root is None else "update"
        return Abort(round_.round, f"no {what} within {deadline:g} s")
    return CloseSubmissions(round_.round, f"{len(missing)} of {len(awaited)} hospitals missing after {deadline:g} s")


def _verdicts(task: Task, round_: Round, status: RoundStatus, waited: float, deadline: float) -> Action:
    pending = [hospital for hospital in round_.candidates if hospital not in status.verdicts]
    if not pending:
        return CloseVerdicts(round_.round, "")
    if all(set(task.attesters(hospital)) <= set(status.attestations.get(hospital, ())) for hospital in pending):
        return CloseVerdicts(round_.round, f"verifiers differ on {len(pending)} updates")
    if waited < deadline:
        return Wait(deadline - waited)
    return CloseVerdicts(round_.round, f"no verdict on {len(pending)} updates within {deadline:g} s")


def _aggregation(task: Task, round_: Round, status: RoundStatus, waited: float, deadline: float) -> Action:
    agreed = status.result(task)
    # A model that the round does not take is not stored: the round keeps the base.
    if agreed is not None and (agreed.keeps_base or len(status.stored_chunks) == status.chunks):
        return CloseRound(round_.round, "")
    if agreed is None and {*nodes(task)} <= status.aggregates.keys():
        statements = ", ".join(f"{a.verifier} {a.mismatch or a.model[:12]}" for a in status.aggregates.values())
        return Abort(round_.round, f"no majority of equal models: {statements}")
    if waited < deadline:
        return Wait(deadline - waited)
    return Abort(round_.round, _overdue(task, status, deadline))


def _overdue(task: Task, status: RoundStatus, deadline: float) -> str:
    """Report what a round waited for in vain."""
    if task.encrypted is not None and status.masks is None:
        return f"{task.encrypted.dealer} attested no masks within {deadline:g} s"
    missing = [node for node in nodes(task) if node not in status.aggregates]
    silent = f" ({', '.join(missing)} attested none)" if missing else ""
    return f"no majority of equal stored models within {deadline:g} s{silent}"
