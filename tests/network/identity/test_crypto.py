# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates: cryptogen's layout and profile, privacy of keys, repeats, short-lived users."""

import datetime
import shutil
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from medquorum.network.consortium.consortium import Consortium, Organisation, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity.authority import Validity
from medquorum.network.identity.crypto import enrol_user, generate

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, NetworkFolder]:
    consortium = sample("quickstart", hospitals=1)
    folder = NetworkFolder(tmp_path_factory.mktemp("crypto"))
    generate(consortium, folder)
    return consortium, folder


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def units(one: x509.Certificate) -> list[str]:
    return [str(a.value) for a in one.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]


def test_the_layout_is_cryptogens(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    home = folder.organisation(consortium.organisation("Hospital1"))
    files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    peer, admin = "peers/peer0.hospital1.example.com", "users/Admin@hospital1.example.com"
    assert {
        "ca/ca.hospital1.example.com-cert.pem",
        "ca/priv_sk",
        "tlsca/tlsca.hospital1.example.com-cert.pem",
        "msp/config.yaml",
        "msp/cacerts/ca.hospital1.example.com-cert.pem",
        "msp/tlscacerts/tlsca.hospital1.example.com-cert.pem",
        f"{peer}/msp/signcerts/peer0.hospital1.example.com-cert.pem",
        f"{peer}/msp/keystore/priv_sk",
        f"{peer}/tls/ca.crt",
        f"{peer}/tls/server.crt",
        f"{peer}/tls/server.key",
        f"{admin}/msp/signcerts/Admin@hospital1.example.com-cert.pem",
        f"{admin}/tls/client.crt",
        f"{admin}/tls/client.key",
    } <= files


def test_units_issuers_and_names(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    one, orderer = consortium.organisation("Hospital1"), consortium.orderers[0]
    root = certificate(folder.organisation(one) / "ca" / f"ca.{one.domain}-cert.pem")
    for path, unit in [
        (folder.certificate(one, "Admin"), "admin"),
        (folder.certificate(one, "User1"), "client"),
        (folder.node(one) / "msp" / "signcerts" / f"{one.node}-cert.pem", "peer"),
    ]:
        found = certificate(path)
        found.verify_directly_issued_by(root)
        assert units(found) == [unit]
    signing = certificate(folder.node(orderer) / "msp" / "signcerts" / f"{orderer.node}-cert.pem")
    assert units(signing) == ["orderer"]
    server = certificate(folder.node_tls(one) / "server.crt")
    server.verify_directly_issued_by(certificate(folder.tls_ca(one)))
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert one.node in names.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def test_node_units_are_enabled(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    one = consortium.organisation("Dealer")
    document = yaml.safe_load((folder.msp(one) / "config.yaml").read_text())["NodeOUs"]
    assert document.pop("Enable") is True
    assert {entry["OrganizationalUnitIdentifier"] for entry in document.values()} == {
        "client",
        "peer",
        "admin",
        "orderer",
    }
    assert all((folder.msp(one) / entry["Certificate"]).is_file() for entry in document.values())


def test_keys_are_private_and_belong_to_their_certificates(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    keys = [*folder.organizations.rglob("priv_sk"), *folder.organizations.rglob("*.key")]
    assert len(keys) > 40
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    one = consortium.organisation("VerifierA")
    key = serialization.load_pem_private_key(folder.key(one, "User1").read_bytes(), None)
    assert key.public_key() == certificate(folder.certificate(one, "User1")).public_key()


def test_a_repeat_makes_only_what_is_missing(tmp_path: Path) -> None:
    folder = NetworkFolder(tmp_path)
    assert len(generate(sample("small", hospitals=1), folder)) == 7
    before = folder.key(sample("small").organisation("Hospital1"), "Admin").read_bytes()
    assert generate(sample("small", hospitals=2), folder) == ["Hospital2"]
    assert folder.key(sample("small").organisation("Hospital1"), "Admin").read_bytes() == before


def test_a_dealer_has_users_and_no_node(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    dealer = consortium.organisation("Dealer")
    assert folder.certificate(dealer, "User1").exists()
    assert not (folder.organisation(dealer) / "peers").exists()


def test_expired_users_can_be_made(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    one: Organisation = consortium.organisation("Hospital1")
    now = datetime.datetime.now(datetime.UTC)
    enrol_user(folder, one, "Late", validity=Validity(now - 2 * HOUR, now - HOUR))
    found = certificate(folder.certificate(one, "Late"))
    assert found.not_valid_after_utc < now
    found.verify_directly_issued_by(certificate(folder.organisation(one) / "ca" / f"ca.{one.domain}-cert.pem"))


def test_whoever_serves_has_a_service_certificate(made: tuple[Consortium, NetworkFolder]) -> None:
    consortium, folder = made
    serving = [one for one in consortium.organisations if one.service]
    assert [one.name for one in serving] == [
        one.name for one in consortium.organisations if one.roles != ["coordinator"]
    ]
    for one in serving:
        tls = folder.service_tls(one)
        assert tls.relative_to(folder.organisation(one)).as_posix() == f"services/service.{one.domain}/tls"
        assert (tls / "ca.crt").read_bytes() == folder.tls_ca(one).read_bytes()
        found = certificate(tls / "server.crt")
        found.verify_directly_issued_by(certificate(folder.tls_ca(one)))
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(names.get_values_for_type(x509.DNSName)) == {f"service.{one.domain}", "service", "localhost"}
        assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
        uses = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert set(uses) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
        assert stat.S_IMODE((tls / "server.key").stat().st_mode) == 0o600


def test_a_folder_of_before_gets_service_certificates(tmp_path: Path) -> None:
    folder, consortium = NetworkFolder(tmp_path), sample("quickstart", hospitals=1)
    generate(consortium, folder)
    dealer, verifier = consortium.organisation("Dealer"), consortium.organisation("VerifierA")
    kept = (folder.service_tls(verifier) / "server.crt").read_bytes()
    shutil.rmtree(folder.organisation(dealer) / "services")
    assert generate(consortium, folder) == []
    certificate(folder.service_tls(dealer) / "server.crt").verify_directly_issued_by(certificate(folder.tls_ca(dealer)))
    assert (folder.service_tls(verifier) / "server.crt").read_bytes() == kept


def test_another_sites_organisation_gets_no_service_certificate(tmp_path: Path) -> None:
    folder, consortium = NetworkFolder(tmp_path), sample("quickstart", hospitals=1)
    generate(consortium, folder)
    dealer = consortium.organisation("Dealer")
    for secret in ("services", "tlsca"):
        shutil.rmtree(folder.organisation(dealer) / secret)
    assert generate(consortium, folder) == []
    assert not folder.service_tls(dealer).exists()
