# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from hypothesis import given
from hypothesis import strategies as st

from medquorum.gateway import ConfigError, X509Identity, connect, private_key_signer, sha256
from medquorum.gateway.identity import low_s, transaction_id
from medquorum_testing.gateway.fake_gateway import FakeGateway

ORDER = ec.SECP256R1().group_order


@given(st.integers(1, ORDER - 1), st.integers(1, ORDER - 1))
def test_low_s_keeps_r_and_the_smaller_of_s_and_its_negative(r: int, s: int) -> None:
    result_r, result_s = decode_dss_signature(low_s(encode_dss_signature(r, s), ORDER))
    assert result_r == r
    assert result_s in (s, ORDER - s)
    assert result_s <= ORDER // 2


def test_every_signature_is_low_and_verifies(key: ec.EllipticCurvePrivateKey, key_pem: bytes) -> None:
    sign = private_key_signer(key_pem)
    for number in range(32):
        message = str(number).encode()
        signature = sign(sha256(message))
        key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))
        assert decode_dss_signature(signature)[1] <= ORDER // 2


def test_sec1_and_p384_keys_are_taken() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    signature = private_key_signer(pem)(sha256(b"message"))
    key.public_key().verify(signature, b"message", ec.ECDSA(hashes.SHA256()))
    assert decode_dss_signature(signature)[1] <= key.curve.group_order // 2


def test_other_keys_are_refused() -> None:
    edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    for pem, text in ((edwards, "elliptic"), (locked, "cannot be read"), (b"nonsense", "cannot be read")):
        with pytest.raises(ConfigError, match=text):
            private_key_signer(pem)


def test_transaction_id_is_the_hash_of_nonce_and_creator() -> None:
    assert transaction_id(b"n" * 24, b"creator") == hashlib.sha256(b"n" * 24 + b"creator").hexdigest()


def test_creator_holds_msp_id_and_certificate(identity: X509Identity, certificate: bytes) -> None:
    creator = SerializedIdentity.FromString(identity.creator)
    assert (creator.mspid, creator.id_bytes) == ("Org1MSP", certificate)


def test_an_identity_needs_an_msp_id_and_a_certificate(certificate: bytes) -> None:
    with pytest.raises(ConfigError, match="no MSP id"):
        X509Identity("", certificate)
    with pytest.raises(ConfigError, match="certificate of Org1MSP"):
        X509Identity("Org1MSP", b"nonsense")


def test_without_a_signer_nothing_is_sent(channel: grpc.Channel, identity: X509Identity, service: FakeGateway) -> None:
    contract = connect(channel, identity).get_network("mychannel").get_contract("asset")
    with pytest.raises(ConfigError, match="without a signer"):
        contract.evaluate_transaction("Get", "k")
    assert service.requests == {}
