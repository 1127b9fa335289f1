# SPDX-License-Identifier: Apache-2.0
"""What hospitals handed this party, shares or masked updates, kept on its disk until their rounds have ended."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

import tenacity

from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus, ended
from medquorum.core.documents.root import ROOT, Root
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.files import write_durably
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ContractError, ProtocolError, ShareError
from medquorum.gateway import GatewayError
from medquorum.verifier.binding.commitment import ShareContext, open_share, share_bytes
from medquorum.verifier.binding.masked_update import masked_update_bytes, open_masked_update
from medquorum.verifier.model.parameters import Held, MaskedUpdate
from medquorum.verifier.service.refusal import outward
from medquorum.verifier.session.spec import Forwarding

__all__ = ["ShareStore", "Shares", "submitted", "update_context"]

LEDGER_LAG = 10.0
"""Seconds the own peer may take to commit the update a hospital has just seen committed."""
POLL_INTERVAL = 0.1
"""Seconds between two looks at the ledger for the hospital's update."""


class Shares(Protocol):
    """What a party was handed of updates."""

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> Held | None:
        """Return the share (parameters,) or the masked update, or None when none has come within some seconds."""
        ...

    def forwarding(self, status: RoundStatus, hospital: str) -> Forwarding | None:
        """Return how the parties give each other a masked update, None where each has a share of its own."""
        ...


def submitted(status: RoundStatus, hospital: str) -> Update | Root:
    """Return what is on the ledger of an update of a round, or of its root update.

    Raises
    ------
    ProtocolError
        There is none.
    """
    update = status.root if hospital == ROOT else status.updates.get(hospital)
    if update is None:
        raise ProtocolError(f"no {hospital} is on the ledger here", "Compare both peers' ledger heights")
    return update


def update_context(update: Update | Root) -> ShareContext:
    """Return what the commitments of an update on the ledger are bound to."""
    return ShareContext(update.task, update.round, update.hospital, update.base, update.layout)


class ShareStore:
    """One party's shares of one task; nothing is kept that does not match the commitment on the ledger."""

    def __init__(self, folder: Path, ledger: Ledger, task: Task, index: int) -> None:
        self._folder = folder
        self._ledger = ledger
        self._task = task
        self._index = index
        self._semi_honest = settings_of(task).semi_honest
        self._arrived = threading.Condition()

    def longest(self, task: str, round_number: int, hospital: str) -> int:
        """Return the bytes of the share that a hospital uploads.

        Raises
        ------
        ShareError
            It is for another task, or the hospital takes no part in that round; or the own peer is away.
        """
        try:
            if task != self._task.task or not self._expected(round_number, hospital):
                raise ShareError(f"{hospital} is no hospital of a task {task} here", "Check the task and the address")
        except (ContractError, GatewayError) as error:
            raise ShareError(*outward(error)) from error
        parameters = self._task.length // 4
        return share_bytes(self._index, parameters) if self._semi_honest else masked_update_bytes(parameters)

    def take(self, task: str, round_number: int, hospital: str, value: bytes) -> None:
        """Take what a hospital uploads; the same value again changes nothing.

        Raises
        ------
        ShareError
            It is for another task or an ended round, or is not what the hospital committed to; or the own peer is away.
        """
        self.longest(task, round_number, hospital)
        try:
            status = self._status_with(round_number, hospital)
        except (ContractError, GatewayError) as error:
            raise ShareError(*outward(error)) from error
        if status.round is None or ended(status.round):
            raise ShareError(f"round {round_number} has ended", "Wait for the next round")
        try:
            self.opened(status, hospital, value)
        except ProtocolError as error:
            raise ShareError(error.cause, error.remedy) from error
        self.keep(round_number, hospital, value)

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> Held | None:
        """Return what was handed over, or None when nothing has come within some seconds."""
        round_number = 0 if status.round is None else status.round.round
        place = self._place(round_number, hospital)
        with self._arrived:
            if not self._arrived.wait_for(place.exists, max(0.0, seconds)):
                return None
        return self.opened(status, hospital, place.read_bytes())

    def keep(self, round_number: int, hospital: str, value: bytes) -> None:
        """Keep a value that was found to be what the hospital committed to."""
        place = self._place(round_number, hospital)
        make_private_folder(place.parent)
        write_durably(place, value)
        with self._arrived:
            self._arrived.notify_all()

    def forwarding(self, status: RoundStatus, hospital: str) -> Forwarding | None:
        """Return how the parties give each other a masked update, None where each has a share of its own."""
        return None if self._semi_honest else _Forwarding(self, status, hospital)

    def read(self, round_number: int, hospital: str) -> bytes:
        """Return what a hospital has handed over, as it came."""
        return self._place(round_number, hospital).read_bytes()

    def opened(self, status: RoundStatus, hospital: str, value: bytes) -> Held:
        """Return what is in a value; ProtocolError where the hospital did not commit to it."""
        update, parameters = submitted(status, hospital), self._task.length // 4
        if update.masked is not None:
            return MaskedUpdate(open_masked_update(update_context(update), value, update.masked, parameters))
        msp = self._ledger.msp
        return open_share(
            update_context(update), msp, self._index, value, (status.updates[hospital].shares or {})[msp], parameters
        )

    def holds(self, round_number: int, hospital: str) -> bool:
        """Return whether a hospital's share has come."""
        return self._place(round_number, hospital).exists()

    def prune(self, before: int) -> None:
        """Remove the shares of rounds before this one."""
        prune_rounds(self._folder, before)

    def _expected(self, round_number: int, hospital: str) -> bool:
        """Return whether a hospital takes part in a round, or did when it submitted: what it handed in stays."""
        task = self._ledger.task(self._task.task)
        return (
            hospital in task.taking_part(round_number)
            or hospital in self._ledger.status(task.task, round_number).updates
        )

    def _status_with(self, round_number: int, hospital: str) -> RoundStatus:
        """Read a round in which the hospital's update is on the ledger.

        Raises
        ------
        ShareError
            It is not there within some seconds.
        ContractError, GatewayError
            The own peer does not answer.
        """
        looking = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda status: hospital not in status.updates),
            wait=tenacity.wait_fixed(POLL_INTERVAL),
            stop=tenacity.stop_after_delay(LEDGER_LAG),
        )
        try:
            return looking(self._ledger.status, self._task.task, round_number)
        except tenacity.RetryError as error:
            cause = f"no update of {hospital} is on the ledger for round {round_number}"
            raise ShareError(cause, "Submit the commitments first") from error

    def _place(self, round_number: int, hospital: str) -> Path:
        return round_folder(self._folder, round_number) / f"{hospital}.share"


class _Forwarding:
    """One masked update in a party's store."""

    def __init__(self, store: ShareStore, status: RoundStatus, hospital: str) -> None:
        self._store = store
        self._status = status
        self._hospital = hospital

    @property
    def _round(self) -> int:
        return submitted(self._status, self._hospital).round

    def value(self) -> bytes:
        """Return what is kept."""
        return self._store.read(self._round, self._hospital)

    def take(self, value: bytes) -> MaskedUpdate:
        """Hold a value against the ledger, and keep it."""
        held = self._store.opened(self._status, self._hospital, value)
        if not isinstance(held, MaskedUpdate):
            raise ProtocolError("a share is for one party", "Install the same release")
        if not self._store.holds(self._round, self._hospital):
            self._store.keep(self._round, self._hospital, value)
        return held
