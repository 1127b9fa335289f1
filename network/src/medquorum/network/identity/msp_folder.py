# SPDX-License-Identifier: Apache-2.0
"""Whether an organisation's certificates and keys fit together, whoever made them (ours, cryptogen or Fabric CA)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from medquorum.core.x509 import issued, read_certificate
from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import AnyOrganisation, Consortium, Organisation
from medquorum.network.consortium.paths import NetworkFolder

__all__ = ["check_own", "check_public", "check_stranger", "is_own", "require"]

SIGNING = ("msp/cacerts/", "msp/intermediatecerts/")
TLS = ("msp/tlscacerts/", "msp/tlsintermediatecerts/")
REMEDY = "docs/reference/network.md, Another authority, lists the files and what they must hold"


def is_own(folder: NetworkFolder, organisation: AnyOrganisation) -> bool:
    """Return whether the folder holds the organisation's private keys, not only its public files."""
    return folder.key(organisation, "Admin").exists()


def require(consortium: Consortium, folder: NetworkFolder, own: AnyOrganisation) -> None:
    """Check that the folder holds one organisation's keys and everyone else's public files, and no other's keys.

    Raises
    ------
    ConfigError
        Naming what is missing and the command that brings it.
    """
    if not is_own(folder, own):
        raise ConfigError(f"{folder.organisation(own)} has no keys", f"Make them with `org init {own.name}`")
    check_own(folder, own)
    others = [organisation for organisation in consortium.everyone if organisation.name != own.name]
    unknown = [organisation.name for organisation in others if not folder.tls_ca(organisation).exists()]
    if unknown:
        raise ConfigError(f"nothing is known of {', '.join(unknown)}", "Take their bundles in with `org import`")


def check_own(folder: NetworkFolder, organisation: AnyOrganisation) -> None:
    """Check an organisation's folder on its own host: public files, users, node and service.

    Raises
    ------
    ConfigError
        Naming the first file that is missing or does not fit.
    """
    home = folder.organisation(organisation)
    paths = [path for path in folder.msp(organisation).rglob("*") if path.is_file()] + [folder.tls_ca(organisation)]
    signing, tls = folder.signing_certificate(organisation), folder.node_tls(organisation)
    if not isinstance(organisation, Organisation):
        paths += [signing, tls / "server.crt"]
    public = {path.relative_to(home).as_posix(): _read(path) for path in paths}
    check_public(public, organisation)
    authorities = _authorities(public, *SIGNING)
    tls_authorities = _authorities(public, *TLS)
    _pair(folder.certificate(organisation, "Admin"), folder.key(organisation, "Admin"), authorities, unit="admin")
    host = _host(organisation)
    if host:
        unit = "peer" if isinstance(organisation, Organisation) else "orderer"
        _pair(signing, folder.node(organisation) / "msp" / "keystore" / "priv_sk", authorities, unit=unit)
        _pair(tls / "server.crt", tls / "server.key", tls_authorities, host=host)
    if isinstance(organisation, Organisation) and organisation.service:
        served = folder.service_tls(organisation)
        _pair(served / "server.crt", served / "server.key", tls_authorities, host=organisation.service.host)


def check_public(files: dict[str, str], organisation: AnyOrganisation) -> None:
    """Check an organisation's public files, given as texts by path.

    Raises
    ------
    ConfigError
        When an authority is missing or no authority, NodeOUs are off, or a consenter's certificate is another's.
    """
    authorities = _authorities(files, *SIGNING)
    tls_authorities = _authorities(files, *TLS)
    _check_units(files, organisation.name)
    tls_ca = next((text for name, text in files.items() if name.startswith("tlsca/")), "")
    if tls_ca.strip() not in {_pem(authority) for authority in tls_authorities}:
        raise ConfigError(f"the TLS authority of {organisation.name} is not in its msp/tlscacerts", REMEDY)
    if isinstance(organisation, Organisation):
        return
    for name, text in files.items():
        if name.endswith("/tls/server.crt"):
            _check_issued(_certificate(text, name), name, tls_authorities, host=organisation.host)
        elif "/msp/signcerts/" in name:
            _check_issued(_certificate(text, name), name, authorities, unit="orderer")


