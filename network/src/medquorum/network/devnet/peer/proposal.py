# SPDX-License-Identifier: Apache-2.0
"""A signed proposal, taken apart and checked as an endorsing peer does."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Header, HeaderType, SignatureHeader
from fabric_protos.peer.chaincode_pb2 import ChaincodeInvocationSpec
from fabric_protos.peer.proposal_pb2 import ChaincodeHeaderExtension, ChaincodeProposalPayload, Proposal
from google.protobuf.message import DecodeError

from medquorum.network.devnet.ledger.transaction import tx_id
from medquorum.network.identity.msp import Identity, IdentityError, Msps

__all__ = ["TIME_WINDOW", "Denied", "MalformedProposal", "SignedProposal", "authorize", "in_time", "unpack"]

TIME_WINDOW = datetime.timedelta(minutes=15)


class MalformedProposal(Exception):
    """The bytes are no proposal."""


class Denied(Exception):
    """The proposal is refused before it reaches a chaincode."""


@dataclass(frozen=True)
class SignedProposal:
    """Every part of a proposal that a peer looks at."""

    message: Any = field(repr=False)
    header: Any = field(repr=False)
    channel: Any = field(repr=False)
    signature: Any = field(repr=False)
    extension_name: str
    payload: Any = field(repr=False)
    spec: Any = field(repr=False)

    @property
    def channel_id(self) -> str:
        """The channel it is for."""
        return str(self.channel.channel_id)

    @property
    def tx_id(self) -> str:
        """The transaction id it names."""
        return str(self.channel.tx_id)

    @property
    def chaincode(self) -> str:
        """The chaincode it calls."""
        return str(self.spec.chaincode_id.name)

    @property
    def has_transient(self) -> bool:
        """Whether it carries transient data."""
        return len(self.payload.TransientMap) > 0

    @property
    def public_payload(self) -> bytes:
        """The payload without transient data, as it goes into the transaction."""
        return bytes(ChaincodeProposalPayload(input=self.payload.input).SerializeToString())

    @property
    def hash(self) -> bytes:
        """SHA-256 of channel header, signature header and public payload."""
        parts = self.header.channel_header + self.header.signature_header + self.public_payload
        return hashlib.sha256(parts).digest()


def unpack(message: Any) -> SignedProposal:
    """Take a ``protos.SignedProposal`` apart.

    Raises
    ------
    MalformedProposal
        When a part is missing or cannot be read.
    """
    if not message.proposal_bytes:
        raise MalformedProposal("a signed proposal is required")
    try:
        proposal = Proposal.FromString(message.proposal_bytes)
        header = Header.FromString(proposal.header)
        channel = ChannelHeader.FromString(header.channel_header)
        signature = SignatureHeader.FromString(header.signature_header)
        extension = ChaincodeHeaderExtension.FromString(channel.extension)
        payload = ChaincodeProposalPayload.FromString(proposal.payload)
        spec = ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    except DecodeError as error:
        raise MalformedProposal(f"error unmarshaling the proposal: {error}") from error
    if not channel.channel_id:
        raise MalformedProposal("no channel id provided")
    if not spec.chaincode_id.name:
        raise MalformedProposal(f"no chaincode name is provided, channel id [{channel.channel_id}]")
    return SignedProposal(message, header, channel, signature, extension.chaincode_id.name, payload, spec)


def in_time(timestamp: Any) -> bool:
    """Return whether a timestamp lies within the peer's time window around now."""
    now = datetime.datetime.now(datetime.UTC).timestamp()
    return bool(abs(timestamp.seconds - now) <= TIME_WINDOW.total_seconds())


def authorize(proposal: SignedProposal, msps: Msps) -> Identity:
    """Check form, transaction id, creator and signature.

    Raises
    ------
    Denied
        With the text a peer gives.
    """
    if proposal.channel.type != HeaderType.ENDORSER_TRANSACTION or proposal.channel.epoch != 0:
        raise Denied("error validating proposal: invalid header type or epoch")
    if not proposal.signature.nonce or not proposal.signature.creator or not proposal.message.signature:
        raise Denied("error validating proposal: nonce, creator or signature is empty")
    if not proposal.extension_name:
        raise Denied("ChaincodeHeaderExtension.ChaincodeId.Name is empty")
    expected = tx_id(proposal.signature.nonce, proposal.signature.creator)
    if proposal.tx_id != expected:
        raise Denied(
            f"error validating proposal: incorrectly computed txid '{proposal.tx_id}' -- expected '{expected}'"
        )
    start = f"error validating proposal: access denied: channel [{proposal.channel_id}] creator org"
    try:
        creator = msps.identity(proposal.signature.creator)
    except IdentityError as error:
        raise Denied(f"{start} unknown, creator is malformed") from error
    try:
        msps.authenticate(proposal.signature.creator, proposal.message.proposal_bytes, proposal.message.signature)
    except IdentityError as error:
        raise Denied(f"{start} [{creator.msp_id}]") from error
    return creator
