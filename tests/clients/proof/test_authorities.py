# SPDX-License-Identifier: Apache-2.0
"""Whose certificate it is: issued by the organisation's root, or by an intermediate authority below it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.msp.identities_pb2 import SerializedIdentity

from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.identities.identity import Identity, read_identity
from medquorum.errors import CheckFailed, ConfigError
from medquorum.network.identity.authority import Authority, Validity, new_authority
from medquorum.verifier.service.identity import Credentials
from medquorum_testing.chain.intermediate_authority import below

NOW = datetime.now(UTC)
YEAR = Validity.years(1)
ROOT = new_authority("ca", "a.example.com", YEAR)
BETWEEN = below(ROOT, "between")
LOWER = below(BETWEEN, "lower")


def folder(place: Path, prefix: str = "", **certificates: list[Authority]) -> Path:
    """Write the folder of one organisation, AMSP."""
    home = place / "a.example.com"
    home.mkdir()
    profile = {
        "client": {"organization": "A"},
        "organizations": {"A": {"mspid": "AMSP", "peers": ["peer0"]}},
        "peers": {"peer0": {"url": "grpcs://localhost:7051", "tlsCACerts": {"pem": ROOT.pem.decode()}}},
    }
    (home / "connection-a.json").write_text(json.dumps(profile))
    for kind, found in certificates.items():
        (home / "msp" / f"{prefix}{kind}").mkdir(parents=True)
        for index, one in enumerate(found):
            (home / "msp" / f"{prefix}{kind}" / f"{index}.pem").write_bytes(one.pem)
    return place


def identity(msp: str, certificate: x509.Certificate) -> Identity:
    pem = certificate.public_bytes(Encoding.PEM)
    return read_identity(SerializedIdentity(mspid=msp, id_bytes=pem).SerializeToString())


def revoking(authority: Authority, certificate: x509.Certificate, when: datetime, signer: Authority) -> bytes:
    """Make the revocation list of an authority in PEM; another signer makes it nobody's."""
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(when)
    made = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    made = made.last_update(NOW).next_update(NOW + timedelta(days=1)).add_revoked_certificate(entry.build())
    return made.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_chain_of_intermediates_leads_to_the_root(tmp_path: Path) -> None:
    known = Authorities.read(folder(tmp_path, cacerts=[ROOT], intermediatecerts=[LOWER, BETWEEN]))
    for issuer in (ROOT, BETWEEN, LOWER):
        _, certificate = issuer.issue("peer0", "peer")
        known.check(identity("AMSP", certificate), NOW)
        with pytest.raises(CheckFailed, match="claims to be of BMSP"):
            known.check(identity("BMSP", certificate), NOW)


def test_an_intermediate_that_is_not_there_vouches_for_nobody(tmp_path: Path) -> None:
    _, certificate = BETWEEN.issue("peer0", "peer")
    with pytest.raises(CheckFailed, match="not issued by its authority"):
        Authorities.read(folder(tmp_path, cacerts=[ROOT])).check(identity("AMSP", certificate), NOW)


def test_a_revoked_certificate_counts_for_what_was_before(tmp_path: Path) -> None:
    _, certificate = LOWER.issue("peer0", "peer")
    place = folder(tmp_path, cacerts=[ROOT], intermediatecerts=[LOWER, BETWEEN])
    lists = place / "a.example.com" / "msp" / "crls"
    lists.mkdir()
    (lists / "false.pem").write_bytes(revoking(LOWER, certificate, NOW - timedelta(days=9), BETWEEN))
    Authorities.read(place).check(identity("AMSP", certificate), NOW)
    (lists / "true.pem").write_bytes(revoking(LOWER, certificate, NOW - timedelta(days=9), LOWER))
    known = Authorities.read(place)
    known.check(identity("AMSP", certificate), NOW - timedelta(days=10))
    with pytest.raises(CheckFailed, match=r"peer0.* of AMSP was revoked"):
        known.check(identity("AMSP", certificate), NOW)
    (lists / "true.pem").write_bytes(revoking(BETWEEN, LOWER.certificate, NOW - timedelta(days=9), BETWEEN))
    with pytest.raises(CheckFailed, match="lower of AMSP was revoked"):
        Authorities.read(place).check(identity("AMSP", certificate), NOW)
    (lists / "true.pem").write_bytes(b"broken")
    with pytest.raises(ConfigError, match="cannot be read"):
        Authorities.read(place)


@pytest.mark.parametrize("stray", [LOWER, below(ROOT, "no authority", authority=False)])
def test_an_intermediate_without_a_chain_is_refused(tmp_path: Path, stray: Authority) -> None:
    with pytest.raises(ConfigError, match="is not one of these root authorities'"):
        Authorities.read(folder(tmp_path, cacerts=[ROOT], intermediatecerts=[stray]))


def test_services_know_intermediate_tls_authorities(tmp_path: Path) -> None:
    key, certificate = BETWEEN.issue("client", None, ["localhost"], tls=True)
    (tmp_path / "client.crt").write_bytes(Authority(key, certificate, YEAR).pem)
    (tmp_path / "client.key").write_bytes(b"key")
    place = folder(tmp_path, "tls", cacerts=[ROOT], intermediatecerts=[BETWEEN])
    found = Credentials.read(tmp_path, place)
    assert found.msp_of(Authority(key, certificate, YEAR).pem) == "AMSP"
    assert found.authorities == {"AMSP": [ROOT.pem, BETWEEN.pem]}
    (place / "a.example.com" / "msp" / "tlsintermediatecerts" / "1.pem").write_bytes(b"broken")
    with pytest.raises(ConfigError, match="cannot be read"):
        Credentials.read(tmp_path, place)
