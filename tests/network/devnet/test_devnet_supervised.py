# SPDX-License-Identifier: Apache-2.0
"""The devnet under the same supervision and verbs as real Fabric."""

import json
import os
import signal

import grpc
import pytest

from medquorum.errors import NetworkError
from medquorum.network.cli.status import rows
from medquorum.network.supervision.health import serves
from medquorum.network.supervision.processes import marked, records
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.chaincode.fake_peer import FakePeer
from medquorum_testing.network.networks import ASSET_CHAINCODE, Networks, RunningNetwork
from medquorum_testing.silence import assert_silent_connections_end


@pytest.fixture(scope="module")
def running(networks: Networks) -> RunningNetwork:
    started = networks.start("devnet", hospitals=1)
    started.deploy("asset", ASSET_CHAINCODE)
    return started


def test_every_process_runs(running: RunningNetwork) -> None:
    states = {row.name: row.state for row in rows(running.network)}
    assert set(states.values()) == {"running"}
    assert set(states) == {
        "devnet",
        "asset_1.0.verifiera.example.com",
        "asset_1.0.verifierb.example.com",
        "asset_1.0.verifierc.example.com",
        "asset_1.0.hospital1.example.com",
    }


def test_the_deployment_is_written_for_the_devnet(running: RunningNetwork) -> None:
    entry = json.loads(running.folder.devnet_chaincodes.read_text())["asset"]
    assert entry["sequence"] == 1
    assert entry["policy"].startswith("OutOf(2, 'VerifierAMSP.peer'")
    assert set(entry["endpoints"]) == {"VerifierAMSP", "VerifierBMSP", "VerifierCMSP", "Hospital1MSP"}
    assert running.deploy("asset", ASSET_CHAINCODE).sequence == 1
    assert running.deploy("asset", ASSET_CHAINCODE, policy="OR('VerifierAMSP.peer')").sequence == 2


def test_no_stranger_speaks_to_a_chaincode(running: RunningNetwork) -> None:
    """The contract believes its client about creators and state: it has to be the organisation's own peer."""
    one, other = (running.consortium.organisation(name) for name in ("VerifierA", "Hospital1"))
    entry = json.loads(running.folder.devnet_chaincodes.read_text())["asset"]
    address = entry["endpoints"][one.msp_id]["address"]
    root = running.folder.tls_ca(one).read_bytes()
    others = running.folder.node_tls(other)
    for credentials in (
        None,
        grpc.ssl_channel_credentials(root),
        grpc.ssl_channel_credentials(root, (others / "server.key").read_bytes(), (others / "server.crt").read_bytes()),
    ):
        with FakePeer(address, credentials=credentials) as stranger:
            assert stranger.ended.wait(10)
            assert not stranger.registered.is_set()


def test_silent_connections_to_the_devnet_end(running: RunningNetwork) -> None:
    peer = running.consortium.organisation("VerifierA").peer
    assert peer is not None
    assert_silent_connections_end(peer.address)
    assert_silent_connections_end(f"{peer.host}:{peer.operations_port}")


def test_an_organisation_is_switched_off_and_on(running: RunningNetwork) -> None:
    one = running.consortium.organisation("Hospital1")
    assert one.peer is not None
    port, tls = one.peer.operations_port, running.folder.node_tls(one)
    assert serves(port, tls)
    assert running.stop("Hospital1") == ["asset_1.0.hospital1.example.com"]
    assert not serves(port, tls)
    running.start("Hospital1")
    await_true(lambda: serves(port, tls), 10, "the peer is not back")


def test_a_killed_devnet_comes_back(running: RunningNetwork) -> None:
    killed = records(running.folder)["devnet"].pid
    os.kill(killed, signal.SIGKILL)
    await_true(lambda: records(running.folder)["devnet"].pid not in (0, killed), 10, "no restart")
    assert records(running.folder)["devnet"].restarts == 1


def test_real_peers_programs_are_refused(running: RunningNetwork) -> None:
    with pytest.raises(NetworkError, match="real peers"):
        _ = running.network.client


def test_down_leaves_nothing(running: RunningNetwork) -> None:
    assert running.network.down() == 6
    assert marked(running.folder) == []
