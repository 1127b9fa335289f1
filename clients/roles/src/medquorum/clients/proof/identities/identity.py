# SPDX-License-Identifier: Apache-2.0
"""Who signed: an identity as Fabric writes it, and its signature over some bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID
from fabric_protos.msp.identities_pb2 import SerializedIdentity

from medquorum.clients.proof.envelope import REMEDY, read_message
from medquorum.errors import CheckFailed

__all__ = ["ORDERS", "REMEMBERED", "Identity", "check_signature", "read_identity"]

ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
"""Orders of the curves Fabric signs on."""
REMEMBERED = 4096
"""Certificates that are kept once they were read or checked."""


@dataclass(frozen=True)
class Identity:
    """A certificate that claims to be of an organisation; nothing of it is checked yet."""

    msp_id: str
    name: str
    units: tuple[str, ...]
    begin: datetime
    end: datetime
    is_authority: bool
    certificate: x509.Certificate = field(repr=False)
    key: ec.EllipticCurvePublicKey = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name} of {self.msp_id}"


@lru_cache(REMEMBERED)
def read_identity(serialized: bytes) -> Identity:
    """Return the identity in a ``SerializedIdentity``.

    Raises
    ------
    CheckFailed
        The bytes are no identity, or the certificate cannot be read or has no ECDSA key.
    """
    message = read_message(SerializedIdentity, serialized, "an identity")
    try:
        return _identity(message.mspid, x509.load_pem_x509_certificate(message.id_bytes))
    except Exception as error:  # whatever a hostile certificate makes the library raise, it is no certificate
        raise CheckFailed(
            f"a certificate that claims to be of {message.mspid!r} cannot be read", REMEDY, check="signature"
        ) from error


def check_signature(identity: Identity, message: bytes, signature: bytes, what: str) -> None:
    """Check an ECDSA signature over a message, SHA-256, in the one form Fabric takes: DER with a low S.

    Raises
    ------
    CheckFailed
        It is another one; ``what`` names what is signed.
    """
    try:
        r, s = decode_dss_signature(signature)
        identity.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature) as error:
        raise CheckFailed(f"{what} is not signed by {identity}", REMEDY, check="signature") from error
    if 2 * s > ORDERS[identity.key.curve.name] or encode_dss_signature(r, s) != signature:
        raise CheckFailed(f"the signature of {identity} on {what} has a high S", REMEDY, check="signature")


def _identity(msp_id: str, certificate: x509.Certificate) -> Identity:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ORDERS:
        raise ValueError("no ECDSA key")
    subject = certificate.subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    return Identity(
        msp_id,
        str(names[0].value) if names else "somebody",
        tuple(str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        is_authority,
        certificate,
        key,
    )
