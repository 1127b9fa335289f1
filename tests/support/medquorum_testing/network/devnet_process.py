# SPDX-License-Identifier: Apache-2.0
"""A devnet process with the asset chaincode on it: three organisations, any two endorse; one chaincode process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medquorum.gateway import Gateway, connect_profile
from medquorum.network.consortium.consortium import Consortium, Organisation, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity import crypto, profiles
from medquorum.network.supervision.health import operations
from medquorum_testing.network.networks import ASSET_CHAINCODE
from medquorum_testing.network.ports import free_port_base

CHAINCODE_ID = "asset_1.0:" + "0" * 64
START_SECONDS = 60


@dataclass
class DevnetProcess:
    """Everything that a test starts, kills and starts again."""

    root: Path
    consortium: Consortium = field(init=False)
    devnet: subprocess.Popen[bytes] | None = None
    chaincode: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        base = free_port_base(200)
        self.consortium = sample("small", hospitals=1, port_base=base, batch_interval_ms=50)
        self.folder = NetworkFolder(self.root)
        write(self.consortium, self.folder.consortium)
        crypto.generate(self.consortium, self.folder)
        profiles.write_all(self.consortium, self.folder)
        verifiers = self.consortium.having("verifier")
        first = verifiers[0]
        assert first.peer is not None
        self.chaincode_address = first.peer.chaincode_address
        root_cert = str(self.folder.tls_ca(first).relative_to(self.root))
        endpoint = {"address": self.chaincode_address, "root_cert": root_cert}
        self.definition = {
            "version": "1.0",
            "sequence": 1,
            "policy": "OutOf(2, {})".format(", ".join(f"'{one.msp_id}.peer'" for one in verifiers)),
            "collections": [
                {
                    "name": "ab",
                    "policy": "OR('VerifierAMSP.member', 'VerifierBMSP.member')",
                    "memberOnlyRead": True,
                }
            ],
            "endpoints": {one.msp_id: endpoint for one in verifiers},
            "package_id": CHAINCODE_ID,
        }
        self.folder.devnet.mkdir()
        self.define()

    def define(self, **changes: Any) -> None:
        self.folder.devnet_chaincodes.write_text(json.dumps({"asset": self.definition | changes}))

    def organisation(self, name: str) -> Organisation:
        return self.consortium.organisation(name)

    def start(self, identifier: str = CHAINCODE_ID) -> None:
        self.start_chaincode(identifier)
        self.start_devnet()

    def start_devnet(self) -> None:
        command = [sys.executable, "-m", "medquorum.network.devnet", "--dir", str(self.root)]
        log = (self.root / "devnet.log").open("ab")
        self.devnet = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while self.health("VerifierA") != 200:
            assert self.devnet.poll() is None, (self.root / "devnet.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def start_chaincode(self, identifier: str = CHAINCODE_ID) -> None:
        tls = self.folder.node_tls(self.organisation("VerifierA"))
        settings = {
            "CHAINCODE_SERVER_ADDRESS": self.chaincode_address,
            "CHAINCODE_ID": identifier,
            "CHAINCODE_TLS_DISABLED": "false",
            "CHAINCODE_TLS_KEY": str(tls / "server.key"),
            "CHAINCODE_TLS_CERT": str(tls / "server.crt"),
        }
        self.chaincode = subprocess.Popen(
            [sys.executable, str(ASSET_CHAINCODE)], env=os.environ | settings, stdout=subprocess.DEVNULL
        )

    def health(self, name: str) -> int:
        one = self.organisation(name)
        assert one.peer is not None
        with closing(operations(one.peer.host, one.peer.operations_port, self.folder.node_tls(one))) as connection:
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status
            except OSError:
                return 0

    def gateway(self, name: str = "VerifierA") -> Gateway:
        organisation = self.organisation(name)
        return connect_profile(self.folder.profile(organisation), f"User1@{organisation.domain}")

    def kill_devnet(self, number: int = signal.SIGKILL) -> int:
        assert self.devnet is not None
        self.devnet.send_signal(number)
        return self.devnet.wait(30)

    def end(self) -> None:
        for process in (self.devnet, self.chaincode):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(30)
