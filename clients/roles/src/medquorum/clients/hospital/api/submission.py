# SPDX-License-Identifier: Apache-2.0
"""One update of a hospital, from its submission to its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from medquorum.clients.hospital.api.waiting import take_steps
from medquorum.clients.hospital.assembly import make_hospital
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import EventReport
from medquorum.clients.runtime.session import Session
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core.documents.task import Task

__all__ = ["SubmittedUpdate", "Verdict", "submit"]


@dataclass(frozen=True)
class Verdict:
    """What became of an update.

    Attributes
    ----------
    reason
        Why it was refused; None where it was accepted. ``late``: the round closed before it was on the ledger.
    counts
        Right answers on the verifiers' images, where the task discloses them.
    """

    round: int
    accepted: bool
    reason: str | None
    counts: Mapping[str, Any] | None


class SubmittedUpdate:
    """An update that is on the ledger; ``wait`` brings its verdict."""

    def __init__(self, round_number: int, follow: Callable[[float | None], Verdict]) -> None:
        self.round = round_number
        self._follow = follow

    def wait(self, timeout: float | None = None) -> Verdict:
        """Wait for the verdict; in an encrypted task this also brings the update's shares to the parties.

        Raises
        ------
        TimeoutError
            There is none after ``timeout`` seconds. The update is where it was: wait again.
        """
        return self._follow(timeout)


def submit(
    connection: Connection, session: Session, task: Task, round_number: int, packed: bytes, timeout: float | None
) -> SubmittedUpdate:
    """Submit a packed update of an open round, or find the one again that this hospital has submitted.

    It is on the hospital's disk with its salts before anything of it leaves: an interrupted call may be repeated.

    Raises
    ------
    TimeoutError
        The ledger did not take it within ``timeout`` seconds.
    """
    verdicts: list[Verdict] = []

    def hear(event: Mapping[str, Any]) -> None:
        fields = {name: value for name, value in event.items() if name not in ("event", "role", "msp")}
        session.report.event(event["event"], **fields)
        if event.get("round") != round_number:
            return
        if event["event"] == "verdict":
            verdicts.append(Verdict(round_number, event["accepted"], event["reason"], event["counts"]))
        elif event["event"] == "late":
            verdicts.append(Verdict(round_number, False, "late", None))

    heard = replace(session, report=EventReport("hospital", session.msp, hear))
    control = LoopControl()
    step = make_hospital(connection, heard, task, control, _Given(round_number, packed)).step

    def on_ledger() -> float | None:
        if verdicts or session.msp in session.ledger.status(task.task, round_number).updates:
            return None
        seconds = step()
        return 0 if seconds is None else seconds

    def judged() -> float | None:
        seconds = 0 if verdicts else step()
        return None if verdicts else seconds or 0

    def follow(timeout: float | None) -> Verdict:
        take_steps(session, task, control, judged, timeout)
        return verdicts[0]

    take_steps(session, task, control, on_ledger, timeout)
    return SubmittedUpdate(round_number, follow)


class _Given:
    """The update that was handed in, for its round only."""

    def __init__(self, round_number: int, packed: bytes) -> None:
        self._round = round_number
        self._packed = packed

    def update(self, round_number: int, base: bytes, store: UpdateStore) -> bytes | None:
        """Return it in its round."""
        return self._packed if round_number == self._round else None

    def quality(self, packed: bytes) -> Mapping[str, Any]:
        """Return nothing: the caller measures."""
        return {}

    def oldest_needed(self, round_number: int) -> int:
        """Return the round before."""
        return round_number - 1
