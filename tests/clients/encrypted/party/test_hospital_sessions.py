# SPDX-License-Identifier: Apache-2.0
"""P0 where hospitals verify their own updates: those that stall hold no place that others need."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from medquorum.clients.encrypted.party.agent import Party, PartyParts
from medquorum.clients.encrypted.party.hospital_sessions import AT_ONCE, ConfirmedShares, HospitalSessions
from medquorum.clients.runtime.reconcile import LoopControl, interrupted
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.errors import ConfigError, ContractError, DataError, ProtocolError, RangeError
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.ledger.consortium_ledger import HOSPITALS

STATUS: Any = SimpleNamespace(round=SimpleNamespace(round=1))
STALLING = ["Stalling1MSP", "Stalling2MSP"]
assert len(STALLING) == AT_ONCE


class FakeConnection:
    """A hospital's line that knows only whether it was hung up."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def hang_up(self) -> None:
        self.ended.set()

    close = hang_up


class Rig:
    """P0 with two hospitals that stall and one that does not."""

    def __init__(self, *, shares_come: bool, longest: float) -> None:
        self.end = threading.Event()
        self.verified: list[str] = []
        self.shares_come = shares_come
        nothing: Any = None
        this: Any = self
        self.sessions = HospitalSessions(
            "demo", lambda *_: FakeConnection(), this, this, nothing, LoopControl(), longest=longest
        )

    def wait(self, status: Any, hospital: str, seconds: float) -> None:
        if not self.shares_come and hospital in STALLING:
            self.end.wait(20)

    def verify(self, connection: FakeConnection, status: Any, hospital: str, timeout: float) -> dict[str, Any]:
        if hospital in STALLING:
            connection.ended.wait(20)
            raise ProtocolError("the other party has stopped")
        self.verified.append(hospital)
        return {}


@pytest.mark.parametrize(("shares_come", "longest"), [(False, 20.0), (True, 0.2)], ids=["no share", "slow answers"])
def test_hospitals_that_stall_hold_up_nobody(shares_come: bool, longest: float) -> None:
    rig = Rig(shares_come=shares_come, longest=longest)
    rig.sessions.serve(STATUS, 1, STALLING, lambda: 20.0)
    rig.sessions.serve(STATUS, 1, HOSPITALS[:1], lambda: 20.0)
    await_true(lambda: rig.verified == HOSPITALS[:1], 10, "the hospital that answers is not verified")
    rig.end.set()
    rig.sessions.close()


def test_both_shares_have_one_deadline() -> None:
    """The first comes late, so that the adding organisation is asked only once more."""
    asked: list[str] = []
    pauses: list[float] = []

    class Late:
        def wait(self, status: Any, hospital: str, seconds: float) -> str:
            threading.Event().wait(seconds)
            return "share"

    def confirmed(number: int, hospital: str) -> bool:
        asked.append(hospital)
        return False

    class Noting(LoopControl):
        def pause(self, seconds: float) -> None:
            pauses.append(seconds)

    shares: Any = Late()
    assert ConfirmedShares(shares, confirmed, Noting()).wait(STATUS, HOSPITALS[0], 0.1) is None
    assert (len(asked), pauses) == (1, [])


FAULTS = [ValueError("Exceeds the limit"), KeyError("x"), ProtocolError("wrong"), ContractError("BAD", "no")]
OWN = [DataError("no room"), ConfigError("no such option"), RangeError("a value lies outside")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_what_one_hospital_brings_about_ends_its_attempt_and_no_more(fault: Exception) -> None:
    rig = Rig(shares_come=True, longest=20.0)
    verify, tries = rig.verify, []

    def failing(connection: FakeConnection, status: Any, hospital: str, timeout: float) -> dict[str, Any]:
        if hospital in STALLING:
            tries.append(hospital)
            raise fault
        return verify(connection, status, hospital, timeout)

    rig.verify = failing  # type: ignore[method-assign]

    def served() -> bool:
        rig.sessions.serve(STATUS, 1, [STALLING[0], HOSPITALS[0]], lambda: 20.0)
        return len(tries) > 2 and HOSPITALS[0] in rig.verified

    rig.sessions._attest = lambda current: None  # type: ignore[method-assign]
    await_true(served, 10, "the failing hospital is served again, the other one is verified")
    rig.sessions.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_what_the_other_party_brings_about_ends_the_meeting_and_no_more(fault: Exception) -> None:
    def connection(name: str) -> Any:
        raise fault

    nothing: Any = None
    task: Any = SimpleNamespace(task="demo")
    run = TaskRun(nothing, nothing, task, nothing, nothing, LoopControl())
    agent = Party(run, 0, connection, PartyParts(nothing, nothing, nothing, nothing), share_timeout=0)
    assert agent._meet(1) > 0


@pytest.mark.parametrize("fault", OWN, ids=lambda fault: type(fault).__name__)
def test_a_fault_of_the_own_side_is_not_tried_again_for_ever(fault: Exception) -> None:
    rig = Rig(shares_come=True, longest=20.0)

    def failing(*_: object) -> dict[str, Any]:
        raise fault

    rig.verify = failing  # type: ignore[method-assign]
    rig.sessions._attest = lambda current: None  # type: ignore[method-assign]

    def served() -> bool:
        rig.sessions.serve(STATUS, 1, HOSPITALS[:1], lambda: 20.0)
        return False

    with pytest.raises(type(fault)):
        await_true(served, 10, "the own fault is raised")
    with pytest.raises(type(fault)):
        interrupted(fault)
