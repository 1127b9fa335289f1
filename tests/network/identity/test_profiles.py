# SPDX-License-Identifier: Apache-2.0
"""Connection profiles and wallets, as the ecosystem's tools read them."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity.crypto import generate
from medquorum.network.identity.profiles import write_all


@pytest.fixture
def made(tmp_path: Path) -> tuple[Consortium, NetworkFolder]:
    consortium = sample("quickstart", hospitals=2)
    folder = NetworkFolder(tmp_path)
    generate(consortium, folder)
    write_all(consortium, folder)
    return consortium, folder


def test_a_profile_names_its_own_peer_first(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    one = consortium.organisation("Hospital2")
    document = json.loads(folder.profile(one).read_text())
    assert document == yaml.safe_load(folder.profile(one, "yaml").read_text())
    assert document["client"]["organization"] == "Hospital2"
    assert document["organizations"]["Hospital2"]["mspid"] == "Hospital2MSP"
    assert document["organizations"]["Hospital2"]["peers"] == ["peer0.hospital2.example.com"]
    assert next(iter(document["peers"])) == "peer0.hospital2.example.com"
    peer = document["peers"]["peer0.hospital2.example.com"]
    assert peer["url"] == f"grpcs://{one.peer.address if one.peer else ''}"
    assert peer["tlsCACerts"]["pem"] == folder.tls_ca(one).read_text()
    assert set(document["channels"]["mychannel"]["orderers"]) == set(document["orderers"])


def test_the_dealers_profile_names_a_verifiers_peer(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    document = json.loads(folder.profile(consortium.organisation("Dealer")).read_text())
    assert document["organizations"]["Dealer"] == {
        "mspid": "DealerMSP",
        "peers": ["peer0.verifiera.example.com"],
    }


def test_wallet_identities_are_private(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    one = consortium.organisation("Hospital1")
    path = folder.wallet(one, "User1")
    document = json.loads(path.read_text())
    assert (document["mspId"], document["type"], document["version"]) == ("Hospital1MSP", "X.509", 1)
    assert document["credentials"]["privateKey"] == folder.key(one, "User1").read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_profile_names_the_organisations_service(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    dealer = consortium.organisation("Dealer")
    assert dealer.service is not None
    document = json.loads(folder.profile(dealer).read_text())
    assert document["medquorum"] == {"service": dealer.service.address}
    assert json.loads(folder.hfc_profile(dealer).read_text())["medquorum"] == document["medquorum"]
