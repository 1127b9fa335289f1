# SPDX-License-Identifier: Apache-2.0
"""Real Fabric: every organisation starts alone, from a folder with its own keys only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.errors import CheckFailed, ConfigError, NetworkError
from medquorum.network.cli.main import main
from medquorum.network.consortium.consortium import sample, write
from medquorum.network.consortium.membership import new_hospital, with_hospital
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.chaincodes import Deployment, request
from medquorum.network.fabric import binaries
from medquorum.network.fabric.ca_server import find_server
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.configtx import make_genesis
from medquorum.network.network import Network, open_network
from medquorum.network.supervision.progress import Progress
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.network.networks import ASSET_CHAINCODE, need_fabric
from medquorum_testing.network.own_folders import foreign_keys, found
from medquorum_testing.network.ports import free_port_base

pytestmark = pytest.mark.fabric


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, NetworkFolder]]:
    need_fabric()
    consortium = sample("small", hospitals=1, consensus="raft", batch_interval_ms=50, port_base=free_port_base(200))
    folders = found(consortium, tmp_path_factory.mktemp("hosts"))
    try:
        yield folders
    finally:
        for name, folder in folders.items():
            host(folders, name).down()
            assert folder.root.is_dir()


def host(folders: dict[str, NetworkFolder], name: str) -> Network:
    return open_network(folders[name].root, Progress(quiet=True))


def deploy(folders: dict[str, NetworkFolder], name: str, version: str = "1.0") -> Deployment:
    network = host(folders, name)
    wanted = request(network.consortium, name="asset", path=ASSET_CHAINCODE, version=version)
    return network.deploy(wanted, organisation=name)


def test_a_host_without_keys_bundles_or_genesis_block_says_so(hosts: dict[str, NetworkFolder], tmp_path: Path) -> None:
    lonely = NetworkFolder(tmp_path)
    lonely.consortium.write_text(hosts["VerifierA"].consortium.read_text())
    network = open_network(tmp_path, Progress(quiet=True))
    with pytest.raises(ConfigError, match="has no keys"):
        network.up("fabric", "VerifierA")
    one = network.consortium.organisation("VerifierA")
    for source, target in ((hosts["VerifierA"], lonely),):
        target.organisation(one).parent.mkdir(parents=True)
        target.organisation(one).symlink_to(source.organisation(one))
    with pytest.raises(
        ConfigError, match="nothing is known of VerifierB, VerifierC, Hospital1, Coordinator, Standby, Orderer1"
    ):
        network.up("fabric", "VerifierA")
    lonely.organizations.rename(tmp_path / "away")
    lonely.organizations.symlink_to(hosts["VerifierA"].organizations)
    with pytest.raises(ConfigError, match="no genesis block"):
        network.up("fabric", "VerifierA")
    with pytest.raises(ConfigError, match="keys are on another host"):
        network.up("fabric")
    with pytest.raises(ConfigError, match="no organisation 'VerifierD'"):
        network.up("fabric", "VerifierD")


def test_each_checks_the_founders_block(
    hosts: dict[str, NetworkFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(hosts, "Hospital1", "channel", "check") == 0
    other = found(host(hosts, "VerifierA").consortium, tmp_path)["VerifierA"].block("mychannel")
    block = hosts["Hospital1"].block("mychannel")
    kept = block.read_bytes()
    try:
        block.write_bytes(other.read_bytes())
        assert run(hosts, "Hospital1", "channel", "check") == 40
    finally:
        block.write_bytes(kept)
    said = capsys.readouterr().err
    assert all(f"Application/{name}" in said for name in ("VerifierB", "Hospital1"))
    assert "Orderer/Orderer1" in said


def test_each_starts_alone_and_approves_for_itself(hosts: dict[str, NetworkFolder]) -> None:
    for name in reversed(hosts):  # the orderer first, then peers in any order
        host(hosts, name).up("fabric", name)
    for name in ("VerifierA", "VerifierB"):
        with pytest.raises(NetworkError, match="approved but not committed"):
            deploy(hosts, name)
    assert deploy(hosts, "Hospital1").sequence == 1  # two verifiers and the hospital: enough
    for name in ("VerifierA", "VerifierB", "VerifierC"):
        assert deploy(hosts, name).sequence == 1
        assert deploy(hosts, name).sequence == 1
    client = host(hosts, "VerifierA").client
    chosen = [client.consortium.organisation(name) for name in ("VerifierA", "VerifierC")]
    flags = ["-C", "mychannel", "-n", "asset", "-c", json.dumps({"Args": ["Put", "colour", "green"]}), "--waitForEvent"]
    flags += [*client.orderer_flags, *client.peer_flags(chosen)]
    client.peer(chosen[0], "chaincode", "invoke", *flags)
    await_true(lambda: query(host(hosts, "Hospital1").client, "Hospital1") == "green", 10, "the hospital lags")


def test_an_upgrade_needs_every_organisations_own_approval(hosts: dict[str, NetworkFolder]) -> None:
    for name in ("Hospital1", "VerifierC"):
        with pytest.raises(NetworkError, match="approved but not committed"):
            deploy(hosts, name, "2.0")
    assert deploy(hosts, "VerifierB", "2.0").sequence == 2
    assert deploy(hosts, "Hospital1", "2.0").sequence == 2


def test_no_folder_holds_anothers_key(hosts: dict[str, NetworkFolder]) -> None:
    for name in hosts:
        assert foreign_keys(hosts, name) == []


def bundle_of_a_newcomer(hosts: dict[str, NetworkFolder], home: Path) -> Path:
    """A hospital that was told the consortium's file writes itself in, makes its keys and sends its bundle."""
    consortium = host(hosts, "VerifierA").consortium
    one = new_hospital(consortium, "Hospital2")
    folder = NetworkFolder(home / "Hospital2")
    write(with_hospital(consortium, one), folder.consortium)
    # Where its server is found, a real peer runs on a real Fabric CA's certificates.
    issuer = "--no-fabric-ca" if find_server() is None else "--fabric-ca"
    assert main(["org", "init", "Hospital2", "--dir", str(folder.root), issuer]) == 0
    bundles = []
    for name in hosts:
        bundles.append(home / f"{name}.json")
        assert main(["org", "export", name, "--dir", str(hosts[name].root), "--out", str(bundles[-1])]) == 0
    assert main(["org", "import", *map(str, bundles), "--dir", str(folder.root)]) == 0
    shutil.copytree(hosts["VerifierA"].block("mychannel").parent, folder.block("mychannel").parent)
    sent = home / "Hospital2.json"
    assert main(["org", "export", "Hospital2", "--dir", str(folder.root), "--out", str(sent)]) == 0
    hosts["Hospital2"] = folder
    return sent


