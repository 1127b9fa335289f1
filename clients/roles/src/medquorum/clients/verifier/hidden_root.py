# SPDX-License-Identifier: Apache-2.0
"""P0's root update of a round, for the rule ``direction``: handed over masked, as a hospital hands over its update."""

from __future__ import annotations

from medquorum.clients.encrypted.verification.masking import Masking
from medquorum.clients.encrypted.verification.share_store import ShareStore
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.clients.verifier.root import RootMaker
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.root import ROOT
from medquorum.core.documents.round import Round
from medquorum.errors import ContractError, ProtocolError
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.update_masks import UpdateMask, take_mask

__all__ = ["HiddenRoot"]

TIMEOUT = 10.0
"""Seconds to reach the dealer."""


class HiddenRoot:
    """Makes root updates, binds each on the ledger before any update, and leaves it with the party's shares."""

    def __init__(
        self, run: TaskRun, maker: RootMaker, settings: Encrypted, credentials: Credentials, shares: ShareStore
    ) -> None:
        self._run = run
        self._maker = maker
        self._masking = Masking(run.task, settings, ROOT, self._mask, UpdateStore(run.folder / "roots"))
        self._settings = settings
        self._credentials = credentials
        self._shares = shares

    def submit(self, round_: Round) -> None:
        """Bind the round's root update; one that is there already stays."""
        own, task = self._maker.make(round_), self._run.task
        hidden = self._masking.submission(round_.round, own)
        document = {"base": round_.base, "layout": task.layout, **hidden}
        try:
            self._run.transactions.submit("SubmitRoot", task.task, round_.round, document)
        except ContractError as error:
            if error.code not in ("ALREADY_SUBMITTED", "ROUND_CLOSED"):
                raise
        self._run.report.event("root_submitted", round=round_.round, base=round_.base)

    def deliver(self, status: RoundStatus) -> None:
        """Leave the round's masked root update with the party's shares, where it goes to the other party from.

        Raises
        ------
        ShareError
            What is on this disk is another one than that on the ledger.
        """
        if status.round is None or status.root is None or status.root.masked is None:
            raise ProtocolError("there is no root update", "Abort the round")
        if not self._shares.holds(status.round.round, ROOT):
            value = self._masking.value(status.round.round, self._maker.make(status.round), status.root.masked)
            self._shares.opened(status, ROOT, value)
            self._shares.keep(status.round.round, ROOT, value)

    def _mask(self, round_number: int, base: str) -> UpdateMask:
        dealer, task = self._settings.dealer, self._run.task.task
        address = self._settings.services[dealer]
        return take_mask(self._credentials, address, dealer, task, round_number, base, TIMEOUT, root=True)
