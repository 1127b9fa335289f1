# SPDX-License-Identifier: Apache-2.0
"""A hospital that is party P1 of its own update, played by a test: what it brings, and what it says, are the test's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from medquorum.clients.encrypted.verification.attestation import Attestor
from medquorum.clients.encrypted.verification.dealer_material import TaskDealer
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.hospital.verification import OwnVerification
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core.documents.verdict import Verdict
from medquorum.core.fixedpoint import IntArray
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.binding.commitment import SALT_BYTES
from medquorum.verifier.service.party_connection import PartyConnection, connect_party
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.handmade_shares import HandmadeShares, credentials_of

__all__ = ["PlayedHospital", "connection_to_p0"]


def connection_to_p0(fed: Federation, sender: str, name: str, timeout: float = 5) -> PartyConnection:
    """Open a line of this name to P0 with an organisation's certificate."""
    assert fed.task.encrypted is not None
    first = fed.task.encrypted.parties[0]
    return connect_party(credentials_of(fed, sender), fed.task.encrypted.services[first], first, name, timeout)


class PlayedHospital:
    """One hospital's part in one round's verification; its share is what it gave, or committed to give, the witness."""

    def __init__(self, fed: Federation, hospital: str, number: int, update: IntArray, folder: Path) -> None:
        self.given = HandmadeShares(fed, hospital, number, update)
        self._fed = fed
        self._hospital = hospital
        self._number = number
        ledger, transactions = fed.ledger(hospital), fed.transactions(hospital)
        quiet = Report("hospital", fed.msp(hospital), as_json=True, stream=io.StringIO())
        control = LoopControl()
        run = TaskRun(ledger, transactions, fed.task, folder, quiet, control)
        verification = Verification(run, 1, TaskDealer(fed.task, credentials_of(fed, hospital), 1), self, None)
        self._own = OwnVerification(
            fed.task,
            fed.msp(hospital),
            lambda name: connection_to_p0(fed, hospital, name),
            verification,
            Attestor(ledger, transactions, fed.task, quiet, control),
            control,
        )

    def forwarding(self, status: RoundStatus, hospital: str) -> None:
        """Return None: each party has a share of its own."""

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> IntArray:
        """Return its share (parameters,)."""
        return np.frombuffer(self.given.values[1][SALT_BYTES:], dtype="<i8").astype(np.int64)

    def verify(self) -> Verdict:
        """Verify until there is a verdict."""

        def decided() -> bool:
            status = self._fed.status(self._number, self._hospital)
            self._own.step(status, self._number)
            return self._fed.msp(self._hospital) in status.verdicts

        await_true(decided, 60, "no verdict")
        return self._fed.status(self._number).verdicts[self._fed.msp(self._hospital)]
