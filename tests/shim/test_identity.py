# SPDX-License-Identifier: Apache-2.0
"""Identities as Fabric's Go chaincode library reads them, and policies as its ``statebased`` package writes them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fabric_protos.common import policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2

from medquorum.shim import ChaincodeError, ClientIdentity, endorsement_policy

SUBJECT = [
    (NameOID.COUNTRY_NAME, "US"),
    (NameOID.STATE_OR_PROVINCE_NAME, "North Carolina"),
    (NameOID.LOCALITY_NAME, "Durham"),
    (NameOID.ORGANIZATION_NAME, "Hyperledger"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "client"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "org1"),
    (NameOID.COMMON_NAME, "a,b"),
    (NameOID.EMAIL_ADDRESS, "left@out"),
]


def creator(subject: list[tuple[x509.ObjectIdentifier, str]], attributes: bytes | None = None) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca.org1.example.com")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
    )
    if attributes is not None:
        oid = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, attributes), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return bytes(identities_pb2.SerializedIdentity(mspid="Org1MSP", id_bytes=pem).SerializeToString())


def test_identity_of_a_client() -> None:
    caller = ClientIdentity(creator(SUBJECT))
    assert caller.msp_id == "Org1MSP"
    assert caller.common_name == "a,b"
    assert caller.organizational_units == ("client", "org1")
    assert caller.attributes == {}
    # What Go's pkix.Name.ToRDNSequence and cid.GetID make of this certificate.
    assert base64.b64decode(caller.id).decode() == (
        r"x509::CN=a\,b,OU=client+OU=org1,O=Hyperledger,L=Durham,ST=North Carolina,C=US::CN=ca.org1.example.com"
    )


@pytest.mark.parametrize(
    ("name", "written"),
    [("#x", r"\#x"), (" x", r"\ x"), ("x ", "x\\ "), (" ", "\\ "), ('a"b\\c', r"a\"b\\c"), ("a=b", "a=b")],
)
def test_names_are_escaped(name: str, written: str) -> None:
    identity = ClientIdentity(creator([(NameOID.COMMON_NAME, name)]))
    assert base64.b64decode(identity.id).decode() == f"x509::CN={written}::CN=ca.org1.example.com"


def test_attributes_of_fabric_ca() -> None:
    attributes = {"attrs": {"hf.EnrollmentID": "alice", "role": "auditor"}}
    assert ClientIdentity(creator(SUBJECT, json.dumps(attributes).encode())).attributes == attributes["attrs"]
    assert ClientIdentity(creator(SUBJECT, b"{}")).attributes == {}


@pytest.mark.parametrize("raw", [b"", b"[]", b"not json", b'{"attrs": 3}', b"\xff"])
def test_broken_attributes(raw: bytes) -> None:
    with pytest.raises(ChaincodeError, match="BAD_IDENTITY"):
        assert ClientIdentity(creator(SUBJECT, raw)).attributes


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        identities_pb2.SerializedIdentity(mspid="Org1MSP", id_bytes=b"no certificate").SerializeToString(),
        identities_pb2.SerializedIdentity(
            id_bytes=identities_pb2.SerializedIdentity.FromString(creator(SUBJECT)).id_bytes
        ).SerializeToString(),
    ],
)
def test_not_an_identity(raw: bytes) -> None:
    with pytest.raises(ChaincodeError) as refusal:
        ClientIdentity(raw)
    assert refusal.value.code == "BAD_IDENTITY"


def test_a_certificate_that_cannot_be_read_through_is_no_identity() -> None:
    """X.509 version 8, and a subject whose text is no text: found when somebody asks, not when it is parsed."""
    whole = x509.load_pem_x509_certificate(identities_pb2.SerializedIdentity.FromString(creator(SUBJECT)).id_bytes)
    der = whole.public_bytes(Encoding.DER)
    version = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    subject = der.replace(b"North Carolina", b"North \xff\xfeCarol\xff", 1)
    for bent in (version, subject):
        assert bent != der
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bent) + b"-----END CERTIFICATE-----\n"
        raw = identities_pb2.SerializedIdentity(mspid="OneMSP", id_bytes=pem).SerializeToString()
        with pytest.raises(ChaincodeError) as refusal:
            _ = ClientIdentity(raw).id
        assert refusal.value.code == "BAD_IDENTITY"


def test_policy_is_n_out_of_sorted_peers() -> None:
    raw = endorsement_policy(["BMSP", "AMSP", "CMSP"], 2)
    assert raw == endorsement_policy({"AMSP", "BMSP", "CMSP"}, 2)
    policy = policies_pb2.SignaturePolicyEnvelope.FromString(raw)
    assert policy.rule.n_out_of.n == 2
    assert [rule.signed_by for rule in policy.rule.n_out_of.rules] == [0, 1, 2]
    roles = [msp_principal_pb2.MSPRole.FromString(identity.principal) for identity in policy.identities]
    assert [(role.msp_identifier, role.role) for role in roles] == [
        (name, msp_principal_pb2.MSPRole.PEER) for name in ("AMSP", "BMSP", "CMSP")
    ]


@pytest.mark.parametrize(
    ("msp_ids", "required"), [([], 0), ([], 1), (["A"], 0), (["A"], 2), (["A", "A"], 1), ([""], 1)]
)
def test_impossible_policies(msp_ids: list[str], required: int) -> None:
    with pytest.raises(ChaincodeError) as refusal:
        endorsement_policy(msp_ids, required)
    assert refusal.value.code == "BAD_POLICY"
