# SPDX-License-Identifier: Apache-2.0
"""The connection between the parties: P1 opens a stream of gRPC to P0's service and both exchange messages over it.

1. P1's first message is the header {connection: name}; P0 refuses it while it does not wait for that name from that
   MSP.
2. P0's first message is empty: it has accepted.
3. Each exchange is one message each way. A thread reads, gRPC's own threads write, so that both may send at once
   messages that fit no buffer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, ClassVar, cast

import grpc
import structlog
from pydantic import Field

from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.service.admission import HEADER_SECONDS, receive
from medquorum.verifier.service.connection import Incoming, reach
from medquorum.verifier.service.frames import read_message, split_all
from medquorum.verifier.service.identity import Credentials

__all__ = ["SILENCE_TIMEOUT", "PartyConnection", "PartyListener", "connect_party"]

SILENCE_TIMEOUT = 600.0
"""Seconds of silence after which a connection counts as broken."""
_SERVICE = "medquorum.PartyConnection"
_AHEAD = 16  # frames that wait to be taken
_GRACE = 5.0
_HEADER_BYTES = 4096
_REMEDY = "Look at its log, then begin the batch anew"
log = structlog.get_logger(__name__)


class _Header(Message):
    called: ClassVar[str] = "connection's header"

    connection: Annotated[str, Field(min_length=1, max_length=256)]


class PartyConnection:
    """One end of a connection; made by :meth:`PartyListener.accept` and :func:`connect_party`.

    Parameters
    ----------
    hang_up
        Ends the call at once.
    silence_timeout
        Seconds of silence of the other party after which the connection counts as broken.

    Attributes
    ----------
    bytes_sent, bytes_received
        Of messages, without frames.
    """

    def __init__(self, hang_up: Callable[[], object], silence_timeout: float) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.rounds = 0
        self.failure: grpc.RpcError | None = None
        self._hang_up = hang_up
        self._silence_timeout = silence_timeout
        self._ended = False
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._incoming: queue.Queue[bytes | None] = queue.Queue(_AHEAD)

    def exchange(self, message: bytes) -> bytes:
        """Send a message and return the other party's of the same round; raises as :meth:`receive`."""
        self.send(message)
        return self.receive()

    def send(self, message: bytes) -> None:
        """Hand a message to the writer; returns at once."""
        self.greet(message)
        self.bytes_sent += len(message)
        self.rounds += 1

    def greet(self, message: bytes) -> None:
        """Send one of the messages that make the connection, which are not counted."""
        self._outgoing.put(message)

    def receive(self, timeout: float | None = None) -> bytes:
        """Return the other party's next message.

        Raises
        ------
        ProtocolError
            The connection was closed, is broken, or the other party is silent, for ``timeout`` seconds where given.
        """
        message = read_message(lambda: self._next(self._silence_timeout if timeout is None else timeout))
        self.bytes_received += len(message)
        return message

    def frames(self) -> Iterator[bytes]:
        """Return the frames of what is sent, until the connection is closed."""
        return split_all(iter(self._outgoing.get, None))

    def read(self, incoming: Iterator[bytes]) -> None:
        """Begin to read the other party's frames."""
        threading.Thread(target=self._read, args=(incoming,), name="connection", daemon=True).start()

    def close(self) -> None:
        """Send what is waiting, tell the other party that no more comes, and end the call."""
        self._outgoing.put(None)
        end = time.monotonic() + _GRACE
        while not self._ended and (left := end - time.monotonic()) > 0:  # frames that still come are dropped
            with suppress(queue.Empty):
                self._ended = self._incoming.get(timeout=left) is None
        if not self._ended:
            log.warning("the other party did not end the connection", seconds=_GRACE)
        self._ended = True
        self._hang_up()

    def hang_up(self) -> None:
        """End the call at once; from any thread: an exchange under way fails."""
        self._hang_up()

    def broken(self) -> None:
        """Stop the writer: nobody reads any more."""
        self._outgoing.put(None)

    def _read(self, incoming: Iterator[bytes]) -> None:
        try:
            for frame in incoming:
                self._incoming.put(frame)
        except grpc.RpcError as error:
            self.failure = error
        finally:
            self.broken()
            self._incoming.put(None)

    def _next(self, timeout: float) -> bytes:
        if self._ended:
            raise ProtocolError("the connection is closed", _REMEDY)
        try:
            frame = self._incoming.get(timeout=timeout)
        except queue.Empty as error:
            raise ProtocolError("the other party is silent", _REMEDY) from error
        if frame is None:
            self._ended = True
            raise ProtocolError("the other party has stopped", _REMEDY) from self.failure
        return frame


