# SPDX-License-Identifier: Apache-2.0
"""How two parties exchange messages: the interface, and two parties in one process."""

from __future__ import annotations

import queue
from typing import Protocol

from medquorum.errors import ProtocolError

__all__ = ["InProcess", "Transport", "WrappedTransport", "in_process"]

_SILENCE_TIMEOUT = 600.0


class Transport(Protocol):
    """A party's connection to the other one. Counts what it sends."""

    @property
    def bytes_sent(self) -> int:
        """Bytes sent so far."""
        ...

    @property
    def bytes_received(self) -> int:
        """Bytes received so far."""
        ...

    @property
    def rounds(self) -> int:
        """Messages sent so far."""
        ...

    def send(self, message: bytes) -> None:
        """Send a message; its answer is received later, in the order in which messages were sent."""
        ...

    def receive(self) -> bytes:
        """Return the other party's next message."""
        ...

    def exchange(self, message: bytes) -> bytes:
        """Send a message and return the other party's of the same round."""
        ...


class WrappedTransport:
    """A connection over another one, which does the counting; what is on it is for a subclass to say."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def bytes_sent(self) -> int:
        """Bytes sent so far, on the connection below."""
        return self._transport.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes received so far, on the connection below."""
        return self._transport.bytes_received

    @property
    def rounds(self) -> int:
        """Messages sent so far, on the connection below."""
        return self._transport.rounds

    def send(self, message: bytes) -> None:
        """Send a message."""
        self._transport.send(message)

    def receive(self) -> bytes:
        """Return the other party's next message."""
        return self._transport.receive()

    def exchange(self, message: bytes) -> bytes:
        """Send a message and return the other party's of the same round."""
        self.send(message)
        return self.receive()


class InProcess:
    """One end of a connection between two threads; build both with :func:`in_process`."""

    def __init__(self, outgoing: queue.SimpleQueue[bytes | None], incoming: queue.SimpleQueue[bytes | None]) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.rounds = 0
        self._outgoing = outgoing
        self._incoming = incoming

    def send(self, message: bytes) -> None:
        """Send a message."""
        self.bytes_sent += len(message)
        self.rounds += 1
        self._outgoing.put(message)

    def receive(self) -> bytes:
        """Return the other party's next message.

        Raises
        ------
        ProtocolError
            The other party has closed the connection or is silent for ten minutes.
        """
        try:
            answer = self._incoming.get(timeout=_SILENCE_TIMEOUT)
        except queue.Empty as error:
            raise ProtocolError("the other party is silent", "Look at its log, then begin the batch anew") from error
        if answer is None:
            raise ProtocolError("the other party has stopped", "Look at its log, then begin the batch anew")
        self.bytes_received += len(answer)
        return answer

    def exchange(self, message: bytes) -> bytes:
        """Send a message and return the other party's of the same round; raises as :meth:`receive`."""
        self.send(message)
        return self.receive()

    def close(self) -> None:
        """Signal to the other party that no more messages come."""
        self._outgoing.put(None)


def in_process() -> tuple[InProcess, InProcess]:
    """Return the two ends of a connection between two threads of this process."""
    first: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    second: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    return InProcess(first, second), InProcess(second, first)
