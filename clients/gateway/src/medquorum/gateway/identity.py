# SPDX-License-Identifier: Apache-2.0
"""Who signs: X.509 identities, low-S ECDSA signatures over digests, and transaction ids."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from fabric_protos.msp.identities_pb2 import SerializedIdentity

from medquorum.gateway.errors import ConfigError

__all__ = [
    "Hash",
    "Signer",
    "SigningIdentity",
    "X509Identity",
    "low_s",
    "new_nonce",
    "private_key_signer",
    "sha256",
    "transaction_id",
]

Signer = Callable[[bytes], bytes]
"""Signs a digest and returns the DER signature."""
Hash = Callable[[bytes], bytes]
"""Digests a message before it is signed."""

NONCE_BYTES = 24


def sha256(message: bytes) -> bytes:
    """Digest a message as Fabric's peers do."""
    return hashlib.sha256(message).digest()


@dataclass(frozen=True)
class X509Identity:
    """A member of an organisation: its MSP id and its certificate as PEM (``msp.SerializedIdentity``).

    Raises
    ------
    ConfigError
        The MSP id is empty or the certificate is not PEM.
    """

    msp_id: str
    certificate: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.msp_id:
            raise ConfigError("An identity has no MSP id", "Name the organisation's MSP, such as Org1MSP")
        try:
            x509.load_pem_x509_certificate(self.certificate)
        except (ValueError, x509.InvalidVersion) as error:
            raise ConfigError(
                f"The certificate of {self.msp_id} cannot be read: {error}", "Give the PEM file from signcerts/"
            ) from error

    @property
    def creator(self) -> bytes:
        """The serialized identity, as proposals carry it."""
        return bytes(SerializedIdentity(mspid=self.msp_id, id_bytes=self.certificate).SerializeToString())


def low_s(signature: bytes, order: int) -> bytes:
    """Return the equivalent DER signature whose s is at most half the curve's order: peers refuse the other one."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, order - s))


def private_key_signer(pem: bytes) -> Signer:
    """Make a signer from an elliptic-curve private key (PKCS#8 or SEC1, PEM, without a password).

    Raises
    ------
    ConfigError
        The text is not such a key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError("The private key cannot be read", "Give an unencrypted PEM key from keystore/") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("The private key is not an elliptic-curve key", "Fabric's identities use P-256 keys")
    order = key.curve.group_order
    algorithm = ec.ECDSA(Prehashed(hashes.SHA256()))

    def sign(digest: bytes) -> bytes:
        return low_s(key.sign(digest, algorithm), order)

    return sign


class SigningIdentity:
    """An identity with its signer (none when signatures are made elsewhere) and digest."""

    def __init__(self, identity: X509Identity, signer: Signer | None, digest: Hash) -> None:
        self.identity = identity
        self.creator = identity.creator
        self.digest = digest
        self._signer = signer

    def sign(self, message: bytes) -> bytes:
        """Sign a message's digest.

        Raises
        ------
        ConfigError
            There is no signer.
        """
        if self._signer is None:
            raise ConfigError(
                "The gateway was connected without a signer",
                "Sign the digest off-line and use new_signed_proposal and its siblings, or connect with a signer",
            )
        return self._signer(self.digest(message))


def new_nonce() -> bytes:
    """Draw the random part of a transaction id."""
    return secrets.token_bytes(NONCE_BYTES)


def transaction_id(nonce: bytes, creator: bytes) -> str:
    """Return the id a peer derives from a proposal's signature header."""
    return sha256(nonce + creator).hex()
