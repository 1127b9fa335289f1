# SPDX-License-Identifier: Apache-2.0
"""The network of the conformance scenarios: three organisations, any two endorse; on Fabric or on the devnet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medquorum.network.network import Kind, open_network
from medquorum.network.supervision.progress import Progress
from medquorum_testing.gateway.scenario import CHAINCODE, Organisation
from medquorum_testing.network.networks import RunningNetwork
from medquorum_testing.network.ports import free_port_base
from medquorum_testing.places import CHAINCODES

CODE = CHAINCODES / "conformance_chaincode.py"
PORTS = 130
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


@dataclass(frozen=True)
class ConformanceNetwork:
    """The running network, and what a client needs to know of its organisations."""

    running: RunningNetwork
    organisations: list[Organisation]


@contextmanager
def three_organisations(kind: Kind, folder: Path) -> Iterator[RunningNetwork]:
    """Bring a network of Org1, Org2 and Org3 up in a folder for as long as the context lasts."""
    port_base = free_port_base(PORTS)
    (folder / "consortium.toml").write_text(CONSORTIUM.format(port_base=port_base))
    running = RunningNetwork(open_network(folder, Progress(quiet=True)))
    try:
        running.network.up(kind)
        yield running
    finally:
        running.network.down(purge=True)


@contextmanager
def conformance_network(kind: Kind, folder: Path) -> Iterator[ConformanceNetwork]:
    """Bring the conformance scenarios' network up, with their chaincode, for as long as the context lasts."""
    collections = folder / "collections.json"
    collections.write_text(json.dumps(COLLECTIONS))
    with three_organisations(kind, folder) as running:
        running.deploy(CHAINCODE, CODE, collections=collections)
        running.await_acquaintance(CHAINCODE)
        organisations = [Organisation.read(running.profile(name)) for name in ("Org1", "Org2", "Org3")]
        yield ConformanceNetwork(running, organisations)
