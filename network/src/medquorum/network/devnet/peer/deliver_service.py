# SPDX-License-Identifier: Apache-2.0
"""The gRPC service ``protos.Deliver`` of one organisation's address: blocks, filtered blocks, and private data."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from fabric_protos.common.common_pb2 import ChannelHeader, Payload, SignatureHeader, Status
from fabric_protos.orderer.ab_pb2 import SeekInfo
from fabric_protos.peer.events_pb2 import BlockAndPrivateData, DeliverResponse
from google.protobuf.message import DecodeError

from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.ledger.progress import Progress
from medquorum.network.devnet.peer.filtered_block import filtered_block
from medquorum.network.devnet.peer.private_data import private_data
from medquorum.network.devnet.peer.proposal import in_time
from medquorum.network.devnet.policy import access
from medquorum.network.identity.msp import Identity, IdentityError

__all__ = ["DeliverService"]

Context = grpc.aio.ServicerContext[Any, Any]
Render = Callable[[Any, Identity], Any]
"""Makes a response (``protos.DeliverResponse``) of a block for who asked."""


class _Refused(Exception):
    """The request ends with this ``common.Status``."""

    def __init__(self, status: int) -> None:
        super().__init__(Status.Name(status))
        self.status = status


class DeliverService:
    """Method names are the service's; one stream may hold several requests, one after the other."""

    def __init__(self, ledger: Ledger, progress: Progress, msp_id: str) -> None:
        self._ledger = ledger
        self._progress = progress
        self._msp_id = msp_id

    async def Deliver(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        """Stream whole blocks."""
        async for response in self._serve(requests, context, lambda block, _: DeliverResponse(block=block)):
            yield response

    async def DeliverFiltered(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        """Stream transaction ids, codes and event names only."""
        async for response in self._serve(requests, context, self._filtered):
            yield response

    async def DeliverWithPrivateData(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        """Stream blocks with the private data that this peer holds and the caller may see."""
        async for response in self._serve(requests, context, self._with_private_data):
            yield response

    def _filtered(self, block: Any, caller: Identity) -> Any:
        return DeliverResponse(filtered_block=filtered_block(block, self._ledger.channel_id))

    def _with_private_data(self, block: Any, caller: Identity) -> Any:
        write_sets = private_data(self._ledger, block.header.number, self._msp_id, caller)
        return DeliverResponse(block_and_private_data=BlockAndPrivateData(block=block, private_data_map=write_sets))

    async def _serve(self, requests: AsyncIterator[Any], context: Context, render: Render) -> AsyncIterator[Any]:
        binding = certificate_hash(context)
        async for envelope in requests:
            try:
                async for response in self._blocks(envelope, binding, render):
                    yield response
            except _Refused as refused:
                yield DeliverResponse(status=refused.status)
                return
            yield DeliverResponse(status=Status.SUCCESS)

    async def _blocks(self, envelope: Any, binding: bytes, render: Render) -> AsyncIterator[Any]:
        caller, seek = self._request(envelope, binding)
        number, last = self._bounds(seek)
        while last is None or number <= last:
            if seek.behavior == SeekInfo.FAIL_IF_NOT_READY and number >= self._ledger.height:
                raise _Refused(Status.NOT_FOUND)
            await self._progress.height_above(number)
            if caller.expired:
                raise _Refused(Status.FORBIDDEN)
            block = await asyncio.to_thread(self._ledger.block, number)
            yield await asyncio.to_thread(render, block, caller)
            number += 1

    def _request(self, envelope: Any, binding: bytes) -> tuple[Identity, Any]:
        try:
            payload = Payload.FromString(envelope.payload)
            channel = ChannelHeader.FromString(payload.header.channel_header)
            signature = SignatureHeader.FromString(payload.header.signature_header)
            seek = SeekInfo.FromString(payload.data)
        except DecodeError as error:
            raise _Refused(Status.BAD_REQUEST) from error
        if not channel.HasField("timestamp") or not in_time(channel.timestamp):
            raise _Refused(Status.BAD_REQUEST)
        if channel.tls_cert_hash != binding:  # taken from another's connection
            raise _Refused(Status.BAD_REQUEST)
        if channel.channel_id != self._ledger.channel_id:
            raise _Refused(Status.NOT_FOUND)
        try:
            caller = self._ledger.msps.authenticate(signature.creator, envelope.payload, envelope.signature)
        except IdentityError as error:
            raise _Refused(Status.FORBIDDEN) from error
        if caller.expired or not access.may_read(caller, self._ledger.members.application):
            raise _Refused(Status.FORBIDDEN)
        if not seek.HasField("start") or not seek.HasField("stop"):
            raise _Refused(Status.BAD_REQUEST)
        return caller, seek

    def _bounds(self, seek: Any) -> tuple[int, int | None]:
        """Return the first and the last block; None stands for no end."""
        newest = self._ledger.height - 1
        positions = {"oldest": 0, "newest": newest, "next_commit": newest + 1}
        first = positions.get(seek.start.WhichOneof("Type"), seek.start.specified.number)
        kind = seek.stop.WhichOneof("Type")
        if kind == "oldest":
            return first, first
        if kind == "newest":
            return first, first if seek.start == seek.stop else newest
        last = seek.stop.specified.number if kind == "specified" else None
        if last is not None and last < first:
            raise _Refused(Status.BAD_REQUEST)
        return first, last


def certificate_hash(context: Context) -> bytes:
    """Return SHA-256 of the TLS certificate (DER) that a connection's client has shown."""
    [pem] = context.auth_context()["x509_pem_cert"]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).digest()
