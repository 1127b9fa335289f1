# SPDX-License-Identifier: Apache-2.0
"""Proposals: what a client asks the chaincode to run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from fabric_protos.common.common_pb2 import ChannelHeader, Header, HeaderType, SignatureHeader
from fabric_protos.gateway.gateway_pb2 import (
    EndorseRequest,
    EvaluateRequest,
    PreparedTransaction,
    ProposedTransaction,
)
from fabric_protos.peer.chaincode_pb2 import ChaincodeID, ChaincodeInput, ChaincodeInvocationSpec, ChaincodeSpec
from fabric_protos.peer.proposal_pb2 import ChaincodeHeaderExtension, ChaincodeProposalPayload, SignedProposal
from fabric_protos.peer.proposal_pb2 import Proposal as ProposalMessage
from google.protobuf.timestamp_pb2 import Timestamp

from medquorum.gateway.client import Client
from medquorum.gateway.identity import new_nonce, transaction_id
from medquorum.gateway.signable import Signable
from medquorum.gateway.transactions.transaction import Transaction

__all__ = ["Argument", "Proposal", "new_proposal"]

Argument = str | bytes


class Proposal(Signable):
    """A transaction proposal: evaluate it on a peer, or gather endorsements for it."""

    def __init__(self, client: Client, proposed: ProposedTransaction) -> None:
        super().__init__(client, proposed, proposed.proposal, "proposal_bytes")
        header = Header.FromString(ProposalMessage.FromString(proposed.proposal.proposal_bytes).header)
        self.channel: str = ChannelHeader.FromString(header.channel_header).channel_id
        self.transaction_id: str = proposed.transaction_id

    def evaluate(self, timeout: float | None = None) -> bytes:
        """Run the proposal on one peer and return its result; nothing is written (5 seconds by default).

        Raises
        ------
        GatewayError
            No peer could run it, or the chaincode refused (see ``chaincode_message``).
        """
        self._sign()
        request = EvaluateRequest(
            transaction_id=self.transaction_id,
            channel_id=self.channel,
            proposed_transaction=self._signed,
            target_organizations=self._message.endorsing_organizations,
        )
        return bytes(self._client.evaluate(request, timeout).result.payload)

    def endorse(self, timeout: float | None = None) -> Transaction:
        """Gather the endorsements the transaction's policies ask for (15 seconds by default).

        Raises
        ------
        EndorseError
            They could not be gathered; ``details`` says why, peer by peer.
        """
        self._sign()
        request = EndorseRequest(
            transaction_id=self.transaction_id,
            channel_id=self.channel,
            proposed_transaction=self._signed,
            endorsing_organizations=self._message.endorsing_organizations,
        )
        envelope = self._client.endorse(request, timeout).prepared_transaction
        return Transaction(self._client, PreparedTransaction(transaction_id=self.transaction_id, envelope=envelope))


def new_proposal(
    client: Client,
    channel: str,
    chaincode: str,
    name: str,
    arguments: Sequence[Argument],
    transient: Mapping[str, Argument],
    endorsing_organizations: Sequence[str],
) -> Proposal:
    """Build a proposal with a transaction id of its own (``protos.Proposal``)."""
    nonce, creator = new_nonce(), client.identity.creator
    identifier = transaction_id(nonce, creator)
    header = Header(
        channel_header=_channel_header(channel, chaincode, identifier).SerializeToString(),
        signature_header=SignatureHeader(creator=creator, nonce=nonce).SerializeToString(),
    )
    specification = ChaincodeSpec(
        type=ChaincodeSpec.NODE,
        chaincode_id=ChaincodeID(name=chaincode),
        input=ChaincodeInput(args=[_encode(argument) for argument in (name, *arguments)]),
    )
    payload = ChaincodeProposalPayload(
        input=ChaincodeInvocationSpec(chaincode_spec=specification).SerializeToString(),
        TransientMap={key: _encode(value) for key, value in transient.items()},
    )
    proposal = ProposalMessage(header=header.SerializeToString(), payload=payload.SerializeToString())
    proposed = ProposedTransaction(
        transaction_id=identifier,
        proposal=SignedProposal(proposal_bytes=proposal.SerializeToString()),
        endorsing_organizations=endorsing_organizations,
    )
    return Proposal(client, proposed)


def _channel_header(channel: str, chaincode: str, identifier: str) -> ChannelHeader:
    now = Timestamp()
    now.FromNanoseconds(time.time_ns())
    extension = ChaincodeHeaderExtension(chaincode_id=ChaincodeID(name=chaincode))
    return ChannelHeader(
        type=HeaderType.ENDORSER_TRANSACTION,
        tx_id=identifier,
        timestamp=now,
        channel_id=channel,
        extension=extension.SerializeToString(),
    )


def _encode(value: Argument) -> bytes:
    return value.encode() if isinstance(value, str) else value
