# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medquorum.gateway import Contract, Gateway, X509Identity, connect, private_key_signer
from medquorum_testing.gateway.fake_gateway import FakeGateway


@pytest.fixture(scope="session")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="session")
def certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "User1@org1.example.com")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="session")
def identity(certificate: bytes) -> X509Identity:
    return X509Identity("Org1MSP", certificate)


@pytest.fixture
def service() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def channel(service: FakeGateway) -> Iterator[grpc.Channel]:
    server, address = service.serve()
    with grpc.insecure_channel(address) as channel:
        yield channel
    service.stopped.set()
    server.stop(None).wait()


@pytest.fixture
def gateway(channel: grpc.Channel, identity: X509Identity, key_pem: bytes) -> Gateway:
    return connect(channel, identity, private_key_signer(key_pem))


@pytest.fixture
def contract(gateway: Gateway) -> Contract:
    return gateway.get_network("mychannel").get_contract("asset")


@pytest.fixture
def sign(key_pem: bytes) -> Callable[[bytes], bytes]:
    return private_key_signer(key_pem)
