# SPDX-License-Identifier: Apache-2.0
"""Who signed: X.509 identities of the channel's organisations, judged as a peer's MSP judges them (NodeOUs enabled)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from google.protobuf.message import DecodeError

from medquorum.core.x509 import issued, read_certificate

__all__ = ["ROLES", "Identity", "IdentityError", "Msp", "Msps", "Signer"]

ROLES = ("client", "peer", "admin", "orderer")
CACHE_SIZE = 4096
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class IdentityError(Exception):
    """An identity or a signature is not acceptable; the text is for the log and the caller."""


@dataclass(frozen=True)
class Identity:
    """A creator or endorser: ``fault`` is empty when its organisation's MSP holds the certificate to be valid."""

    msp_id: str
    certificate: x509.Certificate = field(repr=False)
    role: str
    units: frozenset[str]
    fault: str

    @cached_property
    def key(self) -> tuple[str, str]:
        """Equal for equal certificates of one organisation, however they were serialized."""
        return self.msp_id, self.certificate.fingerprint(hashes.SHA256()).hex()

    def matches(self, pem: bytes) -> bool:
        """Return whether a PEM text holds this certificate."""
        try:
            return read_certificate(pem) == self.certificate
        except ValueError:
            return False

    @property
    def expired(self) -> bool:
        """Whether the certificate's time is over (checked by gateways and orderers, not at validation)."""
        return datetime.datetime.now(datetime.UTC) > self.certificate.not_valid_after_utc

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check an ECDSA signature with SHA-256 and low S.

        Raises
        ------
        IdentityError
            When the signature is malformed, has a high S, or does not match.
        """
        public = self.certificate.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise IdentityError("the certificate holds no ECDSA key")
        try:
            _, s = decode_dss_signature(signature)
        except ValueError as error:
            raise IdentityError("could not determine the validity of the signature: not DER") from error
        if 2 * s > P256_ORDER:
            raise IdentityError("could not determine the validity of the signature: S is larger than half the order")
        try:
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise IdentityError("The signature is invalid") from error


@dataclass(frozen=True)
class Msp:
    """One organisation's authorities."""

    msp_id: str
    authorities: tuple[x509.Certificate, ...]
    tls_roots: tuple[bytes, ...] = ()

    @classmethod
    def load(cls, msp_id: str, folder: Path) -> Msp:
        """Read ``cacerts``, ``intermediatecerts`` and ``tlscacerts`` of an MSP folder."""
        files = sorted((folder / "cacerts").glob("*.pem")) + sorted((folder / "intermediatecerts").glob("*.pem"))
        authorities = tuple(read_certificate(file.read_bytes()) for file in files)
        return cls(msp_id, authorities, tuple(file.read_bytes() for file in sorted((folder / "tlscacerts").glob("*"))))

    def identify(self, pem: bytes) -> Identity:
        """Judge a certificate; an unacceptable one gives an identity with a fault."""
        try:
            certificate = read_certificate(pem)
        except ValueError as error:
            raise IdentityError("the creator's certificate cannot be read") from error
        subject = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        units = frozenset(str(attribute.value) for attribute in subject)
        roles = [role for role in ROLES if role in units]
        fault = "" if self._issued(certificate) else "certificate signed by unknown authority"
        if not fault and len(roles) != 1:
            fault = "the identity must have exactly one of the OUs client, peer, orderer, admin"
        return Identity(self.msp_id, certificate, roles[0] if len(roles) == 1 else "", units, fault)

    def _issued(self, certificate: x509.Certificate) -> bool:
        """Chain to an authority, judged at the certificate's first second: expiry is not the MSP's affair."""
        moment = certificate.not_valid_before_utc + datetime.timedelta(seconds=1)
        for authority in self.authorities:
            valid = authority.not_valid_before_utc <= moment <= authority.not_valid_after_utc
            if valid and issued(certificate, authority):
                return certificate != authority
        return False


class Msps:
    """The channel's organisations; remembers the identities it has judged."""

    def __init__(self, msps: Iterable[Msp]) -> None:
        self._msps: Mapping[str, Msp] = {msp.msp_id: msp for msp in msps}
        self._known: dict[bytes, Identity] = {}

    def identity(self, serialized: bytes) -> Identity:
        """Read a ``SerializedIdentity``.

        Raises
        ------
        IdentityError
            When it is malformed or of an unknown organisation. An invalid certificate is no error but a ``fault``.
        """
        known = self._known.get(serialized)
        if known is not None:
            return known
        try:
            message = SerializedIdentity.FromString(serialized)
        except DecodeError as error:
            raise IdentityError("could not deserialize a SerializedIdentity") from error
        msp = self._msps.get(message.mspid)
        if msp is None:
            raise IdentityError(f"MSP {message.mspid} is unknown")
        identity = msp.identify(message.id_bytes)
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[serialized] = identity
        return identity

    def authenticate(self, serialized: bytes, message: bytes, signature: bytes) -> Identity:
        """Identify, and check validity and signature.

        Raises
        ------
        IdentityError
            When any of them fails.
        """
        identity = self.identity(serialized)
        if identity.fault:
            raise IdentityError(f"creator certificate is not valid: {identity.fault}")
        identity.verify(message, signature)
        return identity


class Signer:
    """A node's own key: makes low-S signatures."""

    def __init__(self, msp_id: str, certificate: bytes, key: ec.EllipticCurvePrivateKey) -> None:
        self.msp_id = msp_id
        self.serialized: bytes = SerializedIdentity(mspid=msp_id, id_bytes=certificate).SerializeToString()
        self._key = key

    @classmethod
    def load(cls, msp_id: str, msp_folder: Path) -> Signer:
        """Read ``signcerts`` and ``keystore`` of a node's MSP folder."""
        certificate = next((msp_folder / "signcerts").glob("*.pem")).read_bytes()
        key = serialization.load_pem_private_key(next((msp_folder / "keystore").iterdir()).read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise IdentityError(f"{msp_folder} holds no ECDSA key")
        return cls(msp_id, certificate, key)

    def sign(self, message: bytes) -> bytes:
        """Sign the SHA-256 of a message, DER with low S."""
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return encode_dss_signature(r, min(s, P256_ORDER - s))
