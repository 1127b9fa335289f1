# SPDX-License-Identifier: Apache-2.0
"""Where lines arrive: a port of its own, and for each awaited line a ticket that a call hands out.

1. A service expects a line of an organisation, and answers that organisation's gRPC call with an offer: port and
   ticket (32 secret bytes, for one line).
2. The organisation dials the port with mutual TLS 1.3 and sends the ticket's bytes.
3. The line is handed over if the ticket is expected of the organisation whose certificate was shown.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self
from weakref import WeakSet

import structlog

from medquorum.errors import ConfigError, NetworkError
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.contexts import listening
from medquorum.verifier.service.line.line import Line
from medquorum.verifier.service.line.offer import LineOffer

__all__ = ["Expected", "Lines"]

HANDSHAKE_SECONDS = 3.0
"""Within which a connection must have shown certificate and ticket."""
_WAITING = 64
"""Connections that may be about to show them; where one more comes the one that has waited longest is hung up."""
_PATIENCE = 0.1
"""Seconds that one which is hung up may take to end before the next one is, too."""
_TICKET = 32
log = structlog.get_logger(__name__)


class Expected:
    """A line that is awaited; made by :meth:`Lines.expect`."""

    def __init__(self, msp_id: str, offer: LineOffer) -> None:
        self.msp_id = msp_id
        self.offer = offer
        self._line: Future[Line] = Future()
        self._taken = False

    def line(self, timeout: float) -> Line | None:
        """Return the line when it has come, None when it has not within so many seconds."""
        try:
            line = self._line.result(timeout)
        except Late:
            return None
        self._taken = True
        return line

    def arrived(self, line: Line) -> None:
        """Hand the line over."""
        self._line.set_result(line)

    def over(self) -> None:
        """Close a line that came too late to be taken."""
        if self._line.done() and not self._taken:
            self._line.result().finish(0)


class Lines:
    """Listens from entering the context until leaving it.

    Parameters
    ----------
    credentials
        The own ones; the organisations' authorities are read again at each connection.
    address
        ``host:port`` of the service beside it, of which the host counts.
    port
        0 takes a free one.
    """

    def __init__(self, credentials: Credentials, address: str, port: int = 0) -> None:
        self.port = port
        self._credentials = credentials
        self._host = address.rpartition(":")[0].strip("[]")
        self._expected: dict[bytes, Expected] = {}
        self._guard = threading.Lock()
        self._room = threading.BoundedSemaphore(_WAITING)
        self._welcomed: dict[ssl.SSLSocket, None] = {}
        self._open: WeakSet[Line] = WeakSet()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Listen.

        Raises
        ------
        NetworkError
            The port cannot be bound.
        """
        try:
            found = {entry[0] for entry in socket.getaddrinfo(self._host, self.port, type=socket.SOCK_STREAM)}
            family = socket.AF_INET if socket.AF_INET in found else socket.AF_INET6
            both = self._host == "::" and socket.has_dualstack_ipv6()  # as gRPC beside it takes both
            self._socket = socket.create_server(
                (self._host, self.port), family=family, backlog=_WAITING, dualstack_ipv6=both
            )
        except OSError as error:
            raise NetworkError(
                f"lines cannot be awaited on port {self.port} of {self._host}: {error.strerror}",
                "End what listens there, or name another with --line-port",
            ) from error
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, name="lines", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take no more, and hang up what is open."""
        self._ended.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._socket.close()
        with self._guard:
            still = list(self._open)
        for line in still:
            line.hang_up()

    @contextmanager
    def expect(self, msp_id: str) -> Iterator[Expected]:
        """Await one line of an organisation as long as the context lasts; nobody else's, and none later."""
        secret = secrets.token_bytes(_TICKET)
        expected = Expected(msp_id, LineOffer(port=self.port, ticket=secret.hex()))
        key = _key(secret)
        with self._guard:
            self._expected[key] = expected
        try:
            yield expected
        finally:
            with self._guard:
                self._expected.pop(key, None)
            expected.over()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed, the other side has gone, or no more files are left
                self._ended.wait(0.05)
                continue
            self._make_room()
            try:
                threading.Thread(target=self._welcome, args=(connection,), name="line", daemon=True).start()
            except RuntimeError:  # no more threads are left
                connection.close()
                self._room.release()

    def _make_room(self) -> None:
        """Wait for room; strangers that only wait must not keep out a member, who shows its ticket at once."""
        patience = 0.0
        while not self._room.acquire(timeout=patience):
            with self._guard:
                longest = next(iter(self._welcomed), None)
                if longest is not None:
                    del self._welcomed[longest]
                    with suppress(OSError):
                        socket.socket.shutdown(longest, socket.SHUT_RDWR)  # its thread ends
            patience = _PATIENCE

    def _welcome(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(HANDSHAKE_SECONDS)
            known = self._known()
            context = listening(known)
            with ExitStack() as stack:
                secure = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                stack.enter_context(secure)
                stack.callback(self._leave, secure)
                with self._guard:
                    self._welcomed[secure] = None
                secure.do_handshake()
                certificate = ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True) or b"")
                if self._handed_over(secure, secure.recv(_TICKET), known.msp_of(certificate.encode())):
                    stack.pop_all()
        except Exception as error:  # whatever a stranger sends ends its own connection only
            connection.close()
            log.info("line refused", error=type(error).__name__)
        finally:
            self._room.release()

    def _leave(self, secure: ssl.SSLSocket) -> None:
        with self._guard:
            self._welcomed.pop(secure, None)

    def _handed_over(self, secure: ssl.SSLSocket, ticket: bytes, msp_id: str | None) -> bool:
        """Hand a line over if it is expected of that organisation; return whether it is."""
        with self._guard:
            expected = self._expected.get(_key(ticket))
            if expected is not None and expected.msp_id == msp_id:
                del self._expected[_key(ticket)]
                self._welcomed.pop(secure, None)
                line = Line(secure)
                self._open.add(line)
                expected.arrived(line)
                return True
        log.warning("line refused", organisation=msp_id, cause="not expected")
        return False

    def _known(self) -> Credentials:
        """Return what is known of the organisations now."""
        try:
            self._credentials = self._credentials.newest()
        except ConfigError as error:
            log.warning("the authorities cannot be read again, those known stay", cause=error.cause)
        return self._credentials


def _key(ticket: bytes) -> bytes:
    """Return what a ticket is looked up by: how long that takes says nothing about it."""
    return hashlib.sha256(ticket).digest()
