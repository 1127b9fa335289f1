# SPDX-License-Identifier: Apache-2.0
"""An update as shares: commitments for the ledger, then one share for each party; nobody gets both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import StoredUpdate
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.binding.commitment import CommittedShare, ShareContext, commit_shares, open_share
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.nonces import take_nonce
from medquorum.verifier.service.share_upload import upload_share

__all__ = ["ShareUploader"]

TIMEOUT = 10.0
"""Seconds to reach a party before the hospital looks at the ledger again."""


class ShareUploader:
    """Shares one hospital's updates of one encrypted task."""

    def __init__(self, task: Task, settings: Encrypted, msp: str, credentials: Credentials, report: Report) -> None:
        self._task = task
        self._settings = settings
        self._msp = msp
        self._credentials = credentials
        self._report = report
        self._sent: set[tuple[int, str]] = set()

    def nonce(self, round_number: int, base: str) -> str:
        """Ask the dealer for the nonce that ``SubmitUpdate`` names.

        Raises
        ------
        ProtocolError
            The dealer was not reached, or refuses.
        """
        dealer, task = self._settings.dealer, self._task.task
        return take_nonce(self._credentials, self._settings.services[dealer], dealer, task, round_number, base, TIMEOUT)

    def commitments(self, round_number: int, update: StoredUpdate) -> Mapping[str, str]:
        """Return what ``SubmitUpdate`` binds the hospital to, by party."""
        return {party: share.commitment for party, share in self._values(round_number, update).items()}

    def second_share(self, round_number: int, update: StoredUpdate) -> IntArray:
        """Return the second party's share (parameters,) itself."""
        second = self._settings.parties[1]
        value = self._values(round_number, update)[second]
        context = self._context(round_number, update)
        return open_share(context, second, 1, value.value, value.commitment, self._task.length // 4)

    def send(self, round_number: int, update: StoredUpdate) -> None:
        """Upload both shares; a party that has its share already takes it again.

        Raises
        ------
        ShareError
            A party refuses: what it got is not what the ledger says.
        ProtocolError
            A party was not reached.
        """
        due = [party for party in self._settings.parties if (round_number, party) not in self._sent]
        if not due:
            return
        values = self._values(round_number, update)
        with self._report.phase("upload", round=round_number, bytes=sum(len(values[party].value) for party in due)):
            for party in due:
                address = self._settings.services[party]
                upload_share(
                    self._credentials, address, party, self._task.task, round_number, values[party].value, TIMEOUT
                )
                self._sent.add((round_number, party))

    def _values(self, round_number: int, update: StoredUpdate) -> dict[str, CommittedShare]:
        context = self._context(round_number, update)
        first, second = self._settings.parties
        vector = np.frombuffer(update.packed, dtype="<i4").astype(np.int64)
        return dict(zip((first, second), commit_shares(context, (first, second), vector, update.salts), strict=True))

    def _context(self, round_number: int, update: StoredUpdate) -> ShareContext:
        return ShareContext(self._task.task, round_number, self._msp, update.base, self._task.layout)
