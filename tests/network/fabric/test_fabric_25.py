# SPDX-License-Identifier: Apache-2.0
"""Fabric 2.5 with Raft, where its binaries are named by ``FABRIC_25_BIN``: the same folder, verbs and contract."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from medquorum.errors import ConfigError
from medquorum.gateway import connect_profile
from medquorum.network.fabric import binaries
from medquorum.network.network import open_network
from medquorum_testing.network.networks import Networks, RunningNetwork

pytestmark = pytest.mark.fabric


@pytest.fixture(scope="module")
def running(networks: Networks) -> Iterator[RunningNetwork]:
    home = os.environ.get("FABRIC_25_BIN")
    if not home:
        pytest.skip("Fabric 2.5 is not named: set FABRIC_25_BIN")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FABRIC_BIN", home)
        assert binaries.find().version().startswith("2.5.")
        started = networks.start("fabric", hospitals=1)
        started.deploy("medquorum", None)
        started.await_acquaintance("medquorum")
        yield started
        started.network.down(purge=True)


def test_our_contract_runs_on_it(running: RunningNetwork) -> None:
    members = {one.msp_id: list(one.roles) for one in running.consortium.organisations}
    document = json.dumps({"quorum": 2, "members": members})
    verifiers = ["VerifierAMSP", "VerifierBMSP"]
    with connect_profile(running.profile("VerifierA"), running.label("VerifierA", "Admin")) as gateway:
        contract = gateway.get_network("mychannel").get_contract("medquorum")
        contract.submit("InitConsortium", arguments=[document], endorsing_organizations=verifiers)
        assert json.loads(contract.evaluate_transaction("ReadConsortium"))["members"] == members


def test_a_second_deployment_changes_nothing(running: RunningNetwork) -> None:
    assert running.deploy("medquorum", None).sequence == 1


def test_it_survives_a_restart_and_takes_an_upgrade(running: RunningNetwork) -> None:
    running.network.restart()
    assert running.deploy("medquorum", None, version="1.1").sequence == 2
    running.await_acquaintance("medquorum")
    with connect_profile(running.profile("Hospital1"), running.label("Hospital1")) as gateway:
        contract = gateway.get_network("mychannel").get_contract("medquorum")
        assert json.loads(contract.evaluate_transaction("ReadConsortium"))["quorum"] == 2


def test_it_has_no_bft(running: RunningNetwork) -> None:
    described = running.consortium.model_copy(update={"consensus": "BFT"})
    with pytest.raises(ConfigError, match="Fabric 2 has no BFT"):
        open_network(running.folder.root).with_consortium(described).up()
