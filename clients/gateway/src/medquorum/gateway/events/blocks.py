# SPDX-License-Identifier: Apache-2.0
"""Blocks of a channel: whole, filtered (ids and outcomes), or with the private data the peer holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import Enum
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader
from fabric_protos.common.common_pb2 import Status as DeliverStatus
from fabric_protos.orderer.ab_pb2 import SeekInfo, SeekPosition, SeekSpecified
from fabric_protos.peer.events_pb2 import DeliverResponse
from google.protobuf.timestamp_pb2 import Timestamp

from medquorum.gateway.client import Client
from medquorum.gateway.errors import GatewayError
from medquorum.gateway.events.checkpoint import Checkpoint
from medquorum.gateway.events.stream import EventStream, start_position
from medquorum.gateway.signable import Signable

__all__ = ["BlockEventsRequest", "BlockKind", "new_block_events_request"]

LAST_BLOCK = 2**63 - 1


class BlockKind(Enum):
    """What is read of each block: the method of ``protos.Deliver`` and the field of its answer."""

    FULL = ("Deliver", "block")
    FILTERED = ("DeliverFiltered", "filtered_block")
    WITH_PRIVATE_DATA = ("DeliverWithPrivateData", "block_and_private_data")


class BlockEventsRequest(Signable):
    """A question for blocks, answered with Fabric's own messages.

    ``common.Block``, ``protos.FilteredBlock`` or ``protos.BlockAndPrivateData``, by kind.
    """

    def __init__(self, client: Client, envelope: Envelope, kind: BlockKind) -> None:
        super().__init__(client, envelope, envelope, "payload")
        self.kind = kind

    def events(self, timeout: float | None = None) -> EventStream[Any]:
        """Start reading; ``timeout`` seconds for the whole stream, endless by default."""
        self._sign()
        method, field = self.kind.value
        call = self._client.deliver(method, self._signed, timeout)
        return EventStream(call, lambda response: _expand(response, field), "block events")


def _expand(response: DeliverResponse, field: str) -> Iterator[Any]:
    if response.WhichOneof("Type") != field:
        code = DeliverStatus.Name(response.status)
        remedy = "Check that the identity may read the channel's blocks" if code == "FORBIDDEN" else ""
        raise GatewayError(f"block events failed, the peer ended the stream: {code}", remedy, code=code)
    yield getattr(response, field)


def new_block_events_request(
    client: Client, channel: str, kind: BlockKind, start_block: int | None, checkpoint: Checkpoint | None
) -> BlockEventsRequest:
    """Build the unsigned question for blocks."""
    now = Timestamp()
    now.FromNanoseconds(time.time_ns())
    channel_header = ChannelHeader(
        type=HeaderType.DELIVER_SEEK_INFO, timestamp=now, channel_id=channel, tls_cert_hash=client.tls_hash
    )
    header = Header(
        channel_header=channel_header.SerializeToString(),
        signature_header=SignatureHeader(creator=client.identity.creator).SerializeToString(),
    )
    seek = SeekInfo(
        start=start_position(start_block, checkpoint),
        stop=SeekPosition(specified=SeekSpecified(number=LAST_BLOCK)),
    )
    payload = Payload(header=header, data=seek.SerializeToString())
    return BlockEventsRequest(client, Envelope(payload=payload.SerializeToString()), kind)
