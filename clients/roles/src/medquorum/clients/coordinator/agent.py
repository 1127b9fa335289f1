# SPDX-License-Identifier: Apache-2.0
"""The coordinator in a task: moves rounds on as the next action says, from what the ledger holds alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import structlog

from medquorum.clients.coordinator import actions
from medquorum.clients.coordinator.actions import (
    Abort,
    Action,
    CloseRound,
    CloseSubmissions,
    CloseVerdicts,
    Conclude,
    Deadlines,
    Leave,
    Open,
    Wait,
)
from medquorum.clients.coordinator.conclusion import Conclusion
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus, ended, result_of
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.core.documents.round import ENDED, Round
from medquorum.core.documents.task import Task

__all__ = ["Coordinator"]

SUBMITTED = "UpdateSubmitted"
ATTEMPTED = 5.0
"""Seconds a conclusion is tried before the ledger is looked at again, where no event calls for that."""


class Coordinator:
    """Opens and ends the rounds of one task.

    Parameters
    ----------
    delay
        Seconds an action must have been due before it is done: 0 for the coordinator, more for its standby.
    clock
        Returns seconds that never run backwards.
    """

    def __init__(
        self,
        ledger: Ledger,
        transactions: Transactions,
        task: Task,
        deadlines: Deadlines,
        report: Report,
        conclusion: Conclusion,
        control: LoopControl,
        *,
        delay: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._task = task
        self._deadlines = deadlines
        self._report = report
        self._delay = delay
        self._clock = clock
        self._seen: tuple[int, str] = (0, "none")
        self._since = clock()
        self._due: tuple[Action, float] | None = None
        self._conclusion = conclusion
        self._control = control
        self._purged = 0
        self._awaited: tuple[str, ...] = ()
        self._kept: int | None = None
        """The last round this process concluded: its updates are kept until the next conclusion."""

    def step(self) -> float | None:
        """Do what is due now; return the seconds to the next look, None when the task ended."""
        self._control.skip(SUBMITTED, 0)
        status = self._ledger.current_status(self._task.task)
        if status is not None and status.round is not None and status.round.state in ("open", "aggregating"):
            self._task = self._ledger.task(self._task.task)  # hospitals may have joined or left, nodes been expelled
        waited = self._waited(status)
        if status is not None:
            self._report_awaited(status)
        given_up = self._conclusion.given_up(self._seen[0])
        action = actions.next_action(self._task, status, waited, self._deadlines, given_up=given_up)
        if isinstance(action, Conclude | Leave | Wait):
            self._purge(status)
        if isinstance(action, Leave):
            self._report.event("finished", task=self._task.task, model=self._model(status))
            return None
        if isinstance(action, Wait):
            self._skip_submissions(status)
            return action.seconds
        delay = self._remaining_delay(action)
        if delay > 0:
            return delay
        if isinstance(action, Conclude):
            return self._conclude(action.round)
        self._act(action)
        return 0

    def _skip_submissions(self, status: RoundStatus | None) -> None:
        """Sleep until the last update that is missing: nothing is due before."""
        if status is not None and status.round is not None and status.round.state == "open":
            missing = {*self._task.taking_part(status.round.round)} - status.updates.keys()
            self._control.skip(SUBMITTED, max(0, len(missing) - 1))

    def _conclude(self, round_number: int) -> float:
        """Try until something else has happened on the ledger, or for a while; return the seconds to the next look."""
        look = self._clock() + ATTEMPTED
        while pause := self._conclusion.attempt(self._task, round_number):
            if self._control.called_within(pause):
                return pause  # the call ends it at once
            if self._clock() >= look:
                return 0
        if pause is None:
            self._kept = round_number
        return 0

    def _act(self, action: Action) -> None:
        task = self._task.task
        match action:
            case Open(round_number):
                self._transactions.submit("OpenRound", task, round_number)
            case CloseSubmissions(round_number, reason):
                self._transactions.submit("CloseSubmissions", task, round_number, reason)
            case CloseVerdicts(round_number, reason):
                self._transactions.submit("CloseVerdicts", task, round_number, reason)
            case CloseRound(round_number, reason):
                self._transactions.submit("CloseRound", task, round_number, reason)
            case Abort(round_number, reason):
                self._transactions.submit("AbortRound", task, round_number, reason)

    def _purge(self, status: RoundStatus | None) -> None:
        """Have the last ended round's updates and superfluous models removed, when there is time for it.

        Doing so twice changes nothing. Of an encrypted task's updates the ledger holds nothing.
        """
        if self._delay > 0 or status is None or status.round is None:
            return
        round_number = status.round.round if ended(status.round) else status.round.round - 1
        if round_number <= self._purged:
            return
        if not self._task.keep_updates and self._task.encrypted is None:
            self._purge_updates(round_number)
        if self._task.keep_models:
            answer = json.loads(self._transactions.submit("PurgeModels", self._task.task))
            self._report.event("models_purged", round=round_number, models=answer["purged"])
        self._purged = round_number

    def _purge_updates(self, ended_round: int) -> None:
        """Purge what no conclusion will: it does so for the round before, and the task's last round has none after."""
        if self._kept == ended_round and ended_round < self._task.rounds:
            return
        for number in {ended_round} if self._kept == ended_round else {max(ended_round - 1, 1), ended_round}:
            self._transactions.submit("PurgeUpdates", self._task.task, number)

    def _waited(self, status: RoundStatus | None) -> float:
        """Return the seconds since the round was first seen in its state, and report when it has changed."""
        round_ = None if status is None else status.round
        now = self._clock()
        state = (0, "none") if round_ is None else (round_.round, round_.state)
        if state != self._seen:
            self._report_phases(now)
            if 0 < self._seen[0] < state[0] and self._seen[1] not in ENDED:
                self._report_concluded(self._seen[0])
            self._seen, self._since = state, now
            if status is not None and round_ is not None:
                structlog.contextvars.bind_contextvars(round=round_.round)
                self._report_state(status, round_)
        return now - self._since

    def _report_phases(self, now: float) -> None:
        """Report how long the round was in the state it has left, and how long its conclusion took."""
        number, state = self._seen
        if state == "none" or state in ENDED:
            return
        due = self._conclusion.since(number)
        end = now if due is None else min(max(due, self._since), now)
        for phase, seconds in ((f"round_{state}", end - self._since), ("conclusion", now - end)):
            if phase != "conclusion" or due is not None:
                self._report.event("phase", phase=phase, round=number, seconds=round(seconds, 4))

    def _report_awaited(self, status: RoundStatus) -> None:
        """Report whom the round's root update waits for, when that changes."""
        awaited = status.awaited_verifiers(self._task)
        if awaited and awaited != self._awaited:
            made = None if status.root is None else status.root.verifier
            self._report.event("root_awaited", round=self._seen[0], maker=made, verifiers=list(awaited))
        self._awaited = awaited

    def _report_concluded(self, round_number: int) -> None:
        """Report the end of a round whose conclusion has opened the next one already."""
        status = self._ledger.status(self._task.task, round_number)
        if status.round is not None:
            self._report_state(status, status.round)

    def _report_state(self, status: RoundStatus, round_: Round) -> None:
        fields = {"round": round_.round, "reason": round_.reason}
        if round_.state == "open":
            self._report.event("round_opened", **fields, base=round_.base)
        elif round_.state == "verifying":
            awaited = self._task.taking_part(round_.round)
            missing = [hospital for hospital in awaited if hospital not in round_.candidates]
            self._report.event("submissions_closed", **fields, candidates=round_.candidates, missing=missing)
        elif round_.state == "aggregating":
            fixed = {"accepted": round_.accepted, "refused": refused(status, round_), "weights": round_.weights}
            self._report.event("verdicts_closed", **fields, **fixed)
        elif ended(round_):
            told = [a.counts or (a.accuracy and a.accuracy.counts) for a in status.aggregates.values()]
            told += [] if status.conclusion is None else [status.conclusion.counts]
            counts = next((measured.model_dump() for measured in told if measured is not None), None)
            self._report.event(
                "round_closed" if round_.state == "closed" else "round_aborted",
                **fields,
                accepted=round_.accepted,
                refused=refused(status, round_),
                model=result_of(round_),
                counts=counts,
                images=self._task.dataset_size,
            )

    def _remaining_delay(self, action: Action) -> float:
        now = self._clock()
        if self._due is None or self._due[0] != action:
            self._due = (action, now)
        return self._due[1] + self._delay - now

    def _model(self, status: RoundStatus | None) -> str:
        return self._task.initial_model if status is None or status.round is None else result_of(status.round)


def refused(status: RoundStatus, round_: Round) -> dict[str, str]:
    """Report why each candidate that is not accepted is not: the verdict's reason, or what became of the update."""
    reasons: dict[str, str] = {}
    for hospital in round_.candidates:
        if hospital not in round_.accepted:
            verdict = status.verdicts.get(hospital)
            reason = None if verdict is None else verdict.reason
            reasons[hospital] = reason or str(round_.outcomes.get(hospital, round_.state))
    return reasons
