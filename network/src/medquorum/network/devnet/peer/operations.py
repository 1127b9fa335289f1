# SPDX-License-Identifier: Apache-2.0
"""The operations address of a peer: ``GET /healthz`` as Fabric answers it, ``PUT /peer/up`` and ``/peer/down``."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from medquorum.errors import NetworkError

__all__ = ["Operations"]

Switch = Callable[[bool], Awaitable[None]]
REQUEST_SECONDS = 5
HANDSHAKE_SECONDS = 3
REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


class Operations:
    """HTTP/1.1 without keep-alive, for whoever shows a TLS certificate of the organisation (``tls``: the node's)."""

    def __init__(self, address: tuple[str, int], tls: Path, is_up: Callable[[], bool], switch: Switch) -> None:
        self._address = address
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls / "ca.crt")
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(tls / "server.crt", tls / "server.key")
        self._is_up = is_up
        self._switch = switch
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        NetworkError
            When the address cannot be had.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, *self._address, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError as error:
            host, port = self._address
            raise NetworkError(f"cannot listen at {host}:{port}: {error}", "Free the port") from error

    async def stop(self) -> None:
        """End."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, *_ = head.split(" ", 2)
                status, document = await self._answer(method, path)
                body = json.dumps(document).encode()
                start = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
                writer.write(f"{start}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
                await writer.drain()
        except (TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return  # no HTTP request: nothing to answer
        finally:
            writer.close()

    async def _answer(self, method: str, path: str) -> tuple[int, dict[str, object]]:
        if (method, path) == ("GET", "/healthz"):
            now = datetime.datetime.now(datetime.UTC).isoformat()
            if self._is_up():
                return 200, {"status": "OK", "time": now}
            return 503, {"status": "Service Unavailable", "time": now}
        if method == "PUT" and path in ("/peer/up", "/peer/down"):
            await self._switch(path == "/peer/up")
            return 200, {"up": self._is_up()}
        return 404, {"error": f"no {method} {path}"}
