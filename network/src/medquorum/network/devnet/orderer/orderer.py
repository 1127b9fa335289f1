# SPDX-License-Identifier: Apache-2.0
"""The ordering service: takes transactions, cuts batches by time, count and size, and has them committed in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import structlog
from fabric_protos.common.common_pb2 import ChannelHeader, Payload, SignatureHeader, Status
from google.protobuf.message import DecodeError

from medquorum.network.consortium.consortium import Channel
from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.policy import access
from medquorum.network.identity.msp import IdentityError

__all__ = ["Orderer", "Rejected"]

log = structlog.get_logger(__name__)
Listener = Callable[[int, list[tuple[str, int]]], None]
"""Told of each block: its number, and each transaction's id and validation code."""


class Rejected(Exception):
    """The ordering service refuses an envelope; ``status`` is a ``common.Status``."""

    def __init__(self, status: int, information: str) -> None:
        super().__init__(information)
        self.status = status
        self.information = information

    def __str__(self) -> str:
        name = Status.Name(self.status)
        return f"received unsuccessful response from orderer: status={name}, info={self.information}"


class Orderer:
    """One queue and one committing task for the channel.

    With ``bft`` a transaction id is ordered once, as SmartBFT's request pool has it; Raft orders repetitions too.
    """

    def __init__(self, ledger: Ledger, channel: Channel, executor: Executor, listener: Listener, *, bft: bool) -> None:
        self._ledger = ledger
        self._channel = channel
        self._executor = executor
        self._listener = listener
        self._bft = bft
        self._pooled: set[str] = set()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to cut and commit blocks."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Commit what was accepted, then end."""
        if self._task is not None:
            await self._queue.put(None)
            await self._task

    async def wait(self) -> None:
        """Wait for the end of the committing task; an error in it is raised here."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def accept(self, envelope: Any) -> None:
        """Check a transaction as an orderer does and queue it.

        Raises
        ------
        Rejected
            With the status an orderer answers.
        """
        data = envelope.SerializeToString()
        try:
            payload = Payload.FromString(envelope.payload)
            channel = ChannelHeader.FromString(payload.header.channel_header)
            signature = SignatureHeader.FromString(payload.header.signature_header)
        except DecodeError as error:
            raise Rejected(Status.BAD_REQUEST, "could not determine channel ID: bad header") from error
        if channel.channel_id != self._ledger.channel_id:
            raise Rejected(Status.BAD_REQUEST, f"channel creation request not allowed: {channel.channel_id}")
        size, largest = len(envelope.payload) + len(envelope.signature), self._channel.absolute_max_bytes
        if size > largest:
            text = f"message payload is {size} bytes and exceeds maximum allowed {largest} bytes"
            raise Rejected(Status.BAD_REQUEST, text)
        self._check_creator(envelope, signature.creator)
        if self._bft:
            if channel.tx_id in self._pooled:
                return  # "request already exists" counts as success
            if self._ledger.transaction(channel.tx_id):
                raise Rejected(Status.SERVICE_UNAVAILABLE, "failed to submit request: request already processed")
            self._pooled.add(channel.tx_id)
        self._queue.put_nowait(data)

    def _check_creator(self, envelope: Any, serialized: bytes) -> None:
        denied = "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the "
        denied += "'Writers' sub-policies to be satisfied: permission denied"
        try:
            if self._ledger.msps.identity(serialized).expired:
                raise Rejected(Status.BAD_REQUEST, "broadcast client identity expired")
            creator = self._ledger.msps.authenticate(serialized, envelope.payload, envelope.signature)
        except IdentityError as error:
            raise Rejected(Status.FORBIDDEN, denied) from error
        if not access.may_order(creator, self._ledger.members.application):
            raise Rejected(Status.FORBIDDEN, denied)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        carried: bytes | None = None
        while True:
            first = carried or await self._queue.get()
            if first is None:
                return
            batch, carried, last = await self._batch(first, loop.time() + self._channel.batch_interval_ms / 1000)
            number, outcomes = await loop.run_in_executor(self._executor, self._ledger.commit, batch)
            log.debug("block committed", number=number, transactions=len(batch))
            self._pooled.difference_update(tx_id for tx_id, _ in outcomes)
            self._listener(number, outcomes)
            if last:
                return

    async def _batch(self, first: bytes, deadline: float) -> tuple[list[bytes], bytes | None, bool]:
        """Collect a batch; return also a transaction that did not fit any more, and whether the end was asked for."""
        batch, size = [first], len(first)
        while len(batch) < self._channel.max_message_count and size < self._channel.preferred_max_bytes:
            try:
                async with asyncio.timeout_at(deadline):
                    following = await self._queue.get()
            except TimeoutError:
                break
            if following is None:
                return batch, None, True
            if size + len(following) > self._channel.preferred_max_bytes:
                return batch, following, False
            batch.append(following)
            size += len(following)
        return batch, None, False
