# SPDX-License-Identifier: Apache-2.0
"""Connections that say nothing, as an outsider without a certificate makes them."""

from __future__ import annotations

import socket
from contextlib import ExitStack

__all__ = ["assert_silent_connections_end"]

CONNECTIONS = 20
SECONDS = 15.0


def assert_silent_connections_end(address: str) -> None:
    """Check that a server closes connections on which nothing is said, within seconds."""
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((host, int(port)), SECONDS)) for _ in range(CONNECTIONS)]
        for one in silent:
            while one.recv(4096):  # a server may greet before it gives up
                pass
