# SPDX-License-Identifier: Apache-2.0
"""A contract whose submitted transactions survive a crash and an ordering service that does not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medquorum.gateway import Contract, Submissions

__all__ = ["Outbox"]


class Outbox:
    """Submits like ``medquorum.gateway``'s contract, with every envelope on disk until its outcome is known."""

    def __init__(self, contract: Contract, submissions: Submissions) -> None:
        self._contract = contract
        self._submissions = submissions

    def evaluate(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        """Ask without writing; raises as the contract does."""
        return self._contract.evaluate(
            name, arguments=arguments, transient=transient or {}, endorsing_organizations=endorsing_organizations
        )

    def submit(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        """Endorse, order and wait for the commit.

        Raises
        ------
        EndorseError
            Too few endorsements, or the chaincode refused.
        CommitStatusError
            The outcome is unknown still; ``recover`` goes on asking.
        CommitError
            The transaction is on the ledger but not valid.
        """
        proposal = self._contract.new_proposal(
            name, arguments=arguments, transient=transient or {}, endorsing_organizations=endorsing_organizations
        )
        transaction = proposal.endorse()
        self._submissions.submit(transaction).require_valid()
        return transaction.result

    def recover(self) -> None:
        """Find out what became of transactions left without an outcome; before anything is proposed anew.

        Raises
        ------
        CommitStatusError
            An outcome is still unknown.
        """
        for transaction_id in self._submissions.pending():
            self._submissions.resolve(transaction_id)
