# SPDX-License-Identifier: Apache-2.0
"""One peer's stream: REGISTER, REGISTERED, READY, then transactions that interleave until the peer leaves."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import structlog
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2
from google.protobuf.message import DecodeError

from medquorum.shim.errors import PeerError
from medquorum.shim.exchange import Exchange
from medquorum.shim.executor import BoundedExecutor
from medquorum.shim.interface import Chaincode, error
from medquorum.shim.invocation import completed, run
from medquorum.shim.stub import PeerOffer

__all__ = ["MESSAGE_LIMIT", "PeerStream"]

MESSAGE_LIMIT = 100 << 20
"""The largest message a Fabric peer takes, in bytes; a larger one would cost the whole stream."""

DEFAULT_BATCH = 100
ACCEPTANCE_TIMEOUT = 10.0

log = structlog.get_logger(__name__)
Message = chaincode_shim_pb2.ChaincodeMessage


class PeerStream:
    """The chaincode's side of ``protos.Chaincode/Connect`` with one peer."""

    def __init__(self, chaincode: Chaincode, chaincode_id: str, executor: BoundedExecutor, peer: str) -> None:
        self._chaincode = chaincode
        self._id = chaincode_id
        self._executor = executor
        self._log = log.bind(peer=peer)
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        self._state = "created"
        self._settled = threading.Event()
        self._offer = PeerOffer()

    def converse(self, incoming: Iterator[Any]) -> Iterator[Any]:
        """Yield the messages for the peer until ``close`` or the end of ``incoming``, which a thread reads.

        A peer that expects another package id answers nothing and lets its client hang, so that stream is ended here.
        """
        registration = chaincode_pb2.ChaincodeID(name=self._id).SerializeToString()
        yield Message(type=Message.REGISTER, payload=registration)
        threading.Thread(target=self._read, args=(incoming,), name="peer-reader", daemon=True).start()
        if not self._settled.wait(ACCEPTANCE_TIMEOUT):
            self.close(f"the peer did not accept the chaincode within {ACCEPTANCE_TIMEOUT:.0f} s")
        while (message := self._outgoing.get()) is not None:
            yield message

    def close(self, cause: str) -> None:
        """End the stream: waiting requests fail with this cause, nothing more is sent. May be called again."""
        with self._guard:
            before, self._state = self._state, "ended"
            exchanges = list(self._exchanges.values())
        if before == "ended":
            return
        self._settled.set()
        for exchange in exchanges:
            exchange.end(cause)
        self._outgoing.put(None)
        if before == "ready":
            self._log.info("stream ended", cause=cause, unfinished=len(exchanges))
        else:
            self._log.warning(
                "stream ended before the peer accepted the chaincode",
                cause=cause,
                chaincode_id=self._id,
                remedy="compare CHAINCODE_ID with `peer lifecycle chaincode queryinstalled` on that peer",
            )

    def _read(self, incoming: Iterator[Any]) -> None:
        cause = "the peer ended the stream"
        try:
            for message in incoming:
                if not self._receive(message):
                    cause = "the peer broke the protocol"
                    break
        except grpc.RpcError:
            cause = "the connection to the peer broke"
        finally:
            self.close(cause)

    def _receive(self, message: Any) -> bool:
        """Handle one message; False when it is not allowed in this state."""
        if message.type == Message.KEEPALIVE:
            self._outgoing.put(message)
        elif self._state == "ready" and message.type in (Message.RESPONSE, Message.ERROR):
            self._deliver(message)
        elif self._state == "ready" and message.type in (Message.TRANSACTION, Message.INIT):
            self._accept(message)
        elif self._state == "created" and message.type == Message.REGISTERED:
            self._state = "established"
        elif self._state == "established" and message.type == Message.READY:
            return self._ready(message)
        else:
            text = f"{_type_name(message.type)} is not allowed while the stream is {self._state}"
            self._log.error("protocol error", text=text)
            self._outgoing.put(Message(type=Message.ERROR, payload=text.encode(), txid=message.txid))
            return False
        return True

    def _ready(self, message: Any) -> bool:
        try:
            offer = chaincode_pb2.ChaincodeAdditionalParams.FromString(message.payload)
        except DecodeError:
            self._log.error("protocol error", text="READY cannot be parsed")
            return False
        self._offer = PeerOffer(
            write_batch=offer.use_write_batch and (offer.max_size_write_batch or DEFAULT_BATCH),
            multiple_keys=offer.use_get_multiple_keys and (offer.max_size_get_multiple_keys or DEFAULT_BATCH),
        )
        self._state = "ready"
        self._settled.set()
        self._log.info("peer accepted the chaincode", chaincode_id=self._id)
        return True

    def _deliver(self, message: Any) -> None:
        with self._guard:
            exchange = self._exchanges.get((message.channel_id, message.txid))
        if exchange is None or not exchange.answer(message):
            self._log.warning("answer without a request", tx_id=message.txid, channel=message.channel_id)

    def _accept(self, message: Any) -> None:
        key = (message.channel_id, message.txid)
        exchange = Exchange(*key, self._send)
        with self._guard:
            if self._state == "ended":
                return
            running = self._exchanges.setdefault(key, exchange) is not exchange
        if running:
            self._refuse(message, "BUSY: this transaction is still running. Send it again under a new transaction id")
        elif not self._executor.submit(lambda: self._run(message, exchange), message.ByteSize()):
            with self._guard:
                del self._exchanges[key]
            self._refuse(message, "BUSY: the chaincode is stopping or has too many transactions at work. Try later")

    def _run(self, message: Any, exchange: Exchange) -> None:
        try:
            answer = run(self._chaincode, message, exchange, self._offer)
            if answer.ByteSize() > MESSAGE_LIMIT:
                answer = completed(message, error(f"TOO_LARGE: the result exceeds {MESSAGE_LIMIT} bytes"))
        finally:
            with self._guard:
                del self._exchanges[exchange.channel_id, exchange.tx_id]
        self._outgoing.put(answer)

    def _refuse(self, message: Any, text: str) -> None:
        self._log.warning("transaction refused", tx_id=message.txid, channel=message.channel_id, cause=text)
        self._outgoing.put(completed(message, error(text)))

    def _send(self, message: Any) -> None:
        if message.ByteSize() > MESSAGE_LIMIT:
            raise PeerError(f"a request exceeds the {MESSAGE_LIMIT} bytes a peer takes", "Split the value into chunks")
        self._outgoing.put(message)


def _type_name(number: int) -> str:
    """Return a message type's name; a peer may send any number."""
    known = Message.Type.DESCRIPTOR.values_by_number.get(number)
    return known.name if known else f"type {number}"
