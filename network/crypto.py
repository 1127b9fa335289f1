# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of every organisation, in cryptogen's folder layout, file names and certificate profile.

One code path serves the devnet, which must work where Fabric's binaries are not installed, and real Fabric. ECDSA
P-256 throughout; per organisation one signing authority (``ca``) and one TLS authority (``tlsca``); the NodeOU
(``client``, ``peer``, ``admin``, ``orderer``) is the certificate's organisational unit.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from network.consortium import AnyOrganisation, Consortium, OrdererOrganisation, Organisation, Service
from network.paths import NetworkFolder

__all__ = [
    "USERS",
    "Authority",
    "Validity",
    "enrol_user",
    "generate",
    "generate_one",
    "load_authority",
    "new_authority",
    "node_ou_config",
]

USERS = (("Admin", "admin"), ("User1", "client"))
YEARS = 10
_TLS_USES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


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

    @property
    def pem(self) -> bytes:
        """The root certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, common_name: str, unit: str | None, validity: Validity, hosts: Sequence[str] = (), *, tls: bool = False
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Make a key and its certificate; ``unit`` is the NodeOU, ``hosts`` are names and addresses for TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(common_name, unit), self.certificate.subject, key.public_key(), validity)
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
            names = [_general_name(host) for host in dict.fromkeys(hosts)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return key, builder.sign(self.key, hashes.SHA256())


def generate(consortium: Consortium, folder: NetworkFolder, validity: Validity | None = None) -> list[str]:
    """Make what is missing of every organisation, in one place (`generate_one`).

    Returns the names of the organisations made.
    """
    return [one.name for one in consortium.everyone if generate_one(one, folder, validity)]


def generate_one(one: AnyOrganisation, folder: NetworkFolder, validity: Validity | None = None) -> bool:
    """Make an organisation's authorities, Admin, User1, node and service; tells whether it was made now.

    An organisation whose folder exists keeps its keys; a service that is new gets its certificate where the TLS
    authority's key is.
    """
    made = not folder.msp(one).is_dir()
    if made:
        _organisation(one, folder, validity or Validity.years())
    if isinstance(one, Organisation) and one.service and not (folder.service_tls(one) / "server.crt").exists():
        _service(one, one.service, folder, validity or Validity.years())
    return made


def load_authority(folder: NetworkFolder, one: AnyOrganisation, kind: str = "ca") -> Authority:
    """Read an organisation's signing (``ca``) or TLS (``tlsca``) authority."""
    home = folder.organisation(one) / kind
    key = serialization.load_pem_private_key((home / "priv_sk").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{home / 'priv_sk'} is no ECDSA key")
    return Authority(key, x509.load_pem_x509_certificate((home / f"{kind}.{one.domain}-cert.pem").read_bytes()))


def enrol_user(
    folder: NetworkFolder, one: AnyOrganisation, user: str, unit: str = "client", validity: Validity | None = None
) -> Path:
    """Make another user (with its own ``validity``, for one that is short-lived or expired); returns its folder."""
    home = folder.user(one, user)
    name = f"{user}@{one.domain}"
    ca, tlsca = load_authority(folder, one), load_authority(folder, one, "tlsca")
    _member(home, name, unit, (), one, ca, tlsca, validity or Validity.years())
    return home


def node_ou_config(authority_file: str) -> str:
    """Give the MSP's ``config.yaml`` that classifies certificates by their organisational unit."""
    lines = ["NodeOUs:", "  Enable: true"]
    for unit in ("client", "peer", "admin", "orderer"):
        lines += [
            f"  {unit.capitalize()}OUIdentifier:",
            f"    Certificate: cacerts/{authority_file}",
            f"    OrganizationalUnitIdentifier: {unit}",
        ]
    return "\n".join(lines) + "\n"


def _organisation(one: AnyOrganisation, folder: NetworkFolder, validity: Validity) -> None:
    home = folder.organisation(one)
    ca, tlsca = (_authority(home, kind, one.domain, validity) for kind in ("ca", "tlsca"))
    for user, unit in USERS if isinstance(one, Organisation) else USERS[:1]:
        _member(folder.user(one, user), f"{user}@{one.domain}", unit, (), one, ca, tlsca, validity)
    if isinstance(one, OrdererOrganisation):
        _member(folder.node(one), one.node, "orderer", _hosts(one.node, one.host), one, ca, tlsca, validity)
    elif one.peer:
        _member(folder.node(one), one.node, "peer", _hosts(one.node, one.peer.host), one, ca, tlsca, validity)
    _msp(folder.msp(one), one.domain, ca, tlsca)  # last: its presence says the organisation is complete


def _service(one: Organisation, service: Service, folder: NetworkFolder, validity: Validity) -> None:
    if not (folder.organisation(one) / "tlsca" / "priv_sk").exists():  # another site's organisation
        return
    hosts = _hosts(one.service_node, service.host)
    _tls(folder.service_tls(one), one.service_node, hosts, load_authority(folder, one, "tlsca"), validity)


def _hosts(node: str, host: str) -> tuple[str, ...]:
    return (node, node.partition(".")[0], host, "localhost", "127.0.0.1")


def new_authority(kind: str, domain: str, validity: Validity) -> Authority:
    """Make a signing (``ca``) or TLS (``tlsca``) authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{kind}.{domain}", None, organisation=domain)
    builder = _builder(name, name, key.public_key(), validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_usage(encipher=True, certify=True), critical=True)
    builder = builder.add_extension(_TLS_USES, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def _authority(home: Path, kind: str, domain: str, validity: Validity) -> Authority:
    authority = new_authority(kind, domain, validity)
    _write_key(home / kind / "priv_sk", authority.key)
    _write(home / kind / f"{kind}.{domain}-cert.pem", authority.pem)
    return authority


def _member(
    home: Path,
    name: str,
    unit: str,
    hosts: Sequence[str],
    one: AnyOrganisation,
    ca: Authority,
    tlsca: Authority,
    validity: Validity,
) -> None:
    _msp(home / "msp", one.domain, ca, tlsca)
    key, certificate = ca.issue(name, unit, validity)
    _write_key(home / "msp" / "keystore" / "priv_sk", key)
    _write(home / "msp" / "signcerts" / f"{name}-cert.pem", certificate.public_bytes(serialization.Encoding.PEM))
    _tls(home / "tls", name, hosts, tlsca, validity)


def _tls(home: Path, name: str, hosts: Sequence[str], tlsca: Authority, validity: Validity) -> None:
    kind = "server" if hosts else "client"
    key, certificate = tlsca.issue(name, None, validity, hosts, tls=True)
    _write(home / "ca.crt", tlsca.pem)
    _write_key(home / f"{kind}.key", key)
    _write(home / f"{kind}.crt", certificate.public_bytes(serialization.Encoding.PEM))  # last: all is there


def _msp(home: Path, domain: str, ca: Authority, tlsca: Authority) -> None:
    file = f"ca.{domain}-cert.pem"
    _write(home / "cacerts" / file, ca.pem)
    _write(home / "tlscacerts" / f"tlsca.{domain}-cert.pem", tlsca.pem)
    _write(home / "config.yaml", node_ou_config(file).encode())


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


def _general_name(host: str) -> x509.GeneralName:
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


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write PKCS #8 text, readable by its owner only from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
