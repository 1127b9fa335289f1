# SPDX-License-Identifier: Apache-2.0
"""What an invocation carries besides its arguments: creator, transient data and time of the signed proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_pb2
from google.protobuf.message import DecodeError

from medquorum.shim.errors import ChaincodeError

__all__ = ["Proposal", "read_proposal"]


@dataclass(frozen=True)
class Proposal:
    """The parts of a ``protos.Proposal`` a contract may read; ``timestamp`` in nanoseconds since 1970."""

    creator: bytes
    timestamp: int
    transient: Mapping[str, bytes] = field(repr=False)


def read_proposal(signed: Any) -> Proposal:
    """Read a ``protos.SignedProposal`` that the peer has checked already.

    Raises
    ------
    ChaincodeError
        ``BAD_PROPOSAL`` when it cannot be parsed.
    """
    try:
        proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        signature_header = common_pb2.SignatureHeader.FromString(header.signature_header)
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    except DecodeError as error:
        raise ChaincodeError("BAD_PROPOSAL", "the signed proposal cannot be parsed") from error
    return Proposal(
        creator=signature_header.creator,
        timestamp=channel_header.timestamp.seconds * 1_000_000_000 + channel_header.timestamp.nanos,
        transient=dict(payload.TransientMap),
    )
