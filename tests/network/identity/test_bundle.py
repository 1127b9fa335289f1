# SPDX-License-Identifier: Apache-2.0
"""Keys stay home: what leaves a host, what is taken in, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from medquorum.core.private_files import write_private
from medquorum.errors import ConfigError
from medquorum.network.cli.main import main
from medquorum.network.consortium.consortium import Consortium, Organisation, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity import bundle, msp_folder
from medquorum.network.identity.authority import Authority, Validity, new_authority
from medquorum.network.identity.crypto import generate_one, load_authority, node_ou_config

ORGANISATIONS = ["VerifierA", "Dealer", "Hospital1", "Orderer1"]


@pytest.fixture
def consortium() -> Consortium:
    return sample("quickstart", hospitals=1)


def home(tmp_path: Path, consortium: Consortium, name: str) -> NetworkFolder:
    """A host of its own with one organisation's keys."""
    folder = NetworkFolder(tmp_path / name)
    write(consortium, folder.consortium)
    assert generate_one(consortium.anyone(name), folder)
    return folder


def sent(tmp_path: Path, consortium: Consortium, name: str) -> Path:
    folder = home(tmp_path, consortium, name)
    path = tmp_path / f"{name}.json"
    path.write_text(bundle.export(folder, consortium.anyone(name)).text)
    return path


@pytest.mark.parametrize("name", ORGANISATIONS)
def test_a_bundle_brings_the_public_files_and_no_key(tmp_path: Path, consortium: Consortium, name: str) -> None:
    path = sent(tmp_path, consortium, name)
    assert "PRIVATE" not in path.read_text()
    founder = NetworkFolder(tmp_path / "founder")
    one = consortium.anyone(name)
    taken = bundle.read(path, founder)
    assert taken.fingerprint == bundle.export(NetworkFolder(tmp_path / name), one).fingerprint
    assert bundle.store(taken, consortium, founder)
    assert not bundle.store(taken, consortium, founder)
    assert founder.tls_ca(one).read_bytes() == NetworkFolder(tmp_path / name).tls_ca(one).read_bytes()
    assert not msp_folder.is_own(founder, one)
    assert not [path for path in founder.root.rglob("*") if path.name == "priv_sk" or path.suffix == ".key"]
    signing = list(founder.organisation(one).rglob("signcerts/*"))
    assert len(signing) == (name == "Orderer1")


def test_a_key_in_the_public_folder_is_not_exported(tmp_path: Path, consortium: Consortium) -> None:
    folder = home(tmp_path, consortium, "Hospital1")
    one = consortium.anyone("Hospital1")
    shutil.copy(folder.key(one, "Admin"), folder.msp(one) / "cacerts" / "key.pem")
    with pytest.raises(ConfigError, match="no certificate"):
        bundle.export(folder, one)
    (folder.msp(one) / "cacerts" / "key.pem").unlink()
    (folder.msp(one) / "keystore").mkdir()
    shutil.copy(folder.key(one, "Admin"), folder.msp(one) / "keystore" / "priv_sk")
    with pytest.raises(ConfigError, match="no public file"):
        bundle.export(folder, one)


def damaged(path: Path, **changes: object) -> Path:
    document = json.loads(path.read_text())
    document |= {key: value for key, value in changes.items() if key != "files"}
    document["files"] |= changes.get("files", {})
    path.write_text(json.dumps(document))
    return path


def test_bundles_that_are_not_taken_in(tmp_path: Path, consortium: Consortium) -> None:
    path = sent(tmp_path, consortium, "Orderer1")
    founder, good = NetworkFolder(tmp_path / "founder"), path.read_text()
    domain = consortium.anyone("Orderer1").domain
    key = NetworkFolder(tmp_path / "Orderer1").key(consortium.anyone("Orderer1"), "Admin").read_text()
    refused = {
        "holds a private key": {"files": {"msp/cacerts/extra.pem": key}},
        "no public file": {"files": {"msp/cacerts/../../../../etc/passwd": ""}},
        "has the format": {"format": "another"},
        "is no organisation's bundle": {"entry": {"name": "Orderer1"}},
    }
    for message, changes in refused.items():
        path.write_text(good)
        with pytest.raises(ConfigError, match=message):
            bundle.read(damaged(path, **changes), founder)
    stranger = new_authority("ca", domain, Validity.years())
    _, certificate = stranger.issue(f"orderer.{domain}", "orderer")
    foreign = certificate.public_bytes(Encoding.PEM).decode()
    refused_later = {
        "not issued by": {f"orderers/orderer.{domain}/msp/signcerts/orderer.{domain}-cert.pem": foreign},
        "all four NodeOUs": {"msp/config.yaml": "NodeOUs: {Enable: false}"},
        "which is not there": {"msp/config.yaml": node_ou_config("another.pem")},
        "not in its msp/tlscacerts": {f"tlsca/tlsca.{domain}-cert.pem": stranger.pem.decode()},
        "no authority's certificate": {"msp/cacerts/leaf.pem": foreign},
    }
    for message, files in refused_later.items():
        path.write_text(good)
        with pytest.raises(ConfigError, match=message):
            bundle.store(bundle.read(damaged(path, files=files), founder), consortium, founder)
        assert not founder.organizations.exists()


