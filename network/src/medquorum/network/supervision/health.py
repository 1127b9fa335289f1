# SPDX-License-Identifier: Apache-2.0
"""Whether a node is ready to serve."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket

__all__ = ["listens", "serves"]

TIMEOUT = 2.0  # seconds


def serves(operations_port: int) -> bool:
    """Ask a peer's or orderer's own health check (``/healthz`` of its operations address)."""
    connection = http.client.HTTPConnection("127.0.0.1", operations_port, timeout=TIMEOUT)
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