def check_stranger(files: dict[str, str], organisation: AnyOrganisation, folder: NetworkFolder) -> None:
    """Check that no other organisation of the folder has an authority of these files: an authority is its name.

    Compared are the keys: a second certificate of another's key would vouch for the same certificates.

    Raises
    ------
    ConfigError
        Naming the authority and the other organisation's folder.
    """
    own = {_public(authority): authority for authority in _authorities(files, *SIGNING, *TLS)}
    for home in sorted(folder.organizations.glob("*/*")):
        if home == folder.organisation(organisation):
            continue
        known = {path.relative_to(home).as_posix(): path for path in (home / "msp").glob("*certs/*")}
        for name, path in known.items():
            if not name.startswith((*SIGNING, *TLS)):
                continue
            authority = own.get(_public(_certificate(_read(path), str(path))))
            if authority:
                subject = authority.subject.rfc4514_string()
                remedy = "Each organisation has authorities of its own: ask it for another bundle"
                raise ConfigError(
                    f"{subject} in the bundle of {organisation.name} is an authority of {home.name}", remedy
                )


def _host(organisation: AnyOrganisation) -> str | None:
    if isinstance(organisation, Organisation):
        return organisation.peer.host if organisation.peer else None
    return organisation.host


def _authorities(files: dict[str, str], *places: str) -> list[x509.Certificate]:
    certificates = [_certificate(text, name) for name, text in files.items() if name.startswith(places)]
    for certificate in certificates:
        if not _is_authority(certificate):
            raise ConfigError(
                f"{certificate.subject.rfc4514_string()} in {places[0]} is no authority's certificate", REMEDY
            )
    if not certificates:
        raise ConfigError(f"no certificate in {places[0]}", REMEDY)
    return certificates


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _check_units(files: dict[str, str], name: str) -> None:
    """Refuse an MSP that does not tell clients, peers, admins and orderers apart: our policies rest on it."""
    try:
        units = yaml.safe_load(files.get("msp/config.yaml", ""))["NodeOUs"]
        entries = [units[f"{unit}OUIdentifier"] for unit in ("Client", "Peer", "Admin", "Orderer")]
        enabled = units["Enable"] is True and all(entry["OrganizationalUnitIdentifier"] for entry in entries)
        named = {f"msp/{entry['Certificate']}" for entry in entries if entry.get("Certificate")}
    except Exception:  # another organisation's YAML: the parser lets more out than its own errors
        enabled, named = False, set()
    if not enabled:
        raise ConfigError(f"msp/config.yaml of {name} does not enable all four NodeOUs", REMEDY)
    missing = sorted(named - files.keys())
    if missing:
        raise ConfigError(f"msp/config.yaml of {name} names {missing[0]}, which is not there", REMEDY)


def _pair(
    certificate: Path, key: Path, authorities: Iterable[x509.Certificate], *, unit: str = "", host: str = ""
) -> None:
    parsed = _certificate(_read(certificate), str(certificate))
    _check_issued(parsed, str(certificate), authorities, unit=unit, host=host)
    try:
        private = serialization.load_pem_private_key(_read(key).encode(), None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{key} is no private key", REMEDY) from error
    own = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if own != _public(parsed):
        raise ConfigError(f"{key} is not the key of {certificate}", REMEDY)


def _check_issued(
    certificate: x509.Certificate, name: str, authorities: Iterable[x509.Certificate], *, unit: str = "", host: str = ""
) -> None:
    if not any(issued(certificate, authority) for authority in authorities):
        raise ConfigError(f"{name} is not issued by the organisation's authority", REMEDY)
    units = [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
    if unit and unit not in units:
        raise ConfigError(f"{name} has not the organisational unit {unit}", REMEDY)
    if host and host not in _hosts(certificate):
        raise ConfigError(f"{name} is not for {host}, the address in consortium.toml", REMEDY)


def _hosts(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return {*names.get_values_for_type(x509.DNSName), *addresses}


def _certificate(text: str, name: str) -> x509.Certificate:
    try:
        return read_certificate(text.encode())
    except ValueError as error:
        raise ConfigError(f"{name} is no certificate", REMEDY) from error


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode().strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", REMEDY) from error
