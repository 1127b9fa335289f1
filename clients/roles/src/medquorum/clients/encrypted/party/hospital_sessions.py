# SPDX-License-Identifier: Apache-2.0
"""P0 where each hospital is party P1 of its own update (placement of [SMV]): as many verifications as hospitals dial.

Each hospital has a thread of its own: one that stops, or never comes, holds nobody up but itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import structlog

from medquorum.clients.encrypted.verification.attestation import Attestor
from medquorum.clients.encrypted.verification.share_store import Shares, ShareStore
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.runtime.reconcile import OWN_FAULTS, LoopControl, Stopped, interrupted
from medquorum.errors import MedquorumError
from medquorum.gateway import CommitError, GatewayError
from medquorum.verifier.model.parameters import Held
from medquorum.verifier.service.party_connection import PartyConnection
from medquorum.verifier.session.spec import Forwarding

__all__ = ["ConfirmedShares", "HospitalSessions", "connection_name"]

AT_ONCE = 2
"""Verifications that compute at the same time: one party's work fills the other's waiting."""
PARALLEL = 8
"""Attestations on their way at the same time."""
JOIN_TIMEOUT = 10.0
"""Seconds the threads of an ended round get to end once their connections are broken."""
LONGEST = 900.0
"""Seconds for which one attempt may compute; a slower one goes on from its last finished batch, behind who waits."""
POLL_INTERVAL = 0.5
"""Seconds between two questions whether the other share has come."""


def connection_name(task: str, round_number: int, hospital: str) -> str:
    """Name the connection that a hospital opens to P0 for its own update."""
    return f"{task}/{round_number}/{hospital}"


class ConfirmedShares:
    """P0's shares of updates whose other share the adding organisation holds as well.

    Else a hospital that uploads nothing to the adding organisation would be accepted, and then stop the sum.
    """

    def __init__(self, shares: ShareStore, confirmed: Callable[[int, str], bool], control: LoopControl) -> None:
        self._shares = shares
        self._confirmed = confirmed
        self._control = control

    def forwarding(self, status: RoundStatus, hospital: str) -> Forwarding | None:
        """Return how the parties give each other a masked update, None where each has a share of its own."""
        return self._shares.forwarding(status, hospital)

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> Held | None:
        """Return P0's share (parameters,), or None when not both have come within some seconds."""
        end = time.monotonic() + seconds
        share = self._shares.wait(status, hospital, seconds)
        if share is None or status.round is None:
            return None
        return (
            share
            if self._control.await_true(lambda: self._asked(status, hospital), end - time.monotonic(), POLL_INTERVAL)
            else None
        )

    def _asked(self, status: RoundStatus, hospital: str) -> bool:
        return status.round is not None and self._confirmed(status.round.round, hospital)


@dataclass
class _Serving:
    """One hospital's thread."""

    thread: threading.Thread = field(init=False)
    connection: PartyConnection | None = None
    over: threading.Event = field(default_factory=threading.Event)


class HospitalSessions:
    """P0's end of the verifications of one task.

    Parameters
    ----------
    connect
        Waits some seconds for the connection of this name from this hospital; ProtocolError when it does not come.
    shares
        Waited for before one of the places to compute is taken: a hospital that uploads nothing holds none.
    longest
        Seconds for which one attempt may compute.
    """

    def __init__(
        self,
        task: str,
        connect: Callable[[str, str], PartyConnection],
        shares: Shares,
        verification: Verification,
        attestor: Attestor,
        control: LoopControl,
        *,
        longest: float = LONGEST,
    ) -> None:
        self._task = task
        self._connect = connect
        self._shares = shares
        self._longest = longest
        self._verification = verification
        self._attestor = attestor
        self._control = control
        self._slots = threading.Semaphore(AT_ONCE)
        self._own_fault: MedquorumError | None = None
        self._serving: dict[str, _Serving] = {}
        self._results: SimpleQueue[tuple[int, str, Mapping[str, Any]]] = SimpleQueue()

    def serve(self, status: RoundStatus, round_number: int, due: Collection[str], timeout: Callable[[], float]) -> None:
        """Attest what was found, and verify with each of these hospitals once it connects; does not wait for it.

        Only the agent's own thread writes to the ledger: before each step it settles what is still in the air. What a
        thread fails with ends that hospital's attempt; a fault of the own side is raised here.
        """
        if self._own_fault is not None:
            raise self._own_fault
        self._attest(round_number)
        for hospital in due:
            known = self._serving.get(hospital)
            if known is None or not known.thread.is_alive():
                attempt = self._serving[hospital] = _Serving()
                arguments = (attempt, status, round_number, hospital, timeout)
                attempt.thread = threading.Thread(target=self._run, args=arguments, name=hospital, daemon=True)
                attempt.thread.start()

    def close(self) -> None:
        """Break off what is still being verified: the round has gone on, or the process ends."""
        for attempt in self._serving.values():
            attempt.over.set()
        for attempt in self._serving.values():
            if attempt.connection is not None:
                attempt.connection.hang_up()
                attempt.thread.join(JOIN_TIMEOUT)
        self._serving.clear()

    def _attest(self, round_number: int) -> None:
        results = [self._results.get() for _ in range(self._results.qsize())]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(
                pool.map(
                    lambda result: self._attestor.attest(*result),
                    (result for result in results if result[0] == round_number),
                )
            )

    def _run(
        self, attempt: _Serving, status: RoundStatus, round_number: int, hospital: str, timeout: Callable[[], float]
    ) -> None:
        try:
            with closing(
                self._connect(connection_name(self._task, round_number, hospital), hospital)
            ) as attempt.connection:
                self._shares.wait(status, hospital, timeout())
                with self._slots, _limited(attempt.connection, self._longest):
                    if attempt.over.is_set():
                        return
                    result = self._verification.verify(attempt.connection, status, hospital, 0)
            self._results.put((round_number, hospital, result))
        except (Stopped, GatewayError, CommitError) as error:
            structlog.get_logger().info(
                "verification_left_off", round=round_number, hospital=hospital, cause=str(error)
            )
        except OWN_FAULTS as error:
            self._own_fault = error
        except Exception as error:
            interrupted(error, round=round_number, hospital=hospital)
        finally:
            self._control.wake()


@contextmanager
def _limited(connection: PartyConnection, seconds: float) -> Iterator[None]:
    """Hang up when so many seconds have gone by, whatever the hospital answers."""
    timer = threading.Timer(seconds, connection.hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