def certified_again(authority: Authority, *extensions: x509.ExtensionType) -> str:
    """Return another certificate of an authority's name and key."""
    old = authority.certificate
    dates = old.not_valid_before_utc, old.not_valid_after_utc
    builder = x509.CertificateBuilder(old.subject, old.subject, old.public_key(), x509.random_serial_number(), *dates)
    for one in extensions:
        builder = builder.add_extension(one, critical=True)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_another_organisations_authority_is_not_taken_in(tmp_path: Path, consortium: Consortium) -> None:
    founder = NetworkFolder(tmp_path / "founder")
    assert bundle.store(bundle.read(sent(tmp_path, consortium, "VerifierA"), founder), consortium, founder)
    path = sent(tmp_path, consortium, "Hospital1")
    good = path.read_text()
    verifier = load_authority(NetworkFolder(tmp_path / "VerifierA"), consortium.anyone("VerifierA"), "tlsca")
    again = certified_again(verifier, x509.BasicConstraints(ca=True, path_length=None))
    for name in ("msp/tlscacerts/extra.pem", "msp/cacerts/extra.pem", "msp/tlsintermediatecerts/extra.pem"):
        for authority in (verifier.pem.decode(), again):
            path.write_text(good)
            with pytest.raises(ConfigError, match=r"is an authority of verifiera\.example\.com"):
                bundle.store(bundle.read(damaged(path, files={name: authority}), founder), consortium, founder)
    assert not founder.organisation(consortium.anyone("Hospital1")).exists()
    path.write_text(good)
    assert bundle.store(bundle.read(path, founder), consortium, founder)


def test_a_certificate_without_constraints_is_no_authority(tmp_path: Path, consortium: Consortium) -> None:
    path, founder = sent(tmp_path, consortium, "Hospital1"), NetworkFolder(tmp_path / "founder")
    own = load_authority(NetworkFolder(tmp_path / "Hospital1"), consortium.anyone("Hospital1"))
    text = certified_again(own)
    with pytest.raises(ConfigError, match="is no authority's certificate"):
        bundle.store(bundle.read(damaged(path, files={"msp/cacerts/old.pem": text}), founder), consortium, founder)


def test_an_entry_must_be_the_agreed_one(tmp_path: Path, consortium: Consortium) -> None:
    path = sent(tmp_path, consortium, "Hospital1")
    founder = NetworkFolder(tmp_path / "founder")
    with pytest.raises(ConfigError, match="another entry"):
        bundle.store(bundle.read(path, founder), sample("quickstart", hospitals=1, port_base=9000), founder)


def test_renewed_certificates_do_not_replace_known_ones_unasked(tmp_path: Path, consortium: Consortium) -> None:
    founder = NetworkFolder(tmp_path / "founder")
    first = bundle.read(sent(tmp_path / "a", consortium, "Hospital1"), founder)
    second = bundle.read(sent(tmp_path / "b", consortium, "Hospital1"), founder)
    assert bundle.store(first, consortium, founder)
    with pytest.raises(ConfigError, match="holds another"):
        bundle.store(second, consortium, founder)


def test_files_of_another_authority_are_checked_like_ours(tmp_path: Path, consortium: Consortium) -> None:
    folder = home(tmp_path, consortium, "Hospital1")
    one = consortium.organisation("Hospital1")
    msp_folder.check_own(folder, one)
    key = folder.node_tls(one) / "server.key"
    kept = key.read_text()
    write_private(key, folder.key(one, "Admin").read_text())
    with pytest.raises(ConfigError, match="is not the key of"):
        msp_folder.check_own(folder, one)
    write_private(key, kept)
    assert one.peer
    moved = one.model_copy(update={"peer": one.peer.model_copy(update={"host": "10.9.8.7"})})
    assert isinstance(moved, Organisation)
    with pytest.raises(ConfigError, match=r"is not for 10\.9\.8\.7"):
        msp_folder.check_own(folder, moved)
    shutil.copy(folder.certificate(one, "User1"), folder.certificate(one, "Admin"))
    with pytest.raises(ConfigError, match="organisational unit admin"):
        msp_folder.check_own(folder, one)


def test_the_commands(tmp_path: Path, consortium: Consortium, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("VerifierA", "Hospital1"):
        write(consortium, tmp_path / name / "consortium.toml")
        assert main(["org", "init", name, "--dir", str(tmp_path / name), "--no-fabric-ca"]) == 0
        out = str(tmp_path / f"{name}.json")
        assert main(["org", "export", name, "--dir", str(tmp_path / name), "--out", out]) == 0
    said = capsys.readouterr().out
    assert main(["org", "import", str(tmp_path / "Hospital1.json"), "--dir", str(tmp_path / "VerifierA")]) == 0
    fingerprint = capsys.readouterr().out.split()[2]
    assert f"sha256 {fingerprint}" in said
    assert main(["org", "init", "Nobody", "--dir", str(tmp_path / "VerifierA")]) == 10
    assert main(["channel", "genesis", "--dir", str(tmp_path / "VerifierA")]) == 10
    assert "nothing is known of VerifierB" in capsys.readouterr().err
    assert main(["up", "--network", "devnet", "--org", "VerifierA", "--dir", str(tmp_path / "VerifierA")]) == 10
    assert "one process for all" in capsys.readouterr().err
