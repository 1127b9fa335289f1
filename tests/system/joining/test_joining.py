# SPDX-License-Identifier: Apache-2.0
"""Real Fabric: a hospital joins and another is expelled in the middle of rounds of a running task."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.gateway import (
    EndorseError,
    Gateway,
    GatewayError,
    SubmitError,
    X509Identity,
    private_key_signer,
    read_profile,
)
from medquorum.gateway.connection.profile import connect_peer
from medquorum.network.cli.main import main
from medquorum.network.deployment.chaincodes import deployments
from medquorum.network.supervision.processes import processes
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation, federation
from medquorum_testing.federation.membership import changed, tell_the_ledger
from medquorum_testing.network.networks import Networks

pytestmark = pytest.mark.fabric
H1, H2, H3 = ("Hospital1MSP", "Hospital2MSP", "Hospital3MSP")


@pytest.fixture(scope="module")
def fed(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    running = networks.start("fabric", hospitals=2)
    with federation(running, tmp_path_factory.mktemp("joining"), "joining") as found:
        yield found
    running.network.down()


def at_verifier(fed: Federation, certificate: Path, key: Path) -> Gateway:
    """Connect an identity of Hospital1 to a verifier's peer: its own is no longer served."""
    identity = X509Identity(H1, certificate.read_bytes())
    return connect_peer(read_profile(fed.running.profile("VerifierA")), identity, private_key_signer(key.read_bytes()))


def test_a_hospital_joins_in_the_middle_of_a_round(fed: Federation) -> None:
    first = fed.opened()
    changed(fed, "add", "Hospital3")
    assert deployments(fed.running.folder)["medquorum"].sequence == 2
    assert fed.finished().accepted == [H1, H2], "the round in progress goes on"
    second = fed.opened()
    tell_the_ledger(fed)
    assert fed.ledger("Hospital3").task(fed.name).joined == {H3: second + 1}
    shutil.copy(fed.folder / "Hospital2.npz", fed.folder / "Hospital3.npz")
    fed.start("Hospital3")
    assert fed.finished().candidates == [H1, H2], "not in the round that was open"
    third = fed.opened()
    assert fed.finished().accepted == [H1, H2, H3]
    assert (first, second, third) == (1, 2, 3)
    await_true(lambda: fed.status(at="Hospital3").round == fed.current, 30, "Hospital3's peer is behind")
    for number in (first, third):
        assert fetched(fed, "Hospital3", number), "also a model from before it joined"


def fetched(fed: Federation, hospital: str, number: int) -> bool:
    """Have a hospital fetch a round's model from its own peer, checked."""
    out = fed.folder / f"{hospital}-{number}.safetensors"
    organizations = str(fed.running.folder.organizations / "peerOrganizations")
    asked = ["--task", fed.name, "--round", str(number), "--organizations", organizations, "--out", str(out)]
    command = [
        sys.executable,
        "-m",
        "medquorum.clients",
        "hospital",
        "fetch",
        "--profile",
        str(fed.running.profile(hospital)),
    ]
    return subprocess.run([*command, *asked], check=False).returncode == 0 and out.exists()


def test_a_hospital_is_expelled_in_the_middle_of_a_round(fed: Federation) -> None:
    one = fed.running.consortium.organisation("Hospital1")
    files = fed.running.folder.certificate(one, "User1"), fed.running.folder.key(one, "User1")
    number = fed.opened()
    await_true(lambda: len(fed.status(number).updates) == 3, 60, "not every hospital has submitted")
    with at_verifier(fed, *files) as gateway:
        contract = gateway.get_network("mychannel").get_contract("medquorum")
        assert json.loads(contract.evaluate_transaction("ListTasks")) == [fed.name]
        prepared = contract.new_proposal(
            "ListTasks", endorsing_organizations=["VerifierAMSP", "VerifierBMSP"]
        ).endorse()
        changed(fed, "remove", "Hospital1")
        assert fed.finished().candidates == [H1, H2, H3], "what it had handed in stays in the round"
        assert fed.current.accepted == [H1, H2, H3]
        with pytest.raises(SubmitError, match=r"FORBIDDEN|permission denied"):
            prepared.submit()
        with pytest.raises(EndorseError, match=r"access denied|Hospital1MSP"):
            contract.submit_transaction("ListTasks")
        with pytest.raises(GatewayError, match=r"access denied|Hospital1MSP"):
            contract.evaluate_transaction("ListTasks")
    fed.roles["Hospital1"].kill()
    tell_the_ledger(fed)
    fed.opened()
    assert fed.finished().accepted == [H2, H3]
    assert deployments(fed.running.folder)["medquorum"].sequence == 3
    assert not [process for process in processes(fed.running.folder) if process.organisation == "Hospital1"]


def test_what_would_leave_no_hospital_is_refused_and_the_rest_is_again_possible(
    fed: Federation, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--quiet", "--dir", str(fed.running.folder.root)]
    before = fed.running.folder.consortium.read_text()
    assert main(["hospital", "remove", "VerifierC", *home]) == 10
    assert main(["hospital", "remove", "Hospital1", *home]) == 10
    assert "no organisation 'Hospital1'" in capsys.readouterr().err
    assert fed.running.folder.consortium.read_text() == before
    changed(fed, "add", "Hospital3")  # nothing to do
    assert deployments(fed.running.folder)["medquorum"].sequence == 3
