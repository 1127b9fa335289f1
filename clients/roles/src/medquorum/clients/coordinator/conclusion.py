# SPDX-License-Identifier: Apache-2.0
"""The coordinator's ConcludeRound: sent until the verifiers are ready, given up where they differ or take too long."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions, differs
from medquorum.core.documents.aggregation.aggregate import required
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError
from medquorum.gateway import EndorseError

__all__ = ["Conclusion"]

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.05, 0.5, 1.25
"""Seconds between two attempts, and how they grow each time the verifiers are not ready: nothing else holds up a round,
and an attempt costs the first verifier that is not ready a read."""


class Conclusion:
    """The attempts to conclude one round after the other; only kept in memory, for a new process may try again.

    Parameters
    ----------
    delay
        Seconds the verifiers have to be ready and to be reached.
    """

    def __init__(
        self,
        ledger: Ledger,
        transactions: Transactions,
        delay: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._delay = delay
        self._clock = clock
        self._round = 0
        self._since = 0.0
        self._pause = FIRST_PAUSE
        self._given_up = False
        self._needed: int | None = None

    def since(self, round_number: int) -> float | None:
        """Return when the first attempt on a round was due, None before."""
        return self._since if round_number == self._round else None

    def given_up(self, round_number: int) -> bool:
        """Return whether a round is left to the transactions for each verdict, so that dissent is on the ledger."""
        return round_number == self._round and self._given_up

    def attempt(self, task: Task, round_number: int) -> float | None:
        """Send ConcludeRound; return the seconds to the next attempt, None where the round is concluded.

        Raises
        ------
        ContractError, EndorseError, CommitError, CommitStatusError
            The ledger moved on, or the verifiers cannot be reached yet.
        """
        if round_number != self._round:
            self._round, self._since, self._pause, self._given_up = round_number, self._clock(), FIRST_PAUSE, False
            self._needed = None
            return FIRST_PAUSE  # what arrived last is still evaluated
        needed = self._needed or required(task, self._ledger.consortium().quorum)
        self._needed = None  # what fails may do so because it has changed
        self._given_up = needed > len(task.verifiers)
        if self._given_up:
            return 0
        try:
            self._transactions.endorsed_by(needed).submit("ConcludeRound", task.task, round_number)
        except ContractError as error:
            if error.code != "NOT_READY":
                raise
        except EndorseError as error:
            if not differs(error) and not self._overdue:
                raise
            structlog.get_logger().warning("not_concluded", cause=str(error))
            self._given_up = True
            return 0
        else:
            return None
        self._needed, self._given_up = needed, self._overdue
        self._pause = min(GROWTH * self._pause, LONGEST_PAUSE)
        return 0 if self._given_up else self._pause

    @property
    def _overdue(self) -> bool:
        return self._clock() - self._since >= self._delay
