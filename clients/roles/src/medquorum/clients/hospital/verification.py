# SPDX-License-Identifier: Apache-2.0
"""A hospital as party P1 of its own update's verification (placement of [SMV]): it dials P0, both attest the result.

It is trusted to keep to the protocol: whatever it adds to its messages shifts the verdict
(docs/explanation/threat-model.md).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from medquorum.clients.encrypted.party.hospital_sessions import connection_name
from medquorum.clients.encrypted.verification.attestation import Attestor
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.hospital.share_uploader import ShareUploader
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL, LoopControl, interrupted
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.service.party_connection import PartyConnection
from medquorum.verifier.session.spec import Forwarding

__all__ = ["OwnShare", "OwnVerification"]

RETRY_DELAY = 0.5
"""Seconds after which an interrupted verification is tried again."""


class OwnShare:
    """The second share of each of the own updates: what the adding organisation got too."""

    def __init__(self, sender: ShareUploader, store: UpdateStore) -> None:
        self._sender = sender
        self._store = store

    def forwarding(self, status: RoundStatus, hospital: str) -> Forwarding | None:
        """Return None: each party has a share of its own."""
        return None

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> IntArray | None:
        """Return the share (parameters,); None when the update is not on this disk any more."""
        update = None if status.round is None else self._store.load(status.round.round)
        return None if status.round is None or update is None else self._sender.second_share(status.round.round, update)


class OwnVerification:
    """Verifies one hospital's updates of one task with P0."""

    def __init__(
        self,
        task: Task,
        msp: str,
        connect: Callable[[str], PartyConnection],
        verification: Verification,
        attestor: Attestor,
        control: LoopControl,
    ) -> None:
        self._task = task
        self._msp = msp
        self._connect = connect
        self._verification = verification
        self._attestor = attestor
        self._control = control

    def step(self, status: RoundStatus, round_number: int) -> float:
        """Verify the round's update with P0 while there is no verdict; return the seconds to the next look."""
        self._verification.prune(round_number)
        if status.round is None or status.round.state != "verifying" or self._msp in status.verdicts:
            return RESYNC_INTERVAL
        attested = status.attestations.get(self._msp, {})
        if len(attested) == len(self._task.attesters(self._msp)):
            return RESYNC_INTERVAL  # both have attested, and differ
        try:
            self._control.unless_stopped(lambda: self._verify(status, round_number))
        except Exception as error:
            interrupted(error)
            return RETRY_DELAY
        return 0

    def _verify(self, status: RoundStatus, round_number: int) -> None:
        with closing(self._connect(connection_name(self._task.task, round_number, self._msp))) as connection:
            result = self._verification.verify(connection, status, self._msp, 0)
        first = settings_of(self._task).parties[0]
        self._attestor.await_first(round_number, first, {self._msp: result})
        self._attestor.attest(round_number, self._msp, result)
