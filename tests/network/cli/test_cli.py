# SPDX-License-Identifier: Apache-2.0
"""The command line: messages without tracebacks, exit codes, JSON."""

import datetime
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from medquorum.network.cli.main import main
from medquorum.network.consortium.consortium import load, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import binaries
from medquorum.network.identity.authority import Validity
from medquorum.network.identity.crypto import generate, load_authority
from medquorum.network.identity.profiles import write_all
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.server import Server
from medquorum_testing.network.ports import free_port_base
from medquorum_testing.places import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "network.sh"


def test_init_writes_what_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--hospitals", "3", "--port-base", "22000", "--consensus", "raft"]
    assert main(["init", "--dir", str(tmp_path), *options]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "consortium.toml")
    made = load(tmp_path / "consortium.toml")
    assert (len(made.having("hospital")), made.consensus, made.orderers[0].port) == (3, "raft", 22000)
    assert main(["init", "--dir", str(tmp_path)]) == 10
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status"], 10, "cannot read the consortium file"),
        (["init", "--sample", "large"], 10, "no sample 'large'"),
        (["init", "--consensus", "solo"], 10, "consensus"),
        (["up", "--network", "docker"], 10, "no network of kind 'docker'"),
        (["nonsense"], 2, "No such command"),
        (["status", "--nonsense"], 2, "No such option"),
    ],
)
def test_mistakes_have_their_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main([*arguments, "--dir", str(tmp_path)] if code != 2 else arguments) == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_errors_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--dir", str(tmp_path)]) == 10
    document = json.loads(capsys.readouterr().out)
    assert (document["error"], document["exit_code"]) == ("ConfigError", 10)
    assert "init" in document["remedy"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(sample("small", hospitals=1, port_base=free_port_base(150)), tmp_path / "consortium.toml")
    return tmp_path


def test_missing_binaries_say_how_to_get_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FABRIC_BIN", str(folder))
    assert main(["up", "--network", "fabric", "--dir", str(folder)]) == 21
    said = capsys.readouterr().err
    assert "has no peer, orderer, configtxgen, osnadmin" in said
    assert "install-fabric.sh" in said


def test_binaries_are_found_on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in binaries.PROGRAMS:
        (folder / program).write_text("#!/bin/sh\necho ' Version: v3.9.9'\n")
        (folder / program).chmod(0o755)
    monkeypatch.delenv("FABRIC_BIN", raising=False)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert binaries.find().home == folder
    assert binaries.find().version() == "3.9.9"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-ccs", "0"], "-ccs 0 is no sequence"),
        (["-ccp", "/no/such/chaincode.py"], "no chaincode at"),
        (["-ccn", "a b"], "cannot be a package label"),
        (["-cccg", "/no/such.json"], "cannot read the collections file"),
        (["-c", "Bad_Channel"], "no channel name"),
        ([], "this needs a network of real peers"),
    ],
)
def test_deploy_refuses(folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str) -> None:
    assert main(["deployCC", "--dir", str(folder), *flags]) in (10, 20)
    assert message in capsys.readouterr().err


def test_status_of_what_never_ran(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--dir", str(folder)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["network"], document["running"], document["processes"]) == (None, False, [])
    assert main(["down", "--dir", str(folder)]) == 0
    assert "0 processes ended" in capsys.readouterr().out


def test_a_log_is_followed(folder: Path) -> None:
    log = NetworkFolder(folder).log("peer0")
    log.parent.mkdir()
    log.write_text("".join(f"line {number}\n" for number in range(50)))
    command = [sys.executable, "-m", "medquorum.network", "logs", "peer0", "-n", "1", "--follow", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as shown:
        assert shown.stdout is not None
        try:
            assert shown.stdout.readline() == "line 49\n"
            with log.open("a") as more:
                more.write("line 50\n")
            assert shown.stdout.readline() == "line 50\n"
        finally:
            shown.terminate()


def findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    main(["doctor", "--json", "--dir", str(folder)])
    return {one["check"]: one for one in json.loads(capsys.readouterr().out)}


def test_doctor_names_problem_and_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FABRIC_BIN", str(folder))
    found = findings(folder, capsys)
    assert found["binaries"]["passed"] is False
    assert "install-fabric.sh" in str(found["binaries"]["remedy"])
    assert found["ports"]["passed"] is True
    network = NetworkFolder(folder)
    consortium = load(network.consortium)
    generate(consortium, network)
    assert findings(folder, capsys)["private keys"]["passed"] is True
    network.key(consortium.organisation("VerifierA"), "Admin").chmod(0o644)
    assert findings(folder, capsys)["private keys"]["passed"] is False


def test_doctor_knows_the_organisations_own_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = NetworkFolder(folder)
    consortium = load(network.consortium)
    generate(consortium, network)
    write_all(consortium, network)
    verifiers = consortium.having("verifier")
    addresses = [one.service.address for one in verifiers if one.service]
    peers = network.organizations / "peerOrganizations"
    with Server(Credentials.read(network.service_tls(verifiers[0]), peers), addresses[0], []):
        capsys.readouterr()
        assert findings(folder, capsys)["ports"]["passed"] is True
    with Server(Credentials.read(network.service_tls(verifiers[0]), peers), addresses[1], []):
        capsys.readouterr()
        assert addresses[1].rpartition(":")[2] in str(findings(folder, capsys)["ports"]["detail"])
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    shutil.rmtree(network.service_tls(verifiers[0]))
    generate(consortium, network, Validity(late - datetime.timedelta(days=9), late))
    assert "services/service." in str(findings(folder, capsys)["certificates"]["detail"])


def test_doctor_warns_of_a_revocation_list_that_has_run_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = NetworkFolder(folder)
    consortium = load(network.consortium)
    generate(consortium, network)
    assert "revocation lists" not in findings(folder, capsys)
    one = consortium.organisation("Hospital1")
    authority = load_authority(network, one)
    now = datetime.datetime.now(datetime.UTC)
    path = network.msp(one) / "crls" / "list.pem"
    path.parent.mkdir()
    for days, passed in ((1, True), (-1, False)):
        builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
        builder = builder.last_update(now - datetime.timedelta(days=9)).next_update(now + datetime.timedelta(days=days))
        path.write_bytes(builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        assert findings(folder, capsys)["revocation lists"]["passed"] is passed
    path.write_text("nonsense")
    assert "list.pem" in str(findings(folder, capsys)["revocation lists"]["detail"])


def test_network_sh_translates_the_test_networks_words(folder: Path) -> None:
    command = [str(SCRIPT), "status", "--dir", str(folder), "-r", "5", "-bft"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    assert "never up" in done.stdout
    assert "deployCC" in subprocess.run([str(SCRIPT), "-h"], capture_output=True, text=True, check=True).stdout
