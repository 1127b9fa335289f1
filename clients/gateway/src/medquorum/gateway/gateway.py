# SPDX-License-Identifier: Apache-2.0
"""The way in: an identity connected to a peer's gateway."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, Unpack

import grpc
from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.gateway.gateway_pb2 import (
    PreparedTransaction,
    ProposedTransaction,
    SignedChaincodeEventsRequest,
    SignedCommitStatusRequest,
)
from google.protobuf.message import DecodeError

from medquorum.gateway.client import Client, Deadlines, Timeouts
from medquorum.gateway.errors import DataError
from medquorum.gateway.events.blocks import BlockEventsRequest, BlockKind
from medquorum.gateway.events.stream import ChaincodeEventsRequest
from medquorum.gateway.identity import Hash, Signer, SigningIdentity, X509Identity, sha256
from medquorum.gateway.network import Network
from medquorum.gateway.transactions.commit import Commit
from medquorum.gateway.transactions.proposal import Proposal
from medquorum.gateway.transactions.transaction import Transaction

__all__ = ["Gateway", "connect"]


class Gateway:
    """A connection of one identity to one peer; a context manager. Safe to use from several threads.

    The ``new_...`` methods make messages again from their ``to_bytes()``; the ``new_signed_...`` ones also set a
    signature made off-line over their ``digest``. All raise ``DataError`` when the bytes are not such a message.
    """

    def __init__(self, client: Client, release: Callable[[], None] | None = None) -> None:
        self._client = client
        self._release = release

    @property
    def identity(self) -> X509Identity:
        """Whom the gateway speaks for."""
        return self._client.identity.identity

    def get_network(self, channel: str) -> Network:
        """Return a channel."""
        return Network(self._client, channel)

    def close(self) -> None:
        """Let the connection go, unless the caller of ``connect`` has made it and closes it."""
        if self._release is not None:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def new_proposal(self, content: bytes) -> Proposal:
        """Make a proposal from its bytes."""
        return Proposal(self._client, _parse(ProposedTransaction, content))

    def new_signed_proposal(self, content: bytes, signature: bytes) -> Proposal:
        """Make a proposal signed off-line."""
        proposal = self.new_proposal(content)
        proposal.set_signature(signature)
        return proposal

    def new_transaction(self, content: bytes) -> Transaction:
        """Make an endorsed transaction from its bytes."""
        return Transaction(self._client, _parse(PreparedTransaction, content))

    def new_signed_transaction(self, content: bytes, signature: bytes) -> Transaction:
        """Make an endorsed transaction signed off-line."""
        transaction = self.new_transaction(content)
        transaction.set_signature(signature)
        return transaction

    def new_commit(self, content: bytes) -> Commit:
        """Make a question for a transaction's outcome from its bytes."""
        return Commit(self._client, _parse(SignedCommitStatusRequest, content))

    def new_signed_commit(self, content: bytes, signature: bytes) -> Commit:
        """Make a question for a transaction's outcome, signed off-line."""
        commit = self.new_commit(content)
        commit.set_signature(signature)
        return commit

    def new_chaincode_events_request(self, content: bytes) -> ChaincodeEventsRequest:
        """Make a question for chaincode events from its bytes."""
        return ChaincodeEventsRequest(self._client, _parse(SignedChaincodeEventsRequest, content))

    def new_signed_chaincode_events_request(self, content: bytes, signature: bytes) -> ChaincodeEventsRequest:
        """Make a question for chaincode events, signed off-line."""
        request = self.new_chaincode_events_request(content)
        request.set_signature(signature)
        return request

    def new_block_events_request(self, content: bytes, kind: BlockKind = BlockKind.FULL) -> BlockEventsRequest:
        """Make a question for blocks from its bytes."""
        return BlockEventsRequest(self._client, _parse(Envelope, content), kind)

    def new_signed_block_events_request(
        self, content: bytes, signature: bytes, kind: BlockKind = BlockKind.FULL
    ) -> BlockEventsRequest:
        """Make a question for blocks, signed off-line."""
        request = self.new_block_events_request(content, kind)
        request.set_signature(signature)
        return request


def connect(
    channel: grpc.Channel,
    identity: X509Identity,
    signer: Signer | None = None,
    *,
    hash: Hash = sha256,
    tls_client_certificate_hash: bytes = b"",
    **timeouts: Unpack[Timeouts],
) -> Gateway:
    """Connect an identity over a channel (``tls_channel``) that the caller closes; nothing is sent yet.

    Parameters
    ----------
    channel
        A gRPC channel to a peer of, best, the identity's own organisation. Several gateways may share it.
    signer
        What signs digests; without one, messages are signed off-line.
    hash
        The digest that is signed; SHA-256 is what peers check.
    tls_client_certificate_hash
        ``TlsIdentity.hash`` of the channel's client certificate; peers that ask for one want it in questions for
        blocks.
    **timeouts
        ``evaluate_timeout`` (5), ``endorse_timeout`` (15), ``submit_timeout`` (5), ``commit_status_timeout`` (60):
        seconds each stage may take; every call can say otherwise.
    """
    signing = SigningIdentity(identity, signer, hash)
    return Gateway(Client(channel, signing, Deadlines(**timeouts), tls_hash=tls_client_certificate_hash))


def _parse(message: Any, content: bytes) -> Any:
    try:
        return message.FromString(content)
    except DecodeError as error:
        raise DataError(
            f"The bytes are not a {message.DESCRIPTOR.full_name}", "Pass on to_bytes() unchanged"
        ) from error
