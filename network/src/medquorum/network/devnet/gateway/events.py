# SPDX-License-Identifier: Apache-2.0
"""Chaincode events: those of a block's valid transactions, from any block on, as ``ChaincodeEvents`` streams them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, HeaderType, Payload
from fabric_protos.gateway.gateway_pb2 import ChaincodeEventsResponse
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent
from fabric_protos.peer.transaction_pb2 import TxValidationCode
from google.protobuf.message import DecodeError

from medquorum.network.devnet.gateway.call_error import CallError
from medquorum.network.devnet.ledger.block import validation_codes
from medquorum.network.devnet.ledger.history import action_of
from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.ledger.progress import Progress

__all__ = ["BlockEvents", "block_events", "stream"]

REMEMBERED_BLOCKS = 256


def block_events(block: Any) -> list[Any]:
    """Return the events (``protos.ChaincodeEvent``) of a block's valid transactions, in their order."""
    events = []
    for data, code in zip(block.data.data, validation_codes(block), strict=True):
        if code != TxValidationCode.VALID or not _endorsed(data):
            continue
        _, action = action_of(data)
        if action.events:
            events.append(ChaincodeEvent.FromString(action.events))
    return events


class BlockEvents:
    """Events by block, read once for all the streams that wait for the block; lives in the event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[int, asyncio.Task[list[Any]]] = {}

    async def of(self, number: int) -> list[Any]:
        """Return the events of a block that exists."""
        if number not in self._known:
            if len(self._known) >= REMEMBERED_BLOCKS:
                del self._known[next(iter(self._known))]
            self._known[number] = asyncio.create_task(asyncio.to_thread(self._read, number))
        return await asyncio.shield(self._known[number])

    def _read(self, number: int) -> list[Any]:
        return block_events(self._ledger.block(number))


async def stream(ledger: Ledger, progress: Progress, events: BlockEvents, request: Any) -> AsyncIterator[Any]:
    """Yield one response per block that has events of the requested chaincode; never ends by itself."""
    number = await asyncio.to_thread(_start, ledger, request)
    wanted = _matcher(request)
    while True:
        await progress.height_above(number)
        matching = [event for event in await events.of(number) if wanted(event)]
        if matching:
            yield ChaincodeEventsResponse(events=matching, block_number=number)
        number += 1


def _start(ledger: Ledger, request: Any) -> int:
    if request.after_transaction_id:
        transaction = ledger.transaction(request.after_transaction_id)
        if transaction:
            return transaction[0]
    kind = request.start_position.WhichOneof("Type")
    if kind == "specified":
        return int(request.start_position.specified.number)
    if kind in (None, "next_commit"):
        return ledger.height
    raise CallError(grpc.StatusCode.INVALID_ARGUMENT, f"invalid start position type: {kind}")


def _matcher(request: Any) -> Callable[[Any], bool]:
    """Select the chaincode's events; with a transaction to start after, only those behind its event."""
    passed = not request.after_transaction_id

    def matches(event: Any) -> bool:
        nonlocal passed
        if not passed:
            passed = event.tx_id == request.after_transaction_id
            return False
        return bool(event.chaincode_id == request.chaincode_id)

    return matches


def _endorsed(data: bytes) -> bool:
    """Return whether an envelope is an endorsed transaction (the first block holds the configuration)."""
    try:
        header = Payload.FromString(Envelope.FromString(data).payload).header
        return bool(ChannelHeader.FromString(header.channel_header).type == HeaderType.ENDORSER_TRANSACTION)
    except DecodeError:
        return False
