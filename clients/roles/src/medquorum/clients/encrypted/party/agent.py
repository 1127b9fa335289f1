# SPDX-License-Identifier: Apache-2.0
"""A party in an encrypted task: verifies every candidate with the other party, then re-shares the accepted ones' sum.

P1 leads: it opens a connection to P0 for a round and says what is next; P0 does the same on its side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from medquorum.clients.encrypted.aggregation.new_model import ModelPublisher
from medquorum.clients.encrypted.aggregation.resharing import Resharer
from medquorum.clients.encrypted.party.control_messages import Next, receive_json, send_json
from medquorum.clients.encrypted.party.hospital_sessions import HospitalSessions
from medquorum.clients.encrypted.verification.attestation import AGREEMENT_TIMEOUT, Attestor
from medquorum.clients.encrypted.verification.direction_round import verify_direction
from medquorum.clients.encrypted.verification.share_store import ShareStore
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.encrypted.verification.whole_round import verify_round
from medquorum.clients.ledger.round_status import RoundStatus, ended
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL, interrupted
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core.documents.round import Round
from medquorum.core.rules import Direction, parse_rule
from medquorum.errors import DataError, ProtocolError, ShareError
from medquorum.verifier.service.party_connection import PartyConnection

__all__ = ["Party", "PartyParts", "Roots"]

PARALLEL = 8
RETRY_DELAY = 0.5
"""Seconds after which an interrupted verification is tried again."""
PEER_LAG_TIMEOUT = 10.0
"""Seconds the own peer may lag behind the other party's."""
POLL_INTERVAL = 0.25
"""Seconds between two looks at the own peer while it lags."""


@dataclass(frozen=True)
class PartyParts:
    """What a party works with: the shares it was given, verification, and what follows from the accepted ones."""

    shares: ShareStore
    verification: Verification
    resharer: Resharer
    publisher: ModelPublisher


class Roots(Protocol):
    """P0's root updates of a task whose rule has them."""

    def submit(self, round_: Round) -> None:
        """Bind a round's root update; one that is there already stays."""
        ...

    def deliver(self, status: RoundStatus) -> None:
        """Leave a round's masked root update with the party's shares; ShareError or DataError where it is lost."""
        ...


