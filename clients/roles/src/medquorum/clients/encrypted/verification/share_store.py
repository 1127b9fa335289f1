# SPDX-License-Identifier: Apache-2.0
"""Shares that hospitals uploaded to this party, kept on its disk until their rounds have ended."""

from __future__ import annotations

import threading
from pathlib import Path

import tenacity

from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus, ended
from medquorum.core.documents.task import Task
from medquorum.core.files import write_durably
from medquorum.core.fixedpoint import IntArray
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ContractError, ProtocolError, ShareError
from medquorum.gateway import GatewayError
from medquorum.verifier.binding.commitment import ShareContext, open_share, share_bytes
from medquorum.verifier.service.refusal import outward

__all__ = ["ShareStore"]

LEDGER_LAG = 10.0
"""Seconds the own peer may take to commit the update a hospital has just seen committed."""
POLL_INTERVAL = 0.1
"""Seconds between two looks at the ledger for the hospital's update."""


class ShareStore:
    """One party's shares of one task; nothing is kept that does not match the commitment on the ledger."""

    def __init__(self, folder: Path, ledger: Ledger, task: Task, index: int) -> None:
        self._folder = folder
        self._ledger = ledger
        self._task = task
        self._index = index
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
        return share_bytes(self._index, self._task.length // 4)

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
            self._opened(status, hospital, value)
        except ProtocolError as error:
            raise ShareError(error.cause, error.remedy) from error
        place = self._place(round_number, hospital)
        make_private_folder(place.parent)
        write_durably(place, value)
        with self._arrived:
            self._arrived.notify_all()

    def wait(self, status: RoundStatus, hospital: str, seconds: float) -> IntArray | None:
        """Return the share (parameters,), or None when none has come within some seconds."""
        round_number = 0 if status.round is None else status.round.round
        place = self._place(round_number, hospital)
        with self._arrived:
            if not self._arrived.wait_for(place.exists, max(0.0, seconds)):
                return None
        return self._opened(status, hospital, place.read_bytes())

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

    def _opened(self, status: RoundStatus, hospital: str, value: bytes) -> IntArray:
        update = status.updates[hospital]
        msp = self._ledger.msp
        context = ShareContext(update.task, update.round, hospital, update.base, update.layout)
        return open_share(context, msp, self._index, value, (update.shares or {})[msp], self._task.length // 4)

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
