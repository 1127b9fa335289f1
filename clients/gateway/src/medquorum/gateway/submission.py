# SPDX-License-Identifier: Apache-2.0
"""Transactions whose outcome is never lost: the signed envelope is on disk before it is sent.

A failed Submit does not say that the transaction is not committed: an ordering service without its quorum keeps it
and commits it later. A second proposal for the same thing would then be a second transaction. So the outcome is asked
for, and until there is one only the identical envelope is sent again: the ledger takes a transaction id once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from medquorum.gateway.errors import CommitStatusError, DataError, SubmitError
from medquorum.gateway.files import make_private_folder, remove_durably, write_durably
from medquorum.gateway.gateway import Gateway
from medquorum.gateway.transactions.commit import Status
from medquorum.gateway.transactions.transaction import Transaction

__all__ = ["Submissions"]

SUFFIX = ".transaction"
TRANSACTION_ID = re.compile(r"[0-9a-f]{64}")

_log = logging.getLogger(__name__)


class Submissions:
    """A folder of submitted transactions whose outcome is not known yet, one file each.

    Parameters
    ----------
    gateway
        The gateway of the identity that signed them; any peer of the channel can tell the outcome.
    folder
        Where the envelopes are kept; made if it is missing.
    status_timeout
        Seconds to wait for an outcome before the envelope is sent again.
    """

    def __init__(self, gateway: Gateway, folder: Path | str, *, status_timeout: float = 10) -> None:
        self._gateway = gateway
        self._folder = Path(folder)
        make_private_folder(self._folder)
        self._status_timeout = status_timeout

    def submit(self, transaction: Transaction, *, timeout: float = 60) -> Status:
        """Store an endorsed transaction, submit it and find out its outcome; raises as ``resolve``."""
        write_durably(self._path(transaction.transaction_id), transaction.signed_bytes())
        try:
            transaction.submit()
        except SubmitError as error:
            _log.warning("submit of %s unacknowledged: %s", transaction.transaction_id, error.code)
        return self.resolve(transaction.transaction_id, timeout=timeout)

    def pending(self) -> list[str]:
        """List the transactions without a known outcome: resolve them after a restart, before anything else."""
        return sorted(path.stem for path in self._folder.glob(f"*{SUFFIX}") if TRANSACTION_ID.fullmatch(path.stem))

    def resolve(self, transaction_id: str, *, timeout: float = 60) -> Status:
        """Find out a stored transaction's outcome and forget it: ask for its status, else send the same envelope again.

        Only after this has returned may the same thing be proposed anew.

        Parameters
        ----------
        timeout
            Seconds after which no new attempt is made.

        Raises
        ------
        CommitStatusError
            The outcome is still unknown; the transaction stays stored.
        DataError
            There is no such transaction, or its file is damaged.
        """
        path = self._path(transaction_id)
        try:
            transaction = self._gateway.new_transaction(path.read_bytes())
        except FileNotFoundError as error:
            raise DataError(
                f"No transaction {transaction_id} is stored in {self._folder}",
                "Endorse it anew, or name the folder it was kept in",
            ) from error
        retrying = Retrying(
            retry=retry_if_exception_type(CommitStatusError),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            stop=stop_after_delay(timeout),
            before_sleep=self._resubmit(transaction),
            reraise=True,
        )
        status = retrying(transaction.commit().status, self._status_timeout)
        remove_durably(path)
        return status

    def _resubmit(self, transaction: Transaction) -> Callable[[RetryCallState], None]:
        def resubmit(_attempt: RetryCallState) -> None:
            try:
                transaction.submit()
            except SubmitError as error:
                _log.warning("resubmit of %s unacknowledged: %s", transaction.transaction_id, error.code)

        return resubmit

    def _path(self, transaction_id: str) -> Path:
        if not TRANSACTION_ID.fullmatch(transaction_id):
            raise DataError(f"{transaction_id!r} is not a transaction id", "An id is 64 lower-case hex digits")
        return self._folder / f"{transaction_id}{SUFFIX}"
