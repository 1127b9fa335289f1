# SPDX-License-Identifier: Apache-2.0
"""How a hospital of an encrypted task hides its update: what it commits to, and what it hands to each party."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import StoredUpdate
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.verifier.binding.commitment import ShareContext
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.share_upload import upload_share
from medquorum.verifier.service.update_masks import UpdateMask, take_mask

__all__ = ["Uploader"]

TIMEOUT = 10.0
"""Seconds to reach a party before the hospital looks at the ledger again."""


class Uploader(ABC):
    """Hides one hospital's updates of one encrypted task and hands them over."""

    def __init__(self, task: Task, settings: Encrypted, msp: str, credentials: Credentials, report: Report) -> None:
        self._task = task
        self._settings = settings
        self._msp = msp
        self._credentials = credentials
        self._report = report
        self._sent: set[tuple[int, str]] = set()

    @property
    def parties(self) -> tuple[str, str]:
        """MSP ids of both who are handed something."""
        first, second = self._settings.parties
        return first, second

    @abstractmethod
    def submission(self, round_number: int, update: StoredUpdate) -> Mapping[str, Any]:
        """Return what ``SubmitUpdate`` binds the hospital to, besides base and layout.

        Raises
        ------
        ProtocolError
            The dealer was not reached, or refuses.
        """

    @abstractmethod
    def _values(self, round_number: int, update: StoredUpdate, submitted: Update) -> Mapping[str, bytes]:
        """Return what each party is handed.

        Raises
        ------
        ShareError
            It is not what the hospital has submitted.
        ProtocolError
            The dealer was not reached, or refuses.
        """

    def send(self, round_number: int, update: StoredUpdate, submitted: Update) -> None:
        """Hand both parties theirs; a party that has it already takes it again.

        Raises
        ------
        ShareError
            A party refuses: what it got is not what the ledger says. Or the update is not the submitted one.
        ProtocolError
            A party was not reached.
        """
        due = [party for party in self.parties if (round_number, party) not in self._sent]
        if not due:
            return
        values = self._values(round_number, update, submitted)
        with self._report.phase("upload", round=round_number, bytes=sum(len(values[party]) for party in due)):
            for party in due:
                address, task = self._settings.services[party], self._task.task
                upload_share(self._credentials, address, party, task, round_number, values[party], TIMEOUT)
                self._sent.add((round_number, party))

    def _mask(self, round_number: int, base: str) -> UpdateMask:
        dealer, task = self._settings.dealer, self._task.task
        return take_mask(self._credentials, self._settings.services[dealer], dealer, task, round_number, base, TIMEOUT)

    def _context(self, round_number: int, update: StoredUpdate) -> ShareContext:
        return ShareContext(self._task.task, round_number, self._msp, update.base, self._task.layout)
