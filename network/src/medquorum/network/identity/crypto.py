# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of every organisation, in cryptogen's folder layout and file names.

One code path serves the devnet, which must work where Fabric's binaries are not installed, and real Fabric. Per
organisation one signing authority (``ca``) and one TLS authority (``tlsca``), made here or a Fabric CA's; the NodeOU
(``client``, ``peer``, ``admin``, ``orderer``) is the certificate's organisational unit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.network.consortium.consortium import (
    AnyOrganisation,
    Consortium,
    OrdererOrganisation,
    Organisation,
    Service,
)
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity.authority import Authority, Issuer, Validity, new_authority

__all__ = [
    "USERS",
    "Issuers",
    "enrol_user",
    "generate",
    "generate_one",
    "has_own_authorities",
    "is_complete",
    "load_authority",
    "node_ou_config",
]

USERS = (("Admin", "admin"), ("User1", "client"))


class Issuers(NamedTuple):
    """What issues an organisation's certificates: for signing, and for TLS."""

    ca: Issuer
    tlsca: Issuer


def generate(consortium: Consortium, folder: NetworkFolder, validity: Validity | None = None) -> list[str]:
    """Make what is missing of every organisation, in one place (`generate_one`).

    Returns the names of the organisations made.
    """
    return [
        organisation.name
        for organisation in consortium.everyone
        if generate_one(organisation, folder, validity=validity)
    ]


def generate_one(
    organisation: AnyOrganisation,
    folder: NetworkFolder,
    issuers: Issuers | None = None,
    *,
    validity: Validity | None = None,
) -> bool:
    """Make an organisation's Admin, User1, node and service; return whether it was made now.

    An organisation whose folder exists keeps its keys; a service that is new gets its certificate where the TLS
    authority is. Without ``issuers`` two authorities are made too, their keys in ``ca`` and ``tlsca``.
    """
    lasting = validity or Validity.years()
    made = not folder.msp(organisation).is_dir()
    if made:
        _organisation(organisation, folder, issuers or _own_authorities(organisation, folder, lasting))
    if isinstance(organisation, Organisation) and organisation.service and not is_complete(organisation, folder):
        if issuers is not None:
            _service(organisation, organisation.service, folder, issuers.tlsca)
        elif has_own_authorities(organisation, folder):
            _service(organisation, organisation.service, folder, load_authority(folder, organisation, "tlsca", lasting))
    return made


def is_complete(organisation: AnyOrganisation, folder: NetworkFolder) -> bool:
    """Whether `generate_one` has nothing to make."""
    if not folder.msp(organisation).is_dir():
        return False
    return (
        not (isinstance(organisation, Organisation) and organisation.service)
        or (folder.service_tls(organisation) / "server.crt").exists()
    )


def has_own_authorities(organisation: AnyOrganisation, folder: NetworkFolder) -> bool:
    """Whether authorities that `generate_one` made are in the folder: not another site's, not a Fabric CA's."""
    return (folder.organisation(organisation) / "tlsca" / "priv_sk").exists()


