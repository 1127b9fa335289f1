# SPDX-License-Identifier: Apache-2.0
"""Runs every scenario on the devnet and on real Fabric, with our client and with the official Node one."""

from __future__ import annotations

import functools
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum_testing.gateway.conformance_network import ConformanceNetwork, conformance_network
from medquorum_testing.gateway.scenario import ClientFactory, Identity, Organisation, ScenarioClient
from medquorum_testing.gateway.scenario_node import NodeClient, NodeRunner
from medquorum_testing.gateway.scenario_python import PythonClient
from medquorum_testing.network.folder_network import FolderNetwork
from medquorum_testing.network.networks import need_fabric

CLIENTS = [pytest.param("python"), pytest.param("node", marks=pytest.mark.node)]


_running = FolderNetwork(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=["devnet", pytest.param("fabric", marks=pytest.mark.fabric)])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConformanceNetwork]:
    if request.param == "fabric":
        need_fabric()
    with _running:
        yield _running.enter_context(conformance_network(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="session")
def node_runner() -> Iterator[NodeRunner]:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm not found")
    runner = NodeRunner()
    yield runner
    runner.close()


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[ClientFactory]:
    if request.param == "node":
        make = functools.partial(NodeClient, request.getfixturevalue("node_runner"))
    else:
        make = PythonClient
    opened: list[ScenarioClient] = []

    def connect(organisation: Organisation, identity: Identity, *, signs: bool = True) -> ScenarioClient:
        opened.append(make(organisation, identity, signs=signs))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


@pytest.fixture
def org1(network: ConformanceNetwork) -> Organisation:
    return network.organisations[0]


@pytest.fixture
def org2(network: ConformanceNetwork) -> Organisation:
    return network.organisations[1]


@pytest.fixture
def org3(network: ConformanceNetwork) -> Organisation:
    return network.organisations[2]


@pytest.fixture
def client1(connect: ClientFactory, org1: Organisation) -> ScenarioClient:
    return connect(org1, org1.identity())


@pytest.fixture
def client2(connect: ClientFactory, org2: Organisation) -> ScenarioClient:
    return connect(org2, org2.identity())


@pytest.fixture
def client3(connect: ClientFactory, org3: Organisation) -> ScenarioClient:
    return connect(org3, org3.identity())


@pytest.fixture
def key() -> str:
    """A key no other scenario uses."""
    return f"asset-{uuid.uuid4().hex[:12]}"
