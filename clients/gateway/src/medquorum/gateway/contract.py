# SPDX-License-Identifier: Apache-2.0
"""A chaincode's transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from medquorum.gateway.client import Client
from medquorum.gateway.transactions.commit import SubmittedTransaction
from medquorum.gateway.transactions.proposal import Argument, Proposal, new_proposal

__all__ = ["Contract"]

_NONE: Mapping[str, Argument] = MappingProxyType({})


class Contract:
    """A smart contract of a chaincode on a channel; ``contract`` where the chaincode holds several."""

    def __init__(self, client: Client, channel: str, chaincode: str, contract: str | None) -> None:
        self._client = client
        self.channel = channel
        self.chaincode = chaincode
        self.contract = contract

    def evaluate_transaction(self, name: str, *arguments: Argument) -> bytes:
        """Run a transaction on one peer and return its result, writing nothing; raises as ``evaluate``."""
        return self.evaluate(name, arguments=arguments)

    def submit_transaction(self, name: str, *arguments: Argument) -> bytes:
        """Run a transaction, wait until it is valid on the ledger and return its result; raises as ``submit``."""
        return self.submit(name, arguments=arguments)

    def evaluate(
        self,
        name: str,
        *,
        arguments: Sequence[Argument] = (),
        transient: Mapping[str, Argument] = _NONE,
        endorsing_organizations: Sequence[str] = (),
        timeout: float | None = None,
    ) -> bytes:
        """Run a transaction on one peer and return its result, writing nothing.

        Raises
        ------
        GatewayError
            No peer could run it, or the chaincode refused (see ``chaincode_message``).
        """
        proposal = self.new_proposal(
            name, arguments=arguments, transient=transient, endorsing_organizations=endorsing_organizations
        )
        return proposal.evaluate(timeout)

    def submit(
        self,
        name: str,
        *,
        arguments: Sequence[Argument] = (),
        transient: Mapping[str, Argument] = _NONE,
        endorsing_organizations: Sequence[str] = (),
        endorse_timeout: float | None = None,
        submit_timeout: float | None = None,
        commit_status_timeout: float | None = None,
    ) -> bytes:
        """Run a transaction, wait until it is valid on the ledger and return its result.

        Raises
        ------
        EndorseError
            Too few endorsements, or the chaincode refused (see ``chaincode_message``).
        SubmitError, CommitStatusError
            The outcome is unknown; ``Submissions`` finds it out.
        CommitError
            The transaction is on the ledger but not valid.
        """
        submitted = self.submit_async(
            name,
            arguments=arguments,
            transient=transient,
            endorsing_organizations=endorsing_organizations,
            endorse_timeout=endorse_timeout,
            submit_timeout=submit_timeout,
        )
        submitted.status(commit_status_timeout).require_valid()
        return submitted.result

    def submit_async(
        self,
        name: str,
        *,
        arguments: Sequence[Argument] = (),
        transient: Mapping[str, Argument] = _NONE,
        endorsing_organizations: Sequence[str] = (),
        endorse_timeout: float | None = None,
        submit_timeout: float | None = None,
    ) -> SubmittedTransaction:
        """Run a transaction and hand it to the ordering service; ask ``status()`` for the outcome later.

        Raises
        ------
        EndorseError, SubmitError
            As ``submit``.
        """
        proposal = self.new_proposal(
            name, arguments=arguments, transient=transient, endorsing_organizations=endorsing_organizations
        )
        return proposal.endorse(endorse_timeout).submit(submit_timeout)

    def new_proposal(
        self,
        name: str,
        *,
        arguments: Sequence[Argument] = (),
        transient: Mapping[str, Argument] = _NONE,
        endorsing_organizations: Sequence[str] = (),
    ) -> Proposal:
        """Build a proposal to endorse and submit step by step, or to sign off-line."""
        qualified = f"{self.contract}:{name}" if self.contract else name
        return new_proposal(
            self._client, self.channel, self.chaincode, qualified, arguments, transient, endorsing_organizations
        )