def load_authority(
    folder: NetworkFolder, organisation: AnyOrganisation, kind: str = "ca", validity: Validity | None = None
) -> Authority:
    """Read an organisation's signing (``ca``) or TLS (``tlsca``) authority, and how long what it issues holds."""
    home = folder.organisation(organisation) / kind
    key = serialization.load_pem_private_key((home / "priv_sk").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{home / 'priv_sk'} is no ECDSA key")
    certificate = x509.load_pem_x509_certificate((home / f"{kind}.{organisation.domain}-cert.pem").read_bytes())
    return Authority(key, certificate, validity or Validity.years())


def enrol_user(
    folder: NetworkFolder,
    organisation: AnyOrganisation,
    user: str,
    unit: str = "client",
    validity: Validity | None = None,
) -> Path:
    """Make another user (with its own ``validity``, for one that is short-lived or expired); returns its folder."""
    home = folder.user(organisation, user)
    name = f"{user}@{organisation.domain}"
    ca, tlsca = (load_authority(folder, organisation, kind, validity) for kind in ("ca", "tlsca"))
    _member(home, name, unit, (), organisation, Issuers(ca, tlsca))
    return home


def node_ou_config(authority_file: str) -> str:
    """Return the MSP's ``config.yaml`` that classifies certificates by their organisational unit."""
    lines = ["NodeOUs:", "  Enable: true"]
    for unit in ("client", "peer", "admin", "orderer"):
        lines += [
            f"  {unit.capitalize()}OUIdentifier:",
            f"    Certificate: cacerts/{authority_file}",
            f"    OrganizationalUnitIdentifier: {unit}",
        ]
    return "\n".join(lines) + "\n"


def _organisation(organisation: AnyOrganisation, folder: NetworkFolder, issuers: Issuers) -> None:
    home = folder.organisation(organisation)
    for kind, issuer in zip(issuers._fields, issuers, strict=True):
        _write(home / kind / f"{kind}.{organisation.domain}-cert.pem", issuer.pem)
    for user, unit in USERS if isinstance(organisation, Organisation) else USERS[:1]:
        _member(folder.user(organisation, user), f"{user}@{organisation.domain}", unit, (), organisation, issuers)
    if isinstance(organisation, OrdererOrganisation):
        _member(
            folder.node(organisation),
            organisation.node,
            "orderer",
            _hosts(organisation.node, organisation.host),
            organisation,
            issuers,
        )
    elif organisation.peer:
        _member(
            folder.node(organisation),
            organisation.node,
            "peer",
            _hosts(organisation.node, organisation.peer.host),
            organisation,
            issuers,
        )
    _msp(folder.msp(organisation), organisation.domain, issuers)  # last: its presence says the organisation is complete


def _service(organisation: Organisation, service: Service, folder: NetworkFolder, tlsca: Issuer) -> None:
    _tls(
        folder.service_tls(organisation),
        organisation.service_node,
        _hosts(organisation.service_node, service.host),
        tlsca,
    )


def _hosts(node: str, host: str) -> tuple[str, ...]:
    return (node, node.partition(".")[0], host, "localhost", "127.0.0.1")


def _own_authorities(organisation: AnyOrganisation, folder: NetworkFolder, validity: Validity) -> Issuers:
    made = [new_authority(kind, organisation.domain, validity) for kind in Issuers._fields]
    for kind, authority in zip(Issuers._fields, made, strict=True):
        _write_key(folder.organisation(organisation) / kind / "priv_sk", authority.key)
    return Issuers(*made)


def _member(
    home: Path, name: str, unit: str, hosts: Sequence[str], organisation: AnyOrganisation, issuers: Issuers
) -> None:
    _msp(home / "msp", organisation.domain, issuers)
    key, certificate = issuers.ca.issue(name, unit)
    _write_key(home / "msp" / "keystore" / "priv_sk", key)
    _write(home / "msp" / "signcerts" / f"{name}-cert.pem", certificate.public_bytes(serialization.Encoding.PEM))
    _tls(home / "tls", name, hosts, issuers.tlsca)


def _tls(home: Path, name: str, hosts: Sequence[str], tlsca: Issuer) -> None:
    kind = "server" if hosts else "client"
    key, certificate = tlsca.issue(name, None, hosts, tls=True)
    _write(home / "ca.crt", tlsca.pem)
    _write_key(home / f"{kind}.key", key)
    _write(home / f"{kind}.crt", certificate.public_bytes(serialization.Encoding.PEM))  # last: all is there


def _msp(home: Path, domain: str, issuers: Issuers) -> None:
    file = f"ca.{domain}-cert.pem"
    _write(home / "cacerts" / file, issuers.ca.pem)
    _write(home / "tlscacerts" / f"tlsca.{domain}-cert.pem", issuers.tlsca.pem)
    _write(home / "config.yaml", node_ou_config(file).encode())


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
