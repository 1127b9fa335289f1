# SPDX-License-Identifier: Apache-2.0
"""``org init`` with a Fabric CA: the real server where it is found; what is said where it is not, or does not run."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from medquorum.network.cli.main import main
from medquorum.network.consortium.consortium import Organisation, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import ca_server
from medquorum.network.identity.msp import Msp
from medquorum.network.identity.msp_folder import check_own

CONSORTIUM = sample("small", hospitals=1)


@pytest.fixture
def folder(tmp_path: Path) -> NetworkFolder:
    made = NetworkFolder(tmp_path / "network")
    write(CONSORTIUM, made.consortium)
    return made


@pytest.fixture
def real() -> None:
    if ca_server.find_server() is None:
        pytest.skip("fabric-ca-server not found: set FABRIC_BIN to a folder that has it too")


def init(folder: NetworkFolder, name: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main(["org", "init", name, "--dir", str(folder.root), "--json", *more]) == 0
    return dict(json.loads(capsys.readouterr().out))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.fabric
@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("name", ["Hospital1", "Orderer1"])
def test_its_certificates_make_an_organisation(
    folder: NetworkFolder, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = CONSORTIUM.anyone(name)
    said = init(folder, name, capsys)
    assert (said["made"], said["fabric_ca"]) == (True, str(folder.fabric_ca(one)))
    check_own(folder, one)
    msp = Msp.load(one.msp_id, folder.msp(one))
    roles = [
        msp.identify(path.read_bytes()).role
        for path in (folder.certificate(one, "Admin"), folder.signing_certificate(one))
    ]
    assert roles == ["admin", "peer" if isinstance(one, Organisation) else "orderer"]
    tls = certificate(folder.node_tls(one) / "server.crt")
    names = tls.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {one.node, "localhost"} <= {*names.get_values_for_type(x509.DNSName)}
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert tls.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == f"tlsca.{one.domain}"
    assert certificate(folder.tls_ca(one)) != certificate(next((folder.msp(one) / "cacerts").iterdir()))


@pytest.mark.fabric
@pytest.mark.usefixtures("real")
def test_again_it_keeps_all_and_issues_what_is_new(folder: NetworkFolder, capsys: pytest.CaptureFixture[str]) -> None:
    one = CONSORTIUM.organisation("Hospital1")
    init(folder, "Hospital1", capsys)
    before = folder.node_tls(one) / "server.crt", folder.tls_ca(one)
    texts = [path.read_bytes() for path in before]
    shutil.rmtree(folder.service_tls(one))
    assert not init(folder, "Hospital1", capsys)["made"]
    assert [path.read_bytes() for path in before] == texts
    certificate(folder.service_tls(one) / "server.crt").verify_directly_issued_by(certificate(folder.tls_ca(one)))


@pytest.mark.fabric
@pytest.mark.usefixtures("real")
def test_one_that_was_cut_off_goes_on(folder: NetworkFolder, capsys: pytest.CaptureFixture[str]) -> None:
    one = CONSORTIUM.organisation("Hospital1")
    init(folder, "Hospital1", capsys)
    root = folder.tls_ca(one).read_bytes()
    shutil.rmtree(folder.msp(one))
    shutil.rmtree(folder.node_tls(one))
    assert init(folder, "Hospital1", capsys)["made"]  # its members are registered already
    assert folder.tls_ca(one).read_bytes() == root


@pytest.mark.fabric
@pytest.mark.usefixtures("real")
def test_it_ends_and_its_home_is_private(folder: NetworkFolder, capsys: pytest.CaptureFixture[str]) -> None:
    init(folder, "Hospital1", capsys)
    home = folder.fabric_ca(CONSORTIUM.anyone("Hospital1"))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    keys = [*home.rglob("*_sk"), *home.rglob(ca_server.CONFIGURATION)]
    assert len(keys) > 4 and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
    files = [yaml.safe_load(path.read_text()) for path in home.rglob(ca_server.CONFIGURATION)]
    secrets = [file["registry"]["identities"][0]["pass"] for file in files]
    assert len({*secrets}) == 2
    assert not [secret for secret in secrets if secret in (home / "server.log").read_text()]
    assert not [one for one in psutil.process_iter(["name", "cwd"]) if one.info["cwd"] == str(home)]


def test_without_its_server(
    folder: NetworkFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FABRIC_BIN", str(tmp_path))
    assert main(["org", "init", "Hospital1", "--dir", str(folder.root), "--fabric-ca"]) == 21
    assert "--no-fabric-ca" in capsys.readouterr().err
    assert init(folder, "Hospital1", capsys)["fabric_ca"] is None
    assert main(["org", "export", "Hospital1", "--dir", str(folder.root)]) == 0


def test_a_server_that_does_not_run(
    folder: NetworkFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ca_server.SERVER).write_text("#!/bin/sh\necho no space left\nexit 3\n")
    os.chmod(tmp_path / ca_server.SERVER, 0o755)
    monkeypatch.setenv("FABRIC_BIN", str(tmp_path))
    assert main(["org", "init", "Hospital1", "--dir", str(folder.root)]) == 20
    said = capsys.readouterr().err
    assert "ended with 3" in said and "no space left" in said
    assert init(folder, "Hospital1", capsys, "--no-fabric-ca")["fabric_ca"] is None
    assert main(["org", "export", "Hospital1", "--dir", str(folder.root)]) == 0


def test_one_with_authorities_of_its_own_keeps_them(
    folder: NetworkFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    init(folder, "Hospital1", capsys, "--no-fabric-ca")
    (tmp_path / ca_server.SERVER).write_text("#!/bin/sh\nexit 3\n")
    os.chmod(tmp_path / ca_server.SERVER, 0o755)
    monkeypatch.setenv("FABRIC_BIN", str(tmp_path))
    assert init(folder, "Hospital1", capsys) | {"folder": ""} == {
        "organisation": "Hospital1", "folder": "", "made": False, "fabric_ca": None,
    }  # fmt: skip
    assert main(["org", "init", "Hospital1", "--dir", str(folder.root), "--fabric-ca"]) == 10
    assert "began without a Fabric CA" in capsys.readouterr().err
