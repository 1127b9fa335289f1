# SPDX-License-Identifier: Apache-2.0
"""An endorsed transaction, ready for the ordering service."""

from __future__ import annotations

from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Payload
from fabric_protos.gateway.gateway_pb2 import PreparedTransaction, SubmitRequest
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload
from fabric_protos.peer.transaction_pb2 import Transaction as TransactionMessage
from google.protobuf.message import DecodeError

from medquorum.gateway.client import Client
from medquorum.gateway.errors import DataError
from medquorum.gateway.signable import Signable
from medquorum.gateway.transactions.commit import Commit, SubmittedTransaction, commit_request

__all__ = ["Transaction"]


class Transaction(Signable):
    """A transaction with its endorsements (``gateway.PreparedTransaction``).

    Raises
    ------
    DataError
        The envelope does not hold an endorsed transaction.
    """

    def __init__(self, client: Client, prepared: PreparedTransaction) -> None:
        super().__init__(client, prepared, prepared.envelope, "payload")
        self.transaction_id: str = prepared.transaction_id
        self.channel, self.result = _channel_and_result(prepared.envelope.payload)

    def submit(self, timeout: float | None = None) -> SubmittedTransaction:
        """Hand the transaction to the ordering service (``timeout`` seconds, 5 by default).

        Raises
        ------
        SubmitError
            The ordering service did not acknowledge; it may commit the transaction all the same.
        """
        self._sign()
        request = SubmitRequest(
            transaction_id=self.transaction_id, channel_id=self.channel, prepared_transaction=self._signed
        )
        self._client.submit(request, timeout)
        return SubmittedTransaction(self._client, self._commit_request(), self.result)

    def signed_bytes(self) -> bytes:
        """Sign the transaction and serialize it, to be submitted now and, identically, later."""
        self._sign()
        return self.to_bytes()

    def commit(self) -> Commit:
        """Make the question for this transaction's outcome, whether or not it was submitted from here."""
        return Commit(self._client, self._commit_request())

    def _commit_request(self) -> Any:
        return commit_request(self._client, self.channel, self.transaction_id)


def _channel_and_result(payload_bytes: bytes) -> tuple[str, bytes]:
    """Unwrap an envelope's payload down to the chaincode's answer."""
    try:
        payload = Payload.FromString(payload_bytes)
        channel = ChannelHeader.FromString(payload.header.channel_header).channel_id
        action = TransactionMessage.FromString(payload.data).actions[0]
        endorsed = ChaincodeActionPayload.FromString(action.payload).action
        response = ProposalResponsePayload.FromString(endorsed.proposal_response_payload)
        return channel, ChaincodeAction.FromString(response.extension).response.payload
    except (DecodeError, IndexError) as error:
        raise DataError("The envelope does not hold an endorsed transaction", "Endorse the proposal again") from error
