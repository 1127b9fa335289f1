# SPDX-License-Identifier: Apache-2.0
"""Whether a submitted transaction is valid."""

from __future__ import annotations

from dataclasses import dataclass

from fabric_protos.gateway.gateway_pb2 import CommitStatusRequest, SignedCommitStatusRequest
from fabric_protos.peer.transaction_pb2 import TxValidationCode

from medquorum.gateway.client import Client
from medquorum.gateway.errors import CommitError
from medquorum.gateway.signable import Signable

__all__ = ["Commit", "Status", "SubmittedTransaction"]

_REMEDIES = {
    "MVCC_READ_CONFLICT": "Another transaction changed what this one had read: send it again with a fresh proposal",
    "PHANTOM_READ_CONFLICT": "Another transaction changed a range this one had read: send it again",
    "ENDORSEMENT_POLICY_FAILURE": "Let every organisation endorse that the chaincode's or the key's policy asks for",
    "DUPLICATE_TXID": "The transaction is on the ledger already: ask for its commit status",
}


@dataclass(frozen=True)
class Status:
    """The outcome of a transaction: ``code`` is Fabric's validation code (``VALID``)."""

    transaction_id: str
    code: str
    block_number: int

    @property
    def successful(self) -> bool:
        """Whether the transaction changed the ledger."""
        return self.code == "VALID"

    def require_valid(self) -> None:
        """Raise ``CommitError`` unless the transaction is valid."""
        if not self.successful:
            cause = f"Transaction {self.transaction_id} is in block {self.block_number} but not valid: {self.code}"
            raise CommitError(cause, _REMEDIES.get(self.code, ""), code=self.code, transaction_id=self.transaction_id)


class Commit(Signable):
    """A question for the outcome of a transaction."""

    def __init__(self, client: Client, signed: SignedCommitStatusRequest) -> None:
        super().__init__(client, signed, signed, "request")
        self.transaction_id: str = CommitStatusRequest.FromString(signed.request).transaction_id

    def status(self, timeout: float | None = None) -> Status:
        """Wait until the transaction is in a block of the peer (``timeout`` seconds, 60 by default).

        Raises
        ------
        CommitStatusError
            The peer did not say; the outcome is unknown.
        """
        self._sign()
        response = self._client.commit_status(self._signed, timeout, self.transaction_id)
        return Status(self.transaction_id, TxValidationCode.Name(response.result), response.block_number)


class SubmittedTransaction(Commit):
    """A transaction handed to the ordering service, with its result (``bytes``)."""

    def __init__(self, client: Client, signed: SignedCommitStatusRequest, result: bytes) -> None:
        super().__init__(client, signed)
        self.result = result


def commit_request(client: Client, channel: str, transaction_id: str) -> SignedCommitStatusRequest:
    """Make the unsigned question for a transaction's outcome."""
    request = CommitStatusRequest(channel_id=channel, transaction_id=transaction_id, identity=client.identity.creator)
    return SignedCommitStatusRequest(request=request.SerializeToString())
