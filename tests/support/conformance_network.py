# SPDX-License-Identifier: Apache-2.0
"""The network of the conformance scenarios: three organisations, any two endorse; on Fabric or on the devnet."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from scenario import CHAINCODE, Organisation

ROOT = Path(__file__).parents[2]
PORT_BASES = (20500, 20530, 20560, 20700, 20730, 20760)
CONSORTIUM = """\
name = "conformance"
consensus = "raft"
quorum = 2
port_base = {port_base}

[channel]
batch_interval_ms = 50

[[organisations]]
name = "Org1"
roles = ["verifier", "coordinator"]

[[organisations]]
name = "Org2"
roles = ["verifier", "coordinator"]

[[organisations]]
name = "Org3"
roles = ["verifier"]

[[orderers]]
name = "Orderer"
count = 1
"""
DEFAULTS = {"requiredPeerCount": 0, "maxPeerCount": 2, "blockToLive": 0, "memberOnlyRead": True}
COLLECTIONS = [
    DEFAULTS | {"name": "shared", "policy": "OR('Org1MSP.member', 'Org2MSP.member')", "memberOnlyWrite": True},
    DEFAULTS | {"name": "narrow", "policy": "OR('Org1MSP.member')", "memberOnlyWrite": False},
    DEFAULTS
    | {
        "name": "own",
        "policy": "OR('Org1MSP.member')",
        "memberOnlyWrite": False,
        "endorsementPolicy": {"signaturePolicy": "OR('Org1MSP.peer')"},
    },
]


def reserve_ports() -> tuple[IO[str], int]:
    """Take a block of ports that no other run on this machine uses; closing the file gives it back."""
    for base in PORT_BASES:
        file = (Path(tempfile.gettempdir()) / f"medquorum-conformance-{base}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return file, base
    raise RuntimeError(f"{len(PORT_BASES)} conformance networks are running on this machine already")


class ConformanceNetwork:
    """Brings the network up in a folder for as long as the context lasts."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.organisations: list[Organisation] = []

    def __enter__(self) -> Self:
        self._lock, port_base = reserve_ports()
        (self.folder / "consortium.toml").write_text(CONSORTIUM.format(port_base=port_base))
        collections = self.folder / "collections.json"
        collections.write_text(json.dumps(COLLECTIONS))
        try:
            self.run("up", "--network", self.kind)
            chaincode = ROOT / "tests" / "support" / "conformance_chaincode.py"
            self.run("deployCC", "-ccn", CHAINCODE, "-ccp", str(chaincode), "-cccg", str(collections))
        except BaseException:
            self.run("down")
            self._lock.close()
            raise
        organisations = self.folder / "organizations" / "peerOrganizations"
        self.organisations = [
            Organisation.read(organisations / f"org{n}.example.com" / f"connection-org{n}.json") for n in (1, 2, 3)
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.run("down")
        self._lock.close()

    def run(self, *arguments: str) -> None:
        """Run a command of the network's own command line."""
        command = [sys.executable, "-m", "network", *arguments, "--dir", str(self.folder)]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
