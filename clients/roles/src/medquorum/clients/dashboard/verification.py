# SPDX-License-Identifier: Apache-2.0
"""Verify now: the auditor's checks of a round, one at a time, in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medquorum.clients.auditor.api import AuditorConnection
from medquorum.clients.proof.basis import Proof
from medquorum.clients.proof.evidence import Evidence
from medquorum.errors import CheckFailed, MedquorumError
from medquorum.gateway import FabricError

__all__ = ["Check", "Verification"]

REMEMBERED = 100
"""Rounds whose last check is kept."""


@dataclass(frozen=True)
class Check:
    """A round's check: it runs (``seconds`` is None), has passed with its evidence, or says why it has not.

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
    """Checks rounds on request; a second request waits for nobody, it is refused.

    ``changed`` is called when a check has ended.
    """

    def __init__(self, auditor: AuditorConnection, proof: Proof, changed: Callable[[], None]) -> None:
        self._auditor = auditor
        self._proof = proof
        self._changed = changed
        self._busy = threading.Lock()
        self._checks: dict[tuple[str, int], Check] = {}

    def last(self, task: str, round_number: int) -> Check | None:
        """Return a round's last check, None where there was none."""
        return self._checks.get((task, round_number))

    def start(self, task: str, round_number: int) -> bool:
        """Start a round's check; return False where another one runs."""
        if not self._busy.acquire(blocking=False):
            return False
        while len(self._checks) >= REMEMBERED:
            del self._checks[next(iter(self._checks))]
        self._checks[task, round_number] = Check()
        threading.Thread(target=self._run, args=(task, round_number), name="verify", daemon=True).start()
        return True

    def _run(self, task: str, round_number: int) -> None:
        try:
            self._checks[task, round_number] = self._made(task, round_number)
        finally:
            self._busy.release()
            self._changed()

    def _made(self, task: str, round_number: int) -> Check:
        started = time.monotonic()
        try:
            proven = self._auditor.verify(task, round_number, self._proof)
        except (MedquorumError, FabricError) as error:
            failed = (error.check or "document") if isinstance(error, CheckFailed) else ""
            return Check(_since(started), reason=error.cause, remedy=error.remedy, failed=failed)
        except Exception as error:  # a fault of ours must not leave the check running for ever
            return Check(_since(started), reason=f"{type(error).__name__}: {error}")
        return Check(_since(started), proven.genesis, proven.evidence)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
