# SPDX-License-Identifier: Apache-2.0
"""The creator of a proposal: a serialized identity, and the certificate in it."""

import base64
import json
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2

from medquorum.shim import ClientIdentity

NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "client"),
        x509.NameAttribute(NameOID.COMMON_NAME, "a,b é"),
    ]
)
KEY = ec.derive_private_key(7, ec.SECP256R1())
START = datetime(2026, 1, 1, tzinfo=UTC)
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(KEY.public_key())
    .serial_number(1)
    .not_valid_before(START)
    .not_valid_after(START + timedelta(days=1))
    .add_extension(
        x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1"), json.dumps({"attrs": {"role": "one"}}).encode()
        ),
        critical=False,
    )
    .sign(KEY, hashes.SHA256())
)


def serialized(der: bytes) -> bytes:
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    return bytes(identities_pb2.SerializedIdentity(mspid="OneMSP", id_bytes=pem).SerializeToString())


DER = CERTIFICATE.public_bytes(Encoding.DER)
SEEDS = [DER, serialized(DER), DER.replace(b"\x0c\x06client", b"\x03\x06client")]


def run(data: bytes) -> None:
    identity = ClientIdentity(serialized(data) if data[:1] == b"\x30" else data)
    identity.id, identity.common_name, identity.organizational_units, identity.attributes  # noqa: B018
