# SPDX-License-Identifier: Apache-2.0
"""The peer's side of one chaincode stream (``protos.Chaincode/Connect``): REGISTER, READY, then transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import structlog
from fabric_protos.peer.chaincode_pb2 import ChaincodeAdditionalParams, ChaincodeID
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage
from fabric_protos.peer.chaincode_shim_pb2_grpc import ChaincodeStub

from medquorum.network.devnet.policy.definition import Endpoint

__all__ = ["STREAM_TERMINATED", "ChaincodeStream", "ExecutionError", "RequestHandler", "refusal"]

STREAM_TERMINATED = "chaincode stream terminated"
EXECUTION_TIMED_OUT = "timeout expired while executing transaction"
CONNECT_SECONDS = 10
EXECUTE_SECONDS = 30
MESSAGE_LIMIT = 100 << 20
BATCH_SIZE = 1000
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.use_local_subchannel_pool", 1),  # a new dial must not inherit an old one's back-off
    ("grpc.keepalive_time_ms", 60_000),
)

log = structlog.get_logger(__name__)
RequestHandler = Callable[[Any], Awaitable[Any]]
"""Answers one request of a running transaction, message for message."""


class ExecutionError(Exception):
    """The chaincode could not be run to its end; the text is what a peer answers."""


class ChaincodeStream:
    """A connected chaincode process of one organisation."""

    def __init__(self, channel: grpc.aio.Channel, call: Any) -> None:
        self._channel = channel
        self._call = call
        self._incoming: AsyncIterator[Any] = aiter(call)
        self._writing = asyncio.Lock()
        self._running: dict[tuple[str, str], tuple[asyncio.Future[Any], RequestHandler]] = {}
        self._busy: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._reader: asyncio.Task[None] | None = None
        self.ended = False

    @classmethod
    async def connect(cls, endpoint: Endpoint, package_id: str, folder: Path) -> ChaincodeStream:
        """Dial a chaincode server and wait for its registration under the package id.

        Raises
        ------
        ExecutionError
            When nothing answers, or another chaincode does.
        """
        options = [*OPTIONS, ("grpc.enable_http_proxy", 0)]  # chaincode runs on the peer's own host
        if endpoint.root_cert:
            pem = [
                None if name is None else (folder / name).read_bytes()
                for name in (endpoint.root_cert, endpoint.client_key, endpoint.client_cert)
            ]
            credentials = grpc.ssl_channel_credentials(*pem)
            channel = grpc.aio.secure_channel(endpoint.address, credentials, options)
        else:
            channel = grpc.aio.insecure_channel(endpoint.address, options)
        stream = cls(channel, ChaincodeStub(channel).Connect())
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await stream._register(package_id)
        except (grpc.RpcError, TimeoutError, asyncio.CancelledError) as error:
            await channel.close(None)
            if isinstance(error, asyncio.CancelledError):
                raise
            cause = f"failed to create connection to {endpoint.address}"
            raise ExecutionError(
                f"could not launch chaincode {package_id}: connection to {package_id} failed: {cause}"
            ) from error
        except ExecutionError:
            await channel.close(None)
            raise
        stream._reader = asyncio.create_task(stream._read())
        return stream

    async def execute(self, message: Any, handler: RequestHandler) -> Any:
        """Run one transaction; return the chaincode's COMPLETED or ERROR message.

        Raises
        ------
        ExecutionError
            When the stream ends, the time is over, or the transaction already runs here.
        """
        key = (message.channel_id, message.txid)
        if key in self._running:
            raise ExecutionError(f"txid: {message.txid}({message.channel_id}) exists")
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._running[key] = (done, handler)
        try:
            async with asyncio.timeout(EXECUTE_SECONDS):
                await self._send(message)
                return await done
        except TimeoutError as error:
            raise ExecutionError(EXECUTION_TIMED_OUT) from error
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise ExecutionError(STREAM_TERMINATED) from error
        finally:
            del self._running[key]
            if (task := self._busy.get(key)) is not None:
                await asyncio.wait([task])  # a request in progress still uses the transaction's snapshot

    async def close(self) -> None:
        """End the stream."""
        self._end()
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._channel.close(None)

    async def _register(self, package_id: str) -> None:
        message = await anext(self._incoming, None)
        if message is None or message.type != ChaincodeMessage.REGISTER:
            raise ExecutionError(f"could not launch chaincode {package_id}: the process did not register")
        name = ChaincodeID.FromString(message.payload).name
        if name != package_id:
            raise ExecutionError(f"could not launch chaincode {package_id}: the process registered as {name}")
        offer = ChaincodeAdditionalParams(
            use_write_batch=True,
            max_size_write_batch=BATCH_SIZE,
            use_get_multiple_keys=True,
            max_size_get_multiple_keys=BATCH_SIZE,
        )
        await self._send(ChaincodeMessage(type=ChaincodeMessage.REGISTERED))
        await self._send(ChaincodeMessage(type=ChaincodeMessage.READY, payload=offer.SerializeToString()))

    async def _send(self, message: Any) -> None:
        async with self._writing:
            await self._call.write(message)

    async def _read(self) -> None:
        try:
            async for message in self._incoming:
                self._take(message)
        except grpc.RpcError as error:
            log.info("chaincode stream broke", reason=str(error.code()))
        finally:
            self._end()
        await self._channel.close(None)

    def _take(self, message: Any) -> None:
        key = (message.channel_id, message.txid)
        if message.type == ChaincodeMessage.KEEPALIVE:
            return
        final = message.type in (ChaincodeMessage.COMPLETED, ChaincodeMessage.ERROR)
        done, handler = self._running.get(key, (None, _no_transaction))
        if final:
            if done is not None and not done.done():
                done.set_result(message)
        elif key in self._busy:
            log.warning("another request of this transaction is pending, this one is dropped", transaction=message.txid)
        else:
            self._busy[key] = asyncio.create_task(self._answer(key, message, handler))

    async def _answer(self, key: tuple[str, str], message: Any, handler: RequestHandler) -> None:
        try:
            answer = await handler(message)
        except Exception as error:
            log.exception("a chaincode's request failed", transaction=message.txid)
            answer = refusal(message, f"internal error: {type(error).__name__}")
        finally:
            del self._busy[key]
        try:
            await self._send(answer)
        except (grpc.RpcError, asyncio.InvalidStateError):
            self._end()

    def _end(self) -> None:
        self.ended = True
        for done, _ in self._running.values():
            if not done.done():
                done.set_exception(ExecutionError(STREAM_TERMINATED))


def refusal(message: Any, cause: str) -> Any:
    """Make the ERROR that answers a chaincode's request."""
    kind = ChaincodeMessage.Type.Name(message.type)
    text = f"{kind} failed: transaction ID: {message.txid}: {cause}"
    return ChaincodeMessage(
        type=ChaincodeMessage.ERROR, payload=text.encode(), txid=message.txid, channel_id=message.channel_id
    )


async def _no_transaction(message: Any) -> Any:
    """Answer a chaincode that goes on with a transaction that is over here."""
    return refusal(message, "no ledger context")
