# SPDX-License-Identifier: Apache-2.0
"""Real Fabric: up, deploy, invoke, faults, upgrade, restart, down."""

import json
import os
import signal

import pytest

from medquorum.errors import ConfigError, NetworkError
from medquorum.network.cli.status import rows
from medquorum.network.deployment.chaincodes import request
from medquorum.network.fabric.lifecycle import Lifecycle
from medquorum.network.network import Network
from medquorum.network.supervision.processes import alive, marked, processes, records
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.network.networks import ASSET_CHAINCODE, Networks, RunningNetwork

pytestmark = pytest.mark.fabric


def invoke(network: Network, *arguments: str) -> str:
    client = network.client
    verifiers = list(network.consortium.having("verifier"))
    flags = ["-C", network.consortium.channel.name, "-n", "asset", "-c", json.dumps({"Args": arguments})]
    flags += [*client.orderer_flags, *client.peer_flags(verifiers), "--waitForEvent"]
    return client.peer(verifiers[0], "chaincode", "invoke", *flags, logging="chaincodeCmd=info")


def query(network: Network, organisation: str, *arguments: str) -> str:
    client = network.client
    flags = ["-C", network.consortium.channel.name, "-n", "asset", "-c", json.dumps({"Args": arguments})]
    try:
        return client.peer(network.consortium.organisation(organisation), "chaincode", "query", *flags).strip()
    except NetworkError as error:
        return error.cause  # a peer that lags is asked again


def pid(network: Network, name: str) -> int:
    return records(network.folder)[name].pid


@pytest.fixture(scope="module")
def running(networks: Networks) -> RunningNetwork:
    started = networks.start("fabric", consensus="BFT")
    started.deploy("asset", ASSET_CHAINCODE)
    return started


def test_a_transaction_is_committed_and_read_at_a_hospital(running: RunningNetwork) -> None:
    assert "status:200" in invoke(running.network, "Put", "colour", "blue")
    await_true(lambda: query(running.network, "Hospital3", "Get", "colour") == "blue", 30, "the hospital lags")


def test_deploying_again_changes_nothing(running: RunningNetwork) -> None:
    before = {name: record.pid for name, record in records(running.folder).items()}
    assert running.deploy("asset", ASSET_CHAINCODE).sequence == 1
    assert {name: record.pid for name, record in records(running.folder).items()} == before


def test_a_sequence_that_is_not_the_next_is_refused_at_once(running: RunningNetwork) -> None:
    again = request(running.consortium, name="asset", path=ASSET_CHAINCODE)
    with pytest.raises(ConfigError, match="sequence 9 is too high"):
        running.network.deploy(again, sequence=9)


def test_a_killed_peer_and_a_killed_chaincode_come_back(running: RunningNetwork) -> None:
    for name in ("peer0.verifiera.example.com", "asset_1.0.verifierb.example.com"):
        killed = pid(running.network, name)
        os.kill(killed, signal.SIGKILL)
        await_true(lambda name=name, killed=killed: pid(running.network, name) not in (killed, 0), 10, "no restart")
        assert records(running.folder)[name].restarts == 1
    await_true(lambda: all(row.state == "running" for row in rows(running.network)), 10, "not healthy again")
    assert "status:200" in invoke(running.network, "Put", "after", "kill")


def test_a_new_version_is_the_next_sequence_and_replaces_the_processes(running: RunningNetwork) -> None:
    upgraded = running.deploy("asset", ASSET_CHAINCODE, version="2.0")
    assert upgraded.sequence == 2
    names = [one.name for one in processes(running.folder) if one.kind == "chaincode"]
    assert len(names) == 6
    assert all(name.startswith("asset_2.0.") for name in names)
    assert query(running.network, "VerifierA", "Get", "colour") == "blue"


def test_a_stopped_organisation_is_left_out_of_a_deployment_and_catches_up(running: RunningNetwork) -> None:
    running.stop("Hospital2")
    try:
        assert running.deploy("asset", ASSET_CHAINCODE, version="3.0").sequence == 3
    finally:
        running.start("Hospital2")
    running.network.up()
    assert running.deploy("asset", ASSET_CHAINCODE, version="3.0").sequence == 3
    await_true(lambda: query(running.network, "Hospital2", "Get", "colour") == "blue", 30, "the hospital lags")


def test_a_chaincode_that_wants_it_is_initialised_once(running: RunningNetwork) -> None:
    deployed = running.deploy("asset", ASSET_CHAINCODE, version="4.0", init="Init")
    assert query(running.network, "VerifierA", "Get", "init") == "[]"
    Lifecycle(running.network.client, deployed).initialise(list(running.network.consortium.having("verifier")))
    assert "status:200" in invoke(running.network, "Put", "after", "init")


def test_a_crashed_supervisor_is_replaced_and_its_children_with_it(running: RunningNetwork) -> None:
    old = {name: record.pid for name, record in records(running.folder).items()}
    os.kill(pid(running.network, "supervisor"), signal.SIGKILL)
    running.network.up()
    assert all(alive(record) for record in records(running.folder).values())
    assert not set(old.values()) & {record.pid for record in records(running.folder).values()}
    assert query(running.network, "VerifierA", "Get", "colour") == "blue"


def test_everything_survives_a_restart_and_down_leaves_nothing(running: RunningNetwork) -> None:
    running.network.restart()
    assert query(running.network, "VerifierB", "Get", "colour") == "blue"
    assert running.network.down() == 17
    assert marked(running.folder) == []
    assert all(row.state == "dead" for row in rows(running.network))
    running.network.up()
    assert query(running.network, "VerifierC", "Get", "colour") == "blue"
    running.network.down(purge=True)
    assert sorted(path.name for path in running.folder.root.iterdir()) == ["consortium.toml", "organizations"]
