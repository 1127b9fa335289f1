# SPDX-License-Identifier: Apache-2.0
"""Whether a node is ready to serve."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from pathlib import Path

from medquorum.network.consortium.consortium import LOOPBACK

__all__ = ["listens", "operations", "serves"]

TIMEOUT = 2.0  # seconds


def operations(host: str, port: int, tls: Path, seconds: float = TIMEOUT) -> http.client.HTTPSConnection:
    """Return a connection to a node's operations address, with the node's own TLS certificate (its folder ``tls``)."""
    trusted = ssl.create_default_context(cafile=tls / "ca.crt")
    trusted.check_hostname = False  # the port says which node it is; a certificate need not name 127.0.0.1
    trusted.load_cert_chain(tls / "server.crt", tls / "server.key")
    return http.client.HTTPSConnection(host, port, context=trusted, timeout=seconds)


def serves(operations_port: int, tls: Path) -> bool:
    """Ask a peer's or orderer's own health check (``/healthz`` of its operations address)."""
    connection = operations(LOOPBACK, operations_port, tls)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/healthz")
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return False
    return bool(answer.get("status") == "OK")


def listens(host: str, port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT):
            return True
    except OSError:
        return False
