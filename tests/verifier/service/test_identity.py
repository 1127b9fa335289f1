# SPDX-License-Identifier: Apache-2.0
"""Who is spoken to: an organisation's TLS authority is its name, at both ends."""

import shutil

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from medquorum.errors import ConfigError, NetworkError, ProtocolError
from medquorum.network.consortium.consortium import sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity.crypto import generate
from medquorum.network.identity.profiles import write_all
from medquorum.verifier.service.connection import connect
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.share_upload import ShareUpload, upload_share
from medquorum_testing.encrypted.service_identities import authority, credentials

KNOWN = ("P0MSP", "HospitalMSP")


@pytest.fixture
def party():
    callers = []
    service = ShareUpload(lambda *_: 100, lambda task, number, hospital, value: callers.append(hospital))
    with Server(credentials("P0MSP", KNOWN), "127.0.0.1:0", [service]) as server:
        server.callers = callers
        yield server


def call(party, own, peer="P0MSP"):
    upload_share(own, party.address, peer, "task", 1, b"value", 0.5)


@pytest.mark.slow
def test_a_foreign_client_is_refused(party):
    for stranger in (credentials("StrangerMSP", KNOWN), credentials("HospitalMSP", KNOWN, number=1)):
        with pytest.raises(ProtocolError, match="knows this organisation's TLS authority") as raised:
            call(party, stranger)
        assert raised.value.__cause__.code() is grpc.StatusCode.UNAVAILABLE
    assert party.callers == []


