# SPDX-License-Identifier: Apache-2.0
"""The connection between the parties: P1 calls P0's service, which offers it a line; both exchange messages over it.

1. P1's call names the connection; P0 refuses it while it does not wait for that name from that MSP.
2. P1 takes the offer up (:mod:`medquorum.verifier.service.line`). The first message, empty, is P0's: it has accepted.
3. Each exchange is one message each way. A thread writes, so that both may send at once messages that fit no buffer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Annotated, ClassVar

import grpc
import structlog
from pydantic import Field

from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.line import Line
from medquorum.verifier.service.line.listener import Expected, Lines
from medquorum.verifier.service.line.offer import LineOffer, dial

__all__ = ["SILENCE_TIMEOUT", "PartyConnection", "PartyListener", "connect_party"]

SILENCE_TIMEOUT = 600.0
"""Seconds of silence after which a connection counts as broken."""
_SERVICE = "medquorum.PartyConnection"
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
    line
        The connection owns it.
    silence_timeout
        Seconds of silence of the other party after which the connection counts as broken.

    Attributes
    ----------
    bytes_sent, bytes_received
        Of messages, without their lengths.
    """

    def __init__(self, line: Line, silence_timeout: float) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.rounds = 0
        self._line = line
        self._silence_timeout = silence_timeout
        self._ended = False
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="connection", daemon=True)
        self._writer.start()

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
            The connection was closed, is broken, or the other party is silent, for ``timeout`` seconds where given;
            no further message is taken then.
        """
        if self._ended:
            raise ProtocolError("the connection is closed", _REMEDY)
        try:
            message = bytes(self._line.read(self._silence_timeout if timeout is None else timeout))
        except OSError as error:
            self._ended = True  # part of a message may have come: the next read would begin within it
            silent = isinstance(error, TimeoutError)
            raise ProtocolError(f"the other party {'is silent' if silent else 'has stopped'}", _REMEDY) from error
        self.bytes_received += len(message)
        return message

    def close(self) -> None:
        """Send what is waiting, and end the line: the other party's next receive beyond it fails."""
        self._ended = True
        self._outgoing.put(None)
        end = time.monotonic() + _GRACE
        self._writer.join(_GRACE)
        if self._writer.is_alive():
            self.hang_up()  # nobody takes what is sent
            self._writer.join()
        if not self._line.finish(max(0.0, end - time.monotonic())):
            log.warning("the other party did not take the last messages", seconds=_GRACE)

    def hang_up(self) -> None:
        """End the line at once; from any thread: an exchange under way fails."""
        self._line.hang_up()

    def _write(self) -> None:
        try:
            for message in iter(self._outgoing.get, None):
                self._line.write(message)
        except OSError as error:
            log.info("the connection has ended", cause=type(error).__name__)
            self.hang_up()


class PartyListener:
    """P0's end: the service that P1 calls.

    Parameters
    ----------
    lines
        Where P1's lines arrive.
    silence_timeout
        Seconds of silence after which a connection counts as broken.
    """

    def __init__(self, lines: Lines, silence_timeout: float = SILENCE_TIMEOUT) -> None:
        self._lines = lines
        self._silence_timeout = silence_timeout
        self._awaited: dict[tuple[str, str], Expected] = {}
        self._guard = threading.Lock()

    def accept(self, name: str, peer: str, timeout: float) -> PartyConnection:
        """Wait until the organisation ``peer`` opens the connection called ``name``.

        Raises
        ------
        ProtocolError
            It did not within so many seconds, or that connection is awaited already.
        """
        key = name, peer
        with self._lines.expect(peer) as expected:
            with self._guard:
                if self._awaited.setdefault(key, expected) is not expected:
                    raise ProtocolError(f"the connection {name} of {peer} is awaited already", "Wait for it once")
            line = expected.line(timeout)
            with self._guard:
                del self._awaited[key]
        if line is None:
            raise ProtocolError(
                f"{peer} did not open the connection {name} within {timeout:.0f} s", "Check that its agent runs"
            )
        connection = PartyConnection(line, self._silence_timeout)
        connection.greet(b"")
        return connection

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def opened(raw: bytes, context: grpc.ServicerContext) -> bytes:
            return self._offer(caller(context), raw, context).encode()

        return grpc.method_handlers_generic_handler(_SERVICE, {"Open": grpc.unary_unary_rpc_method_handler(opened)})

    def _offer(self, msp_id: str, raw: bytes, context: grpc.ServicerContext) -> LineOffer:
        if len(raw) > _HEADER_BYTES:
            raise ProtocolError(f"a header of {len(raw)} bytes came", f"At most {_HEADER_BYTES} bytes are taken")
        name = _Header.decode(raw).connection
        with self._guard:
            expected = self._awaited.get((name, msp_id))
        if expected is None:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"the connection {name} is not awaited from {msp_id} now")
        return expected.offer


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

    def open_line(channel: grpc.Channel, left: float) -> PartyConnection:
        answer = channel.unary_unary(f"/{_SERVICE}/Open", bytes, bytes)(_Header(connection=name).encode(), timeout=left)
        channel.close()
        return _dialled(dial(credentials, address, peer, LineOffer.decode(answer), left), left, silence_timeout)

    return reach(credentials, address, peer, timeout, open_line)


def _dialled(line: Line, left: float, silence_timeout: float) -> PartyConnection:
    connection = PartyConnection(line, silence_timeout)
    try:
        connection.receive(left)  # empty: P0 has accepted
    except ProtocolError:
        connection.close()
        raise
    return connection
