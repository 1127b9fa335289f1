# SPDX-License-Identifier: Apache-2.0
"""A line: whole messages both ways at once over one TLS socket, each behind its length (8 bytes, little-endian).

One thread may write while another reads. OpenSSL takes one call at a time for a connection, so the socket never blocks
inside one: whoever has to wait, waits outside, and the other direction goes on.
"""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from medquorum.errors import ProtocolError

__all__ = ["LONGEST", "Line"]

LONGEST = 2 << 30
"""Most bytes of a message."""
_LENGTH = 8
_RECORD = 16 << 10  # TLS encrypts at most so many bytes at a time
_SLICE = 2 << 20
"""Bytes within whose coming a silence is measured: a message may take long, but not stand still."""
_PAUSE = 0.002
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class Line:
    """One end of a line.

    Parameters
    ----------
    connection
        After the handshake; the line owns it.
    """

    def __init__(self, connection: ssl.SSLSocket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # sees a host that vanished
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        self._connection = connection
        self._call = threading.Lock()

    def write(self, *parts: bytes | memoryview) -> None:
        """Send parts as one message; returns when the system has taken all of it.

        Raises
        ------
        ConnectionError
            The line has ended.
        """
        head = sum(map(len, parts)).to_bytes(_LENGTH, "little")
        record: list[bytes | memoryview] = [head]
        for part in parts:
            if sum(map(len, record)) + len(part) > _RECORD:
                self._push(_joined(record))
                record = []
            record.append(part)
        self._push(_joined(record))

    def read(self, silence: float, longest: int = LONGEST) -> memoryview:
        """Return the other end's next message.

        Parameters
        ----------
        silence
            Seconds within which it must come, or the next 2 MiB of it.
        longest
            Most bytes that are taken.

        Raises
        ------
        ConnectionError
            The line has ended.
        TimeoutError
            The other end is silent.
        ProtocolError
            A longer message is announced.
        """
        length = int.from_bytes(self._take(_LENGTH, silence), "little")
        if length > longest:
            raise ProtocolError(f"a message of {length} bytes was announced", f"At most {longest} bytes are taken")
        return self._take(length, silence)

    def finish(self, grace: float) -> bool:
        """Close the line once the other end's system has all that was written; what it still sends is dropped.

        Not to be called while another thread reads or writes.

        Returns
        -------
        Whether it had all within so many seconds.
        """
        end, waiting = time.monotonic() + grace, _waiting(self._connection)
        while waiting and time.monotonic() < end and not self._await(0, time.monotonic() + _PAUSE):
            waiting = _waiting(self._connection)
        self._connection.close()
        return not waiting

    def hang_up(self) -> None:
        """End the line at once; from any thread: what waits for it fails."""
        with suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def _push(self, view: memoryview) -> None:
        sent = 0
        while sent < len(view):
            sent += self._moved(self._connection.send, view[sent:])

    def _take(self, length: int, silence: float) -> memoryview:
        view = np.empty(length, np.uint8).data  # of addresses: pages come with the bytes
        got, end = 0, time.monotonic() + silence
        while got < length:
            count = self._moved(self._connection.recv_into, view[got:], end)
            if not count:
                raise ConnectionError("the other end has ended the line")
            if got // _SLICE != (got + count) // _SLICE:
                end = time.monotonic() + silence
            got += count
        return view

    def _moved(self, move: Callable[[memoryview], int], view: memoryview, end: float | None = None) -> int:
        """Return how many bytes one call to the connection moved, once it could; TimeoutError after ``end``."""
        while True:
            with self._call:
                try:
                    return move(view[:_RECORD])
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
                except ssl.SSLError as error:
                    raise ConnectionError(str(error)) from error
            if not self._await(wanted, end):
                raise TimeoutError("the other end is silent")

    def _await(self, wanted: int, end: float | None = None) -> bool:
        """Wait for the socket; return whether it was ready, or broken, before ``end``, of time.monotonic()."""
        poll = select.poll()
        poll.register(self._connection, wanted)
        return bool(poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1e3))


def _joined(parts: list[bytes | memoryview]) -> memoryview:
    """Return short parts as one; a long one comes alone, and is not copied."""
    return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))


def _waiting(connection: socket.socket) -> int:
    """Return how many bytes were sent that the other end's system has not acknowledged; none of a closed socket."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])
    except ValueError:
        return 0
