# SPDX-License-Identifier: Apache-2.0
"""Verify now: the auditor's checks of a verdict or a round, one at a time, in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from medquorum.clients.auditor.api import AuditorConnection, Proven
from medquorum.clients.proof.basis import Proof
from medquorum.clients.proof.evidence import Evidence
from medquorum.errors import CheckFailed, MedquorumError
from medquorum.gateway import FabricError

__all__ = ["Check", "Subject", "Verification"]

REMEMBERED = 1000
"""Verdicts and rounds whose last check is kept."""


class Subject(NamedTuple):
    """What is checked: the verdict on a hospital (MSP id), or without one all of a round."""

    task: str
    round: int
    hospital: str | None = None

    @property
    def query(self) -> dict[str, str | int]:
        """What an address says of it."""
        return {name: value for name, value in self._asdict().items() if value is not None}


@dataclass(frozen=True)
class Check:
    """A check: it runs (``seconds`` is None), has passed with its evidence, or says why it has not.

    Attributes
    ----------
    failed
        What does not hold: ``block``, ``signature``, a kind of document; empty where the check could not be made.
    """

    seconds: float | None = None
    genesis: str = ""
    evidence: Sequence[Evidence] = ()
    reason: str = ""
    remedy: str = ""
    failed: str = ""

    @property
    def state(self) -> str:
        """``running``, ``passed``, ``failed`` (the ledger is not what it promises) or ``not made``."""
        if self.seconds is None:
            return "running"
        if not self.reason:
            return "passed"
        return "failed" if self.failed else "not made"


class Verification:
    """Checks verdicts and rounds on request; a second request waits for nobody, it is refused.

    ``changed`` is called when a check has ended.
    """

    def __init__(self, auditor: AuditorConnection, proof: Proof, changed: Callable[[], None]) -> None:
        self._auditor = auditor
        self._proof = proof
        self._changed = changed
        self._busy = threading.Lock()
        self._checks: dict[Subject, Check] = {}

    def last(self, subject: Subject) -> Check | None:
        """Return a subject's last check, None where there was none."""
        return self._checks.get(subject)

    def start(self, subject: Subject) -> bool:
        """Start a check; return False where another one runs."""
        if not self._busy.acquire(blocking=False):
            return False
        while len(self._checks) >= REMEMBERED:
            del self._checks[next(iter(self._checks))]
        self._checks.pop(subject, None)  # its new check is the latest one
        self._checks[subject] = Check()
        threading.Thread(target=self._run, args=(subject,), name="verify", daemon=True).start()
        return True

    def _run(self, subject: Subject) -> None:
        try:
            self._checks[subject] = self._made(subject)
        finally:
            self._busy.release()
            self._changed()

    def _made(self, subject: Subject) -> Check:
        started = time.monotonic()
        try:
            proven = self._proven(subject)
        except (MedquorumError, FabricError) as error:
            failed = (error.check or "document") if isinstance(error, CheckFailed) else ""
            return Check(_since(started), reason=error.cause, remedy=error.remedy, failed=failed)
        except Exception as error:  # a fault of ours must not leave the check running for ever
            return Check(_since(started), reason=f"{type(error).__name__}: {error}")
        return Check(_since(started), proven.genesis, proven.evidence)

    def _proven(self, subject: Subject) -> Proven:
        task, round_number, hospital = subject
        if hospital is None:
            return self._auditor.verify(task, round_number, self._proof)
        return self._auditor.verify_verdict(task, round_number, hospital, self._proof)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
