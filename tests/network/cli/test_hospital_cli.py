# SPDX-License-Identifier: Apache-2.0
"""``hospital add|remove``: whose keys must be here, and what is left when the channel does not follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.errors import NetworkError
from medquorum.network.cli.main import main
from medquorum.network.consortium.consortium import Consortium, load, sample, write
from medquorum.network.consortium.membership import new_hospital, with_hospital
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity import bundle
from medquorum.network.identity.crypto import generate, generate_one
from medquorum.network.identity.profiles import write_all
from medquorum.network.network import Network


@pytest.fixture
def consortium() -> Consortium:
    return sample("quickstart", hospitals=2)


@pytest.fixture
def folder(consortium: Consortium, tmp_path: Path) -> NetworkFolder:
    """A folder with everyone's keys, as a network of real Fabric leaves it."""
    made = NetworkFolder(tmp_path / "all")
    write(consortium, made.consortium)
    generate(consortium, made)
    made.kind.write_text("fabric\n")
    return made


def run(folder: NetworkFolder, *arguments: str) -> int:
    return main(["hospital", *arguments, "--quiet", "--dir", str(folder.root)])


def names(folder: NetworkFolder) -> list[str]:
    return [one.name for one in load(folder.consortium).having("hospital")]


def test_a_removal_that_broke_off_is_done_by_the_same_command(
    folder: NetworkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopted: list[list[str]] = []

    def adopt(network: Network) -> None:
        adopted.append([one.name for one in network.consortium.having("hospital")])
        if len(adopted) == 1:
            raise NetworkError("the orderers are away", "Wait for them")

    monkeypatch.setattr(Network, "adopt", adopt)
    assert run(folder, "remove", "Hospital1") == 20
    assert names(folder) == ["Hospital1", "Hospital2"]
    assert run(folder, "remove", "Hospital1") == 0
    assert names(folder) == ["Hospital2"]
    assert adopted == [["Hospital2"], ["Hospital2"]]


def test_a_hospital_by_name_needs_the_keys_of_all(
    folder: NetworkFolder,
    consortium: Consortium,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adopted: list[int] = []
    monkeypatch.setattr(Network, "adopt", lambda network: adopted.append(len(network.consortium.organisations)))
    alone = NetworkFolder(tmp_path / "alone")
    write(consortium, alone.consortium)
    alone.kind.write_text("fabric\n")
    generate_one(consortium.organisation("VerifierA"), alone)
    assert run(alone, "add", "Hospital3") == 10
    assert "no bundle Hospital3" in capsys.readouterr().err
    assert run(alone, "remove", "Hospital2") == 0
    assert "channel make" in capsys.readouterr().out
    assert not adopted
    for _ in range(2):
        assert run(folder, "add", "Hospital3") == 0
    assert adopted == [len(consortium.organisations) + 1] * 2


def test_a_bundle_brings_the_newcomers_profile(
    folder: NetworkFolder, consortium: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that starts again takes the newcomer's MSP id from it."""
    monkeypatch.setattr(Network, "adopt", lambda network: pytest.fail("the newcomer's keys are on another host"))
    write_all(consortium, folder)
    one = new_hospital(consortium, "Hospital3")
    other = NetworkFolder(tmp_path / "other")
    write(with_hospital(consortium, one), other.consortium)
    generate_one(one, other)
    sent = tmp_path / "sent.json"
    sent.write_text(bundle.export(other, one).text)
    assert run(folder, "add", str(sent)) == 0
    assert '"mspid": "Hospital3MSP"' in folder.profile(one).read_text()
    own = tmp_path / "verifier.json"
    own.write_text(bundle.export(folder, consortium.organisation("Dealer")).text)
    assert main(["org", "import", str(own), "--dir", str(other.root)]) == 0
    assert other.profile(one).exists()
    assert not other.profile(consortium.organisation("Dealer")).exists(), "no verifier's peer is known yet"
    own.write_text(bundle.export(folder, consortium.organisation("VerifierA")).text)
    assert main(["org", "import", str(own), "--dir", str(other.root)]) == 0
    assert "peer0.verifiera" in other.profile(consortium.organisation("Dealer")).read_text()
