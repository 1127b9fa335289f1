# SPDX-License-Identifier: Apache-2.0
"""Features: off-line signing; identities a peer does not accept."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum_testing.gateway.scenario import (
    ClientFactory,
    Identity,
    Organisation,
    ScenarioClient,
    ScenarioError,
    fails,
)


@pytest.fixture
def unsigned(connect: ClientFactory, org1: Organisation) -> ScenarioClient:
    return connect(org1, org1.identity(), signs=False)


def test_evaluate_and_submit_fail_without_signing(unsigned: ScenarioClient) -> None:
    for call in (unsigned.evaluate, unsigned.submit):
        with pytest.raises(ScenarioError) as caught:
            call("Echo")
        assert caught.value.stage == "client"


def test_evaluate_succeeds_with_off_line_signing(unsigned: ScenarioClient, org1: Organisation) -> None:
    proposal = unsigned.propose("Echo", "signed")
    assert unsigned.evaluate_signed(proposal.content, org1.identity().sign(proposal.digest)) == '["signed"]'


def test_submit_succeeds_with_off_line_signing(
    unsigned: ScenarioClient, client1: ScenarioClient, org1: Organisation, key: str
) -> None:
    identity = org1.identity()
    proposal = unsigned.propose("Put", key, "signed")
    transaction = unsigned.endorse_signed(proposal.content, identity.sign(proposal.digest))
    commit = unsigned.submit_signed(transaction.content, identity.sign(transaction.digest))
    assert unsigned.status_signed(commit.content, identity.sign(commit.digest)).code == "VALID"
    assert client1.evaluate("Get", key) == "signed"


def test_a_proposal_with_a_high_s_signature_is_refused(unsigned: ScenarioClient, org1: Organisation) -> None:
    proposal = unsigned.propose("Echo")
    signature = org1.identity().sign(proposal.digest, high=True)
    with fails("", "FAILED_PRECONDITION", org1):
        unsigned.evaluate_signed(proposal.content, signature)
    with fails("endorse", "ABORTED", org1):
        unsigned.endorse_signed(proposal.content, signature)


def test_a_transaction_with_a_high_s_signature_is_refused(
    unsigned: ScenarioClient, org1: Organisation, key: str
) -> None:
    identity = org1.identity()
    proposal = unsigned.propose("Put", key, "high")
    transaction = unsigned.endorse_signed(proposal.content, identity.sign(proposal.digest))
    with pytest.raises(ScenarioError) as caught:
        unsigned.submit_signed(transaction.content, identity.sign(transaction.digest, high=True))
    assert (caught.value.stage, caught.value.code) == ("submit", "ABORTED")


def test_a_commit_status_request_with_a_high_s_signature_is_refused(
    unsigned: ScenarioClient, org1: Organisation, key: str
) -> None:
    identity = org1.identity()
    proposal = unsigned.propose("Put", key, "high")
    transaction = unsigned.endorse_signed(proposal.content, identity.sign(proposal.digest))
    commit = unsigned.submit_signed(transaction.content, identity.sign(transaction.digest))
    with fails("status", "PERMISSION_DENIED"):
        unsigned.status_signed(commit.content, identity.sign(commit.digest, high=True))


def test_anothers_signature_is_refused(unsigned: ScenarioClient, org1: Organisation, org2: Organisation) -> None:
    proposal = unsigned.propose("Echo")
    with fails("", "FAILED_PRECONDITION", org1):
        unsigned.evaluate_signed(proposal.content, org2.identity().sign(proposal.digest))


def test_a_signed_proposal_is_not_endorsed_again_once_committed(
    unsigned: ScenarioClient, org1: Organisation, key: str
) -> None:
    identity = org1.identity()
    proposal = unsigned.propose("Put", key, "once")
    signature = identity.sign(proposal.digest)
    transaction = unsigned.endorse_signed(proposal.content, signature)
    commit = unsigned.submit_signed(transaction.content, identity.sign(transaction.digest))
    assert unsigned.status_signed(commit.content, identity.sign(commit.digest)).code == "VALID"
    with fails("endorse", "ABORTED", org1):
        unsigned.endorse_signed(proposal.content, signature)


def test_evaluate_with_an_unknown_msp(connect: ClientFactory, org1: Organisation) -> None:
    identity = org1.identity()
    stranger = connect(org1, Identity("UnknownMSP", identity.certificate, identity.key))
    refused_everywhere(stranger, org1)


def test_a_certificate_of_another_organisation(connect: ClientFactory, org1: Organisation, org2: Organisation) -> None:
    identity = org2.identity()
    refused_everywhere(connect(org1, Identity("Org1MSP", identity.certificate, identity.key)), org1)


def test_a_member_of_another_organisation_may_use_this_peer(
    connect: ClientFactory, org1: Organisation, org2: Organisation, key: str
) -> None:
    guest = connect(org1, org2.identity())
    guest.submit("Put", key, "guest")
    assert guest.evaluate("Get", key) == "guest"


def test_an_expired_certificate(
    connect: ClientFactory, org1: Organisation, org2: Organisation, org3: Organisation
) -> None:
    late = connect(org1, issue(org1, expired=True))
    with fails("", "UNAVAILABLE", org1, org2, org3, text="expired"):
        late.evaluate("Echo")
    with fails("endorse", "ABORTED", org1, text="expired"):
        late.submit("Echo")


def test_a_freshly_issued_certificate(connect: ClientFactory, org1: Organisation) -> None:
    assert connect(org1, issue(org1, expired=False)).submit("Echo") == "[]"


def test_a_peer_with_another_organisations_tls_root(
    connect: ClientFactory, org1: Organisation, org2: Organisation
) -> None:
    mistaken = connect(dataclasses.replace(org1, roots=org2.roots), org1.identity())
    with pytest.raises(ScenarioError) as caught:
        mistaken.evaluate("Echo")
    assert caught.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")


def refused_everywhere(client: ScenarioClient, org1: Organisation) -> None:
    with fails("", "FAILED_PRECONDITION", org1):
        client.evaluate("Echo")
    with fails("endorse", "ABORTED", org1):
        client.submit("Echo")
    events = client.events(start=0)
    with fails("", "PERMISSION_DENIED"):
        events.next()
    events.close()


def issue(organisation: Organisation, *, expired: bool) -> Identity:
    """Let the organisation's CA issue a client certificate."""
    certificate = x509.load_pem_x509_certificate(next((organisation.folder / "ca").glob("*-cert.pem")).read_bytes())
    authority = serialization.load_pem_private_key(next((organisation.folder / "ca").glob("*_sk")).read_bytes(), None)
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [
        x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "client"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, "User2"),
    ]
    now = datetime.datetime.now(datetime.UTC)
    start = max(certificate.not_valid_before_utc, now - datetime.timedelta(minutes=5))
    end = start + datetime.timedelta(seconds=1) if expired else now + datetime.timedelta(hours=1)
    issued = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(organisation.msp_id, issued.public_bytes(serialization.Encoding.PEM), pem)
