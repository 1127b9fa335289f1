# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fabric_protos.common.common_pb2 import Block
from fabric_protos.msp.identities_pb2 import SerializedIdentity

from medquorum.clients.proof.authorities import Authorities
from medquorum.clients.proof.chain import BlockTransaction, check_endorsements, check_link, header_hash
from medquorum.errors import CheckFailed, ConfigError

Key = ec.EllipticCurvePrivateKey


def certificate(name: str, key: Key, issuer: str, issuer_key: Key) -> x509.Certificate:
    start = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(issuer_key, hashes.SHA256())
    )


class Organisation:
    """An organisation with its authority and one peer."""

    def __init__(self, msp: str) -> None:
        self.msp = msp
        root_key, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = certificate(f"ca.{msp}", root_key, f"ca.{msp}", root_key)
        self.certificate = certificate(f"peer0.{msp}", self.key, f"ca.{msp}", root_key)

    def endorse(self, signed: bytes, claim: str = "") -> tuple[bytes, bytes]:
        pem = self.certificate.public_bytes(Encoding.PEM)
        endorser = SerializedIdentity(mspid=claim or self.msp, id_bytes=pem).SerializeToString()
        return endorser, self.key.sign(signed + endorser, ec.ECDSA(hashes.SHA256()))


A, B = Organisation("VerifierAMSP"), Organisation("VerifierBMSP")
AUTHORITIES = Authorities({A.msp: [A.root], B.msp: [B.root]})


def transaction(*endorsements: tuple[bytes, bytes], signed: bytes = b"result") -> BlockTransaction:
    return BlockTransaction("t" * 64, 3, "VALID", signed, endorsements)


def chain(length: int) -> list[Any]:
    blocks: list[Any] = []
    for number in range(length):
        block = Block()
        block.data.data.append(b"transaction %d" % number)
        block.header.number = number
        block.header.data_hash = hashlib.sha256(b"transaction %d" % number).digest()
        if blocks:
            block.header.previous_hash = header_hash(blocks[-1].header)
        blocks.append(block)
    return blocks


def test_good_endorsements_name_their_organisations() -> None:
    assert check_endorsements(transaction(B.endorse(b"result"), A.endorse(b"result")), AUTHORITIES) == [A.msp, B.msp]


def test_an_endorsement_of_something_else_is_found() -> None:
    with pytest.raises(CheckFailed, match="not signed by VerifierAMSP"):
        check_endorsements(transaction(A.endorse(b"another result")), AUTHORITIES)


def test_an_organisation_cannot_endorse_as_another_one() -> None:
    with pytest.raises(CheckFailed, match="claims to be of VerifierBMSP"):
        check_endorsements(transaction(A.endorse(b"result", claim=B.msp)), AUTHORITIES)
    with pytest.raises(CheckFailed, match="claims to be of UnknownMSP"):
        check_endorsements(transaction(A.endorse(b"result", claim="UnknownMSP")), AUTHORITIES)


def test_a_chain_is_followed_and_a_changed_block_found() -> None:
    blocks = chain(300)
    previous = None
    for block in blocks:
        previous = check_link(block, previous)
    blocks[7].data.data[0] = b"forged"
    with pytest.raises(CheckFailed, match="block 7 are not those"):
        check_link(blocks[7], header_hash(blocks[6].header))
    blocks[7].header.data_hash = hashlib.sha256(b"forged").digest()
    with pytest.raises(CheckFailed, match="block 8 does not follow"):
        check_link(blocks[8], header_hash(blocks[7].header))


def test_the_header_hash_is_that_of_its_asn1_form() -> None:
    block = chain(1)[0]
    block.header.number = 128
    block.header.previous_hash = b"\x01" * 32
    encoded = b"\x30\x48\x02\x02\x00\x80\x04\x20" + b"\x01" * 32 + b"\x04\x20" + block.header.data_hash
    assert header_hash(block.header) == hashlib.sha256(encoded).digest()


def test_a_folder_without_organisations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no organisation"):
        Authorities.read(tmp_path)