class Party:
    """One party's part in one task; ``step`` is idempotent and may be cut off anywhere.

    Parameters
    ----------
    index
        0 for the party with the images, 1 for the witness.
    sessions
        At P0, where each hospital is P1 of its own update; the witness then has only the sum to make.
    connect
        Returns a connection of this name to the other party; ProtocolError when there is none within some seconds.
    share_timeout
        Seconds after the submissions' close that a share may still take to come.
    roots
        At P0, makes the round's root update where the rule has one.
    missing
        At P0, why it does not have the task's images: told in every round, none of which accepts anything.
    """

    def __init__(
        self,
        run: TaskRun,
        index: int,
        connect: Callable[[str], PartyConnection],
        parts: PartyParts,
        *,
        share_timeout: float,
        missing: DataError | None = None,
        sessions: HospitalSessions | None = None,
        roots: Roots | None = None,
    ) -> None:
        self._ledger = run.ledger
        self._task = run.task
        self._index = index
        self._connect = connect
        self._shares = parts.shares
        self._verification = parts.verification
        self._resharer = parts.resharer
        self._publisher = parts.publisher
        self._attestor = Attestor(run.ledger, run.transactions, run.task, run.report, run.control)
        self._report = run.report
        self._control = run.control
        self._sessions = sessions
        self._roots = roots
        self._share_timeout = share_timeout
        self._missing = missing
        self._seen: tuple[int, str, float] = (0, "", 0.0)

    def step(self) -> float | None:
        """Do what is due now; return the seconds to the next look, None when the task ended."""
        status = self._ledger.current_status(self._task.task)
        if status is None or status.round is None:
            return RESYNC_INTERVAL
        round_ = status.round
        self._remember(round_)
        if ended(round_):
            if round_.round >= self._task.rounds:
                self._report.event("finished", task=self._task.task)
                return None
            return RESYNC_INTERVAL
        if self._roots is not None and round_.state == "open" and status.root is None:
            return self._control.unless_stopped(lambda: self._submit_root(round_))
        if self._sessions is not None and round_.state == "verifying":
            self._sessions.serve(status, round_.round, self._due(status, round_), self._time_left)
            return RESYNC_INTERVAL
        if self._something_to_compute(status, round_):
            return self._control.unless_stopped(lambda: self._meet(round_.round))
        if round_.state != "aggregating":
            return RESYNC_INTERVAL
        return self._publisher.store(self._ledger.task(self._task.task), status, self._index, self._waited())

    def _remember(self, round_: Round) -> None:
        """Note a new state of the rounds; at every look remove what was kept of those that ended, late writes too."""
        if self._seen[:2] != (round_.round, round_.state):
            self._seen = (round_.round, round_.state, time.monotonic())
            structlog.contextvars.bind_contextvars(round=round_.round)
            if self._missing is not None and round_.state == "verifying":
                cause, remedy = self._missing.cause, self._missing.remedy
                self._report.event("dataset_missing", round=round_.round, cause=cause, remedy=remedy)
            if self._sessions is not None:
                self._sessions.close()
        before = round_.round + 1 if ended(round_) else round_.round
        self._shares.prune(before)
        self._verification.prune(before)

    def _submit_root(self, round_: Round) -> float:
        if self._roots is not None:
            try:
                self._roots.submit(round_)
            except ProtocolError as error:  # the dealer is not there, or its peer lags behind
                structlog.get_logger().warning("no_mask", cause=str(error))
                return RETRY_DELAY
        return 0

    def _waited(self) -> float:
        return time.monotonic() - self._seen[2]

    def _something_to_compute(self, status: RoundStatus, round_: Round) -> bool:
        """Return whether the other party is needed: P0 serves as long as P1 may ask."""
        if round_.state == "verifying":
            return not settings_of(self._task).semi_honest and bool(self._due(status, round_))
        return self._resharer.due(status)

    def _due(self, status: RoundStatus, round_: Round) -> list[str]:
        """Return the candidates to verify, those first whose share has come: one that never comes holds nobody up.

        Where both have attested, they differ, and nothing is left to do. Where P1 alone has, P0 may have lost its
        result: after a while P1 leads that verification again.
        """
        parties = 1 if self._index == 1 and self._waited() < AGREEMENT_TIMEOUT else 2
        own = self._ledger.msp
        due: list[str] = []
        for hospital in round_.candidates:
            attested = status.attestations.get(hospital, {})
            done = own in attested and len(attested) >= parties
            if hospital not in status.verdicts and not done:
                due.append(hospital)
        return sorted(due, key=lambda hospital: (not self._shares.holds(round_.round, hospital), hospital))

    def _meet(self, round_number: int) -> float:
        """Work with the other party for as long as it goes well."""
        self._control.check()
        try:
            with closing(self._connect(f"{self._task.task}/{round_number}")) as connection:
                if self._index == 1:
                    self._lead(connection, round_number)
                else:
                    self._follow(connection, round_number)
        except Exception as error:
            interrupted(error)
            return RETRY_DELAY
        return 0

    def _lead(self, connection: PartyConnection, round_number: int) -> None:
        """P1: say what is next until nothing is left."""
        status = self._ledger.status(self._task.task, round_number)
        if status.round is None:
            return
        if status.round.state == "aggregating":
            send_json(connection, Next(do="sum"))
            self._resharer.share(connection, status)
            return
        first = settings_of(self._task).parties[0]
        if self._task.judges_rounds:
            due = self._due(status, status.round)
            hospitals = [*due, *(hospital for hospital in status.round.candidates if hospital not in due)]
            send_json(connection, Next(do="round", hospitals=tuple(hospitals)))
            whole = self._verify_round(connection, status, hospitals)
            self._attestor.await_first(round_number, first, dict.fromkeys(hospitals, whole))
            self._attestor.attest_round(round_number, whole)
            return
        results: dict[str, Mapping[str, Any]] = {}
        for hospital in self._due(status, status.round):
            self._control.check()
            send_json(connection, Next(do="verify", hospitals=(hospital,)))
            results[hospital] = self._verification.verify(connection, status, hospital, self._time_left())
        send_json(connection, Next(do="rest"))
        self._attestor.await_first(round_number, first, results)
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda item: self._attestor.attest(round_number, *item), results.items()))

    def _follow(self, connection: PartyConnection, round_number: int) -> None:
        """P0: do what P1 says; attest while the next update is verified."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            attestations: list[Future[None]] = []
            while (request := receive_json(connection)).do != "rest":
                self._control.check()
                status = self._status_in(round_number, "aggregating" if request.do == "sum" else "verifying")
                if request.do == "sum":
                    self._resharer.share(connection, status)
                    break
                if request.do == "round":
                    self._attestor.attest_round(
                        round_number, self._verify_round(connection, status, list(request.hospitals))
                    )
                    break
                (hospital,) = request.hospitals
                result = self._verification.verify(connection, status, hospital, self._time_left())
                attestations.append(pool.submit(self._attestor.attest, round_number, hospital, result))
            for attested in attestations:
                attested.result()

    def _verify_round(self, connection: PartyConnection, status: RoundStatus, hospitals: list[str]) -> dict[str, Any]:
        if status.round is None or sorted(hospitals) != status.round.candidates:
            raise ProtocolError("the other party names other candidates", "Compare both peers' ledger heights")
        rule = parse_rule(self._task.rule)
        if isinstance(rule, Direction):
            if self._roots is not None:
                self._deliver_root(self._roots, status)
            return verify_direction(
                self._verification, self._task, rule, connection, status, hospitals, self._time_left
            )
        return verify_round(self._verification, self._task, connection, status, hospitals, self._time_left)

    @staticmethod
    def _deliver_root(roots: Roots, status: RoundStatus) -> None:
        """Leave the root update with the shares; where it is lost for good, both parties attest DISPUTED."""
        try:
            roots.deliver(status)
        except (ShareError, DataError) as error:
            structlog.get_logger().error("root_lost", cause=error.cause, remedy=error.remedy)

    def _time_left(self) -> float:
        return self._share_timeout - self._waited()

    def _status_in(self, round_number: int, state: str) -> RoundStatus:
        """Read the round once the own peer has it in the state the other party sees."""
        give_up = time.monotonic() + PEER_LAG_TIMEOUT
        while True:
            status = self._ledger.status(self._task.task, round_number)
            if status.round is not None and status.round.state == state:
                self._remember(status.round)
                return status
            if time.monotonic() > give_up:
                state_here = "not there" if status.round is None else status.round.state
                raise ProtocolError(
                    f"round {round_number} is {state_here}, the other party says {state}", "Compare both peers"
                )
            self._control.sleep(POLL_INTERVAL)