def test_a_client_without_a_certificate_is_refused(party):
    secure = grpc.ssl_channel_credentials(authority("P0MSP", 0).pem)
    with grpc.secure_channel(party.address, secure) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.stream_unary("/medquorum.ShareUpload/PutShare")(iter([]), timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_of_another_organisation_is_not_spoken_to(party):
    with pytest.raises(ProtocolError, match="does not show a certificate of HospitalMSP"):
        call(party, credentials("HospitalMSP", KNOWN), peer="HospitalMSP")
    with pytest.raises(ConfigError, match="no TLS authority of OtherMSP is known"):
        call(party, credentials("HospitalMSP", KNOWN), peer="OtherMSP")
    assert party.callers == []


def test_a_certificate_for_another_host_is_not_spoken_to():
    with (
        Server(
            credentials("P0MSP", KNOWN, hosts=["elsewhere.org"]), "127.0.0.1:0", [ShareUpload(lambda *_: 100, print)]
        ) as server,
        pytest.raises(ProtocolError, match=r"cannot be reached|does not show"),
    ):
        call(server, credentials("HospitalMSP", KNOWN))


def test_a_client_is_called_by_its_authority(party):
    call(party, credentials("HospitalMSP", KNOWN))
    call(party, credentials("P0MSP", KNOWN))
    assert party.callers == ["HospitalMSP", "P0MSP"]


def test_an_authority_with_anothers_key_is_refused_and_names_nobody():
    """An intermediate authority of the own root that bears another organisation's name and key."""
    victim, evil = authority("VictimMSP", 0), authority("EvilMSP", 0)
    copy = (
        x509.CertificateBuilder()
        .subject_name(victim.certificate.subject)
        .issuer_name(evil.certificate.subject)
        .public_key(victim.certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(victim.certificate.not_valid_before_utc)
        .not_valid_after(victim.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(evil.key, hashes.SHA256())
    )
    own = credentials("VictimMSP", ["VictimMSP"])
    pem = copy.public_bytes(Encoding.PEM)
    for known in (
        {"EvilMSP": [evil.pem, pem], "VictimMSP": [victim.pem]},
        {"VictimMSP": [victim.pem], "ZEvilMSP": [evil.pem, pem]},
    ):
        mixed = Credentials(own.certificate, own.key, known)
        with pytest.raises(ConfigError, match="the same TLS authority"):
            mixed.check()
        assert mixed.msp_of(own.certificate) is None


def test_a_port_in_use_is_named(party):
    with pytest.raises(NetworkError, match=f"cannot listen on {party.address}"):
        Server(credentials("P0MSP", KNOWN), party.address, []).__enter__()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder, consortium = NetworkFolder(tmp_path_factory.mktemp("network")), sample("quickstart", hospitals=1)
    generate(consortium, folder)
    write_all(consortium, folder)
    return folder, consortium


def test_credentials_are_read_from_a_networks_folders(network):
    folder, consortium = network
    peers = folder.organizations / "peerOrganizations"
    dealer, hospital = consortium.organisation("Dealer"), consortium.organisation("Hospital1")
    serving = Credentials.read(folder.service_tls(dealer), peers)
    calling = Credentials.read(folder.user(hospital, "User1") / "tls", peers)
    assert sorted(serving.authorities) == sorted(one.msp_id for one in consortium.organisations)
    assert serving.msp_of(calling.certificate) == "Hospital1MSP"
    assert calling.msp_of(serving.certificate) == "DealerMSP"
    assert "PRIVATE" not in repr(serving)
    callers = []
    take = ShareUpload(lambda *_: 100, lambda task, number, hospital, value: callers.append(hospital))
    with Server(serving, "127.0.0.1:0", [take]) as server:
        call(server, calling, peer="DealerMSP")
    assert callers == ["Hospital1MSP"]


@pytest.mark.slow
def test_a_newcomer_is_served_and_spoken_to_without_a_restart(network, tmp_path):
    folder, consortium = network
    dealer, hospital = consortium.organisation("Dealer"), consortium.organisation("Hospital1")
    peers = tmp_path / "peers"
    shutil.copytree(folder.organizations / "peerOrganizations", peers)
    home = peers / hospital.domain
    home.rename(tmp_path / "away")
    serving = Credentials.read(folder.service_tls(dealer), peers)
    calling = Credentials.read(folder.user(hospital, "User1") / "tls", folder.organizations / "peerOrganizations")
    callers = []
    take = ShareUpload(lambda *_: 100, lambda task, number, hospital, value: callers.append(hospital))
    with Server(serving, "127.0.0.1:0", [take]) as server:
        with pytest.raises(ProtocolError, match="knows this organisation's TLS authority"):
            call(server, calling, peer="DealerMSP")
        with pytest.raises(ConfigError, match="no TLS authority of Hospital1MSP"):
            connect(serving, server.address, "Hospital1MSP")
        shutil.copytree(tmp_path / "away" / "msp", home / "msp")  # its profile is not there yet: nobody is let in
        with pytest.raises(ProtocolError, match="knows this organisation's TLS authority"):
            call(server, calling, peer="DealerMSP")
        shutil.rmtree(home)
        (tmp_path / "away").rename(home)
        call(server, calling, peer="DealerMSP")
        connect(serving, server.address, "Hospital1MSP").close()
        assert callers == ["Hospital1MSP"]
        shutil.rmtree(home)
        with pytest.raises(ProtocolError, match="knows this organisation's TLS authority"):
            call(server, calling, peer="DealerMSP")
    assert callers == ["Hospital1MSP"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda home: (home / "hospital1.example.com" / "connection-hospital1.json").unlink(), "no connection-"),
        (lambda home: (home / "dealer.example.com" / "connection-dealer.json").write_text("{}"), "no connection prof"),
        (lambda home: next(home.glob("dealer*/msp/tlscacerts/*")).write_text("no"), "certificate cannot be read"),
        (lambda home: (home / "own" / "server.key").unlink(), "cannot read .*server.key"),
        (
            lambda home: shutil.copytree(
                home / "dealer.example.com/msp/tlscacerts",
                home / "verifiera.example.com/msp/tlscacerts",
                dirs_exist_ok=True,
            ),
            "DealerMSP and VerifierAMSP have the same TLS authority",
        ),
        (lambda home: [shutil.rmtree(path) for path in home.glob("*.com")], "holds no organisation"),
    ],
)
def test_what_is_missing_or_wrong_is_named(network, tmp_path, change, message):
    folder, consortium = network
    home = tmp_path / "peers"
    shutil.copytree(folder.organizations / "peerOrganizations", home)
    shutil.copytree(folder.service_tls(consortium.organisation("Dealer")), home / "own")
    change(home)
    with pytest.raises(ConfigError, match=message) as raised:
        Credentials.read(home / "own", home)
    assert raised.value.remedy