class PartyListener:
    """P0's end: the service that P1 calls.

    Parameters
    ----------
    silence_timeout
        Seconds of silence after which a connection counts as broken.
    """

    def __init__(self, silence_timeout: float = SILENCE_TIMEOUT) -> None:
        self._silence_timeout = silence_timeout
        self._awaited: dict[tuple[str, str], PartyConnection | None] = {}
        self._changed = threading.Condition()

    def accept(self, name: str, peer: str, timeout: float) -> PartyConnection:
        """Wait until the organisation ``peer`` opens the connection called ``name``.

        Raises
        ------
        ProtocolError
            It did not within so many seconds, or that connection is awaited already.
        """
        key = name, peer
        with self._changed:
            if key in self._awaited:
                raise ProtocolError(f"the connection {name} of {peer} is awaited already", "Wait for it once")
            self._awaited[key] = None
            self._changed.wait_for(lambda: self._awaited[key] is not None, timeout)
            connection = self._awaited.pop(key)
        if connection is None:
            raise ProtocolError(
                f"{peer} did not open the connection {name} within {timeout:.0f} s", "Check that its agent runs"
            )
        connection.greet(b"")
        return connection

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def opened(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            return self._open(caller(context), requests, context)

        return grpc.method_handlers_generic_handler(_SERVICE, {"Open": grpc.stream_stream_rpc_method_handler(opened)})

    def _open(self, msp_id: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        name = _Header.decode(receive(requests, context, _HEADER_BYTES, HEADER_SECONDS)).connection
        connection = PartyConnection(context.cancel, self._silence_timeout)
        key = name, msp_id
        with self._changed:
            awaited = key in self._awaited and self._awaited[key] is None
            if awaited:
                self._awaited[key] = connection
                self._changed.notify_all()
        if not awaited:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"the connection {name} is not awaited from {msp_id} now")
        context.add_callback(connection.broken)
        connection.read(requests)
        yield from connection.frames()


def connect_party(
    credentials: Credentials,
    address: str,
    peer: str,
    name: str,
    timeout: float,
    silence_timeout: float = SILENCE_TIMEOUT,
) -> PartyConnection:
    """Open the connection called ``name`` to P0.

    Parameters
    ----------
    address
        ``host:port`` of P0's service.
    peer
        P0's MSP id.
    timeout
        Seconds within which P0 must have accepted.
    silence_timeout
        Seconds of silence after which the connection counts as broken.

    Raises
    ------
    ProtocolError
        P0 did not accept within the time, or the service there is not P0's.
    """
    return reach(credentials, address, peer, timeout, lambda channel, left: _dial(channel, name, left, silence_timeout))


def _dial(channel: grpc.Channel, name: str, left: float, silence_timeout: float) -> PartyConnection:
    connection = PartyConnection(channel.close, silence_timeout)
    connection.greet(_Header(connection=name).encode())
    call = cast(Incoming, channel.stream_stream(f"/{_SERVICE}/Open", bytes, bytes)(connection.frames()))
    connection.read(call)
    try:
        connection.receive(left)  # empty: P0 has accepted
    except ProtocolError as error:
        call.cancel()
        raise connection.failure or error from None
    return connection
