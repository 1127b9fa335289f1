# SPDX-License-Identifier: Apache-2.0
"""A running chaincode server and a peer connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from medquorum.shim import Chaincode, ChaincodeServer, ServerSettings
from medquorum_testing.chaincode.asset_chaincode import AssetChaincode
from medquorum_testing.chaincode.fake_peer import FakePeer

CHAINCODE_ID = "asset_1.0:" + "ab" * 32


@pytest.fixture
def serve_chaincode() -> Iterator[Callable[[Chaincode], ChaincodeServer]]:
    servers = []

    def start(chaincode: Chaincode) -> ChaincodeServer:
        server = ChaincodeServer(chaincode, ServerSettings("127.0.0.1:0", CHAINCODE_ID))
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop(grace=0.1)


@pytest.fixture
def server(serve_chaincode: Callable[[Chaincode], ChaincodeServer]) -> ChaincodeServer:
    return serve_chaincode(AssetChaincode())


@pytest.fixture(params=[True, False], ids=["batches", "single"])
def peer(server: ChaincodeServer, request: pytest.FixtureRequest) -> Iterator[FakePeer]:
    with FakePeer(server.address, batch=request.param) as connected:
        assert connected.registered.wait(5)
        yield connected
