# SPDX-License-Identifier: Apache-2.0
"""A party in a process of its own, to be killed: reads its part from standard input, answers its line for ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import PartyListener, connect_party
from medquorum.verifier.service.server import Server

__all__ = ["start"]


def start(own: Credentials, name: str, peer: str, address: str | None = None) -> tuple[subprocess.Popen[str], str]:
    """Start P1, who opens a line to ``address``, or P0 without one; return the process and P0's address."""
    part = {
        "own": [own.certificate.decode(), own.key.decode()],
        "authorities": {msp: [root.decode() for root in roots] for msp, roots in own.authorities.items()},
        "name": name,
        "peer": peer,
        "address": address,
    }
    command = [sys.executable, str(Path(__file__))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(part) + "\n")
    process.stdin.flush()
    return process, address or process.stdout.readline().strip()


def main() -> None:
    """Be one party."""
    part = json.loads(sys.stdin.readline())
    roots = {msp: [root.encode() for root in found] for msp, found in part["authorities"].items()}
    certificate, key = (text.encode() for text in part["own"])
    own = Credentials(certificate, key, roots)
    if part["address"]:
        connection = connect_party(own, part["address"], part["peer"], part["name"], 20)
        while True:
            connection.exchange(b"P1")
    with Lines(own, "127.0.0.1:0") as lines, Server(own, "127.0.0.1:0", [listener := PartyListener(lines)]) as server:
        print(server.address, flush=True)
        connection = listener.accept(part["name"], part["peer"], 20)
        while True:
            connection.exchange(b"P0")


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    main()
