# SPDX-License-Identifier: Apache-2.0
"""Running networks for tests: ``networks.start("devnet")``, ``networks.start("fabric", hospitals=3)``.

Without Fabric's binaries ``start("fabric")`` skips the test. What still runs when the session ends is taken down.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medquorum.errors import BinaryMissing
from medquorum.gateway import Contract, GatewayError, connect_profile
from medquorum.network.consortium.consortium import Consortium, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.chaincodes import Deployment, request
from medquorum.network.fabric import binaries
from medquorum.network.network import Kind, Network, open_network
from medquorum.network.supervision.processes import records
from medquorum.network.supervision.progress import Progress
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.network.ports import free_port_base
from medquorum_testing.places import CHAINCODES

__all__ = ["ASSET_CHAINCODE", "Networks", "RunningNetwork", "has_fabric", "need_fabric", "networks"]

ASSET_CHAINCODE = CHAINCODES / "asset_chaincode.py"
GOSSIP_SECONDS = 5.0  # more than the interval at which peers tell their chaincodes, see core.yaml
YOUNG_SECONDS = 20.0


@dataclass(frozen=True)
class RunningNetwork:
    """A network that is up: its folder, consortium, and what tests do with it."""

    network: Network

    @property
    def kind(self) -> Kind:
        """``fabric`` or ``devnet``."""
        kind = self.network.kind
        assert kind is not None
        return kind

    @property
    def folder(self) -> NetworkFolder:
        """Where its files lie."""
        return self.network.folder

    @property
    def consortium(self) -> Consortium:
        """Who takes part."""
        return self.network.consortium

    def profile(self, name: str) -> Path:
        """Path of an organisation's connection profile; the wallet lies beside it."""
        return self.folder.profile(self.consortium.organisation(name))

    def label(self, name: str, user: str = "User1") -> str:
        """Label of an identity in its organisation's wallet (``User1@hospital1.example.com``)."""
        return f"{user}@{self.consortium.organisation(name).domain}"

    def deploy(self, name: str = "asset", path: Path | None = ASSET_CHAINCODE, **options: Any) -> Deployment:
        """Deploy a chaincode: by default the asset chaincode; ``path=None`` takes our own."""
        return self.network.deploy(request(self.consortium, name=name, path=path, **options))

    def await_acquaintance(self, chaincode: str) -> None:
        """Wait until every gateway knows of every organisation's chaincode: on Fabric peers learn of it by gossip.

        A peer that has just started is known by what it said before, then for a moment as one without chaincodes, and
        only then by what it says now: then all must answer a second time, `GOSSIP_SECONDS` later.
        """
        self._await_answers(chaincode)
        if self.kind == "fabric" and self._youngest_peer_seconds() < YOUNG_SECONDS:
            time.sleep(GOSSIP_SECONDS)
            self._await_answers(chaincode)

    def _await_answers(self, chaincode: str) -> None:
        members = [one for one in self.consortium.organisations if one.peer]
        for one in members:
            with connect_profile(self.profile(one.name), self.label(one.name)) as gateway:
                contract = gateway.get_network(self.consortium.channel.name).get_contract(chaincode)
                for other in members:
                    answers = partial(_answers, contract, other.msp_id)
                    await_true(answers, 60, f"{one.name} knows the chaincode of {other.name}")

    def _youngest_peer_seconds(self) -> float:
        known = records(self.folder)
        return time.time() - max(known[one.node].started for one in self.consortium.members if one.node in known)

    def stop(self, name: str) -> list[str]:
        """Stop a process, or all of an organisation's."""
        return self.network.switch(name, False)

    def start(self, name: str) -> list[str]:
        """Start what `stop` stopped."""
        return self.network.switch(name, True)


def _answers(contract: Contract, msp_id: str) -> bool:
    """Return whether an organisation's chaincode can be reached."""
    try:
        contract.evaluate("NoSuchFunction", endorsing_organizations=[msp_id])
    except GatewayError as error:
        return error.code == "UNKNOWN"
    return True


@dataclass
class Networks:
    """Starts networks in temporary folders, and ends them all."""

    home: Path
    started: ExitStack = field(default_factory=ExitStack)

    def start(
        self,
        kind: Kind,
        *,
        sample_name: str = "small",
        hospitals: int = 3,
        consensus: str = "raft",
        batch_interval_ms: int = 50,
    ) -> RunningNetwork:
        """Start a network of that kind and size; skips the test where Fabric's binaries are missing.

        Fabric 2 has no BFT: Raft takes its place.
        """
        if kind == "fabric" and need_fabric().version().startswith("2."):
            consensus = "raft"
        folder = Path(tempfile.mkdtemp(dir=self.home, prefix=f"{kind}-"))
        consortium = sample(
            sample_name,
            hospitals=hospitals,
            consensus=consensus,
            batch_interval_ms=batch_interval_ms,
            port_base=free_port_base(200 + 10 * hospitals),
        )
        write(consortium, folder / "consortium.toml")
        started = RunningNetwork(open_network(folder, Progress(quiet=True)))
        self.started.callback(started.network.down, purge=True)
        started.network.up(kind)
        return started


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Networks]:
    """Return the session's networks; they end with it, also after Ctrl-C."""
    found = Networks(tmp_path_factory.mktemp("networks"))
    with found.started:
        yield found


def has_fabric() -> bool:
    """Return whether real Fabric's binaries are found."""
    try:
        binaries.find()
    except BinaryMissing:
        return False
    return True


def need_fabric() -> binaries.Binaries:
    """Return real Fabric's binaries; skips the test where they are missing."""
    if not has_fabric():
        pytest.skip("Fabric binaries not found: set FABRIC_BIN")
    return binaries.find()