def joins_only_with_the_founders_block(folder: NetworkFolder) -> None:
    """Try another block, under which fewer verifiers decide."""
    network, block = open_network(folder.root, Progress(quiet=True)), folder.block("mychannel")
    kept = block.read_bytes()
    block.unlink()
    make_genesis(network.consortium.model_copy(update={"quorum": 1}), folder, binaries.find())
    with pytest.raises(CheckFailed, match="Application/policies"):
        network.up("fabric", "Hospital2")
    block.write_bytes(kept)


def run(hosts: dict[str, NetworkFolder], name: str, *arguments: str) -> int:
    return main([*arguments, "--dir", str(hosts[name].root)])


def test_a_newcomer_is_voted_in_by_file(
    hosts: dict[str, NetworkFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, change = str(bundle_of_a_newcomer(hosts, tmp_path)), tmp_path / "change.pb"
    assert run(hosts, "VerifierA", "hospital", "add", sent) == 0
    assert "channel sign" in capsys.readouterr().out
    assert run(hosts, "VerifierA", "channel", "make", "--out", str(change)) == 0
    assert run(hosts, "VerifierB", "channel", "sign", str(change)) == 10
    assert "not the one that this folder's consortium.toml asks for" in capsys.readouterr().err
    copies = {name: str(shutil.copy(change, tmp_path / f"{name}.pb")) for name in ("VerifierB", "Hospital1")}
    for name, copy in copies.items():
        assert run(hosts, name, "hospital", "add", sent) == 0
        assert run(hosts, name, "channel", "sign", copy) == 0
        assert run(hosts, name, "channel", "sign", copy) == 0, "a second time changes nothing"
    capsys.readouterr()
    assert run(hosts, "VerifierA", "channel", "submit", str(change), copies["VerifierB"]) == 20
    assert "signed by VerifierAMSP, VerifierBMSP: not enough" in capsys.readouterr().err
    assert run(hosts, "VerifierA", "channel", "submit", str(change), *copies.values()) == 0
    assert run(hosts, "VerifierA", "channel", "make", "--out", str(change)) == 0
    assert "as consortium.toml says" in capsys.readouterr().out
    assert run(hosts, "VerifierA", "channel", "submit", str(change), *copies.values()) == 0
    assert run(hosts, "VerifierB", "channel", "sign", str(change)) == 0
    assert capsys.readouterr().out.count("follows this change already") == 2
    joins_only_with_the_founders_block(hosts["Hospital2"])
    host(hosts, "Hospital2").up("fabric", "Hospital2")
    assert deploy(hosts, "Hospital2", "2.0").sequence == 2
    at = host(hosts, "Hospital2").client
    await_true(lambda: query(at, "Hospital2") == "green", 20, "the newcomer lags")
    assert foreign_keys(hosts, "Hospital2") == []


def test_one_is_expelled_by_file(hosts: dict[str, NetworkFolder], tmp_path: Path) -> None:
    change = tmp_path / "change.pb"
    for name in ("VerifierC", "VerifierA", "Hospital1"):
        if name == "VerifierC":
            assert run(hosts, name, "hospital", "add", str(exported(hosts, "Hospital2", tmp_path))) == 0
        assert run(hosts, name, "hospital", "remove", "Hospital2") == 0
    assert run(hosts, "VerifierC", "channel", "make", "--out", str(change)) == 0
    for name in ("VerifierA", "Hospital1"):
        assert run(hosts, name, "channel", "sign", str(change)) == 0
    assert run(hosts, "VerifierC", "channel", "submit", str(change)) == 0
    left = host(hosts, "Hospital2").client
    with pytest.raises(NetworkError, match="orderer client failed to connect"):
        left.peer(left.consortium.organisation("Hospital2"), "channel", "fetch", "config", str(tmp_path / "block"),
                  "-c", "mychannel", *left.orderer_flags)  # fmt: skip
    assert query(host(hosts, "VerifierC").client, "VerifierC") == "green"


def exported(hosts: dict[str, NetworkFolder], name: str, home: Path) -> Path:
    path = home / f"{name}.json"
    assert run(hosts, name, "org", "export", name, "--out", str(path)) == 0
    return path


def query(client: AdminClient, name: str) -> str:
    flags = ["-C", "mychannel", "-n", "asset", "-c", json.dumps({"Args": ["Get", "colour"]})]
    try:
        return client.peer(client.consortium.organisation(name), "chaincode", "query", *flags).strip()
    except NetworkError as error:
        return error.cause
