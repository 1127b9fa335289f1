# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities: what issues an organisation's certificates, and one made here, in cryptogen's profile.

ECDSA P-256 throughout.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "Issuer", "Validity", "general_name", "new_authority"]

YEARS = 10
_TLS_USES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


class Issuer(Protocol):
    """Issues the certificates of an organisation's members, all under one root."""

    @property
    def pem(self) -> bytes:
        """The root certificate."""

    def issue(
        self, common_name: str, unit: str | None, hosts: Sequence[str] = (), *, tls: bool = False
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Make a key and its certificate; ``unit`` is the NodeOU, ``hosts`` are names and addresses for TLS."""


@dataclass(frozen=True)
class Validity:
    """When a certificate holds, in UTC."""

    begin: datetime.datetime
    end: datetime.datetime

    @classmethod
    def years(cls, years: int = YEARS) -> Validity:
        """Hold for a number of years from five minutes ago (clocks differ)."""
        now = datetime.datetime.now(datetime.UTC)
        return cls(now - datetime.timedelta(minutes=5), now + datetime.timedelta(days=365 * years))


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its key signs, its certificate is every member's root."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    validity: Validity
    """Of what it issues."""

    @property
    def pem(self) -> bytes:
        """The root certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, common_name: str, unit: str | None, hosts: Sequence[str] = (), *, tls: bool = False
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Make a key and its certificate; ``unit`` is the NodeOU, ``hosts`` are names and addresses for TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(common_name, unit), self.certificate.subject, key.public_key(), self.validity)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(encipher=tls), critical=True)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        if tls:
            builder = builder.add_extension(_TLS_USES, critical=False)
        if hosts:
            names = [general_name(host) for host in dict.fromkeys(hosts)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return key, builder.sign(self.key, hashes.SHA256())


def new_authority(kind: str, domain: str, validity: Validity) -> Authority:
    """Make a signing (``ca``) or TLS (``tlsca``) authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{kind}.{domain}", None, organisation=domain)
    builder = _builder(name, name, key.public_key(), validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_usage(encipher=True, certify=True), critical=True)
    builder = builder.add_extension(_TLS_USES, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(key, builder.sign(key, hashes.SHA256()), validity)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(validity.begin).not_valid_after(validity.end)


def _name(common_name: str, unit: str | None, organisation: str | None = None) -> x509.Name:
    pairs = [(NameOID.ORGANIZATION_NAME, organisation), (NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]
    attributes = [x509.NameAttribute(oid, value) for oid, value in pairs if value]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def general_name(host: str) -> x509.GeneralName:
    """Return a host as a subject's alternative name: its address, or its name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, encipher: bool, certify: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=encipher,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certify,
        crl_sign=certify,
        encipher_only=False,
        decipher_only=False,
    )
