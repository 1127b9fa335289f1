# SPDX-License-Identifier: Apache-2.0
"""Where a chaincode server listens, the package it serves and its TLS, from the environment Fabric's tools set."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from medquorum.shim.errors import ConfigError

__all__ = ["ServerSettings", "TlsSettings"]

ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class TlsSettings:
    """PEM bytes of the server's key and certificate; with ``client_ca`` a peer must show a certificate of it.

    Raises
    ------
    ConfigError
        The key or a certificate cannot be read, or they do not belong together.
    """

    key: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    client_ca: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            key = load_pem_private_key(self.key, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigError(
                "the chaincode server's TLS key is not an unencrypted PEM key", "Name such a file in CHAINCODE_TLS_KEY"
            ) from error
        certificate = _certificate(self.certificate, "TLS certificate")
        if certificate.public_key() != key.public_key():
            raise ConfigError(
                "the chaincode server's TLS key does not belong to its certificate", "Name the two files of one pair"
            )
        if self.client_ca is not None:
            _certificate(self.client_ca, "client CA certificate")


@dataclass(frozen=True)
class ServerSettings:
    """A chaincode server: ``address`` is HOST:PORT (port 0 takes a free one), ``chaincode_id`` the package id.

    Raises
    ------
    ConfigError
        The address or the package id is malformed.
    """

    address: str
    chaincode_id: str
    tls: TlsSettings | None = None

    def __post_init__(self) -> None:
        match = ADDRESS.fullmatch(self.address)
        if not match or int(match["port"]) > 65535:
            raise ConfigError(
                f"the chaincode server's address {self.address!r} is not HOST:PORT", "Use 0.0.0.0:9999, say"
            )
        if not self.chaincode_id.strip():
            raise ConfigError("the chaincode server needs the package id", "Set CHAINCODE_ID to LABEL:SHA256")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServerSettings:
        """Read ``CHAINCODE_SERVER_ADDRESS``, ``CHAINCODE_ID`` (or ``CORE_CHAINCODE_ID_NAME``) and ``CHAINCODE_TLS_*``.

        ``CHAINCODE_TLS_KEY``, ``CHAINCODE_TLS_CERT`` and ``CHAINCODE_CLIENT_CA_CERT`` name PEM files. TLS is on when
        ``CHAINCODE_TLS_DISABLED`` is false, or when it is unset and a file is named. Without TLS only an address of
        this host is taken, unless ``CHAINCODE_TLS_DISABLED`` is true.

        Raises
        ------
        ConfigError
            A value is missing, malformed or contradicts another.
        """
        values = {name: value.strip() for name, value in environment.items() if value.strip()}
        address = values.get("CHAINCODE_SERVER_ADDRESS")
        if not address:
            raise ConfigError("CHAINCODE_SERVER_ADDRESS is not set", "Set it to HOST:PORT, such as 0.0.0.0:9999")
        settings = cls(address, _chaincode_id(values), _tls(values))
        if settings.tls is None and "CHAINCODE_TLS_DISABLED" not in values and not _is_loopback(address):
            raise ConfigError(
                f"without TLS anybody who reaches {address} is taken for the peer",
                "Set CHAINCODE_TLS_KEY, CHAINCODE_TLS_CERT and CHAINCODE_CLIENT_CA_CERT, listen on 127.0.0.1, or say "
                "CHAINCODE_TLS_DISABLED=true where something else keeps strangers away",
            )
        return settings


def _is_loopback(address: str) -> bool:  # as in medquorum.verifier, which this package must not need
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _chaincode_id(values: Mapping[str, str]) -> str:
    ids = {values[name] for name in ("CHAINCODE_ID", "CORE_CHAINCODE_ID_NAME") if name in values}
    if not ids:
        raise ConfigError("CHAINCODE_ID is not set", "Set it to what `peer lifecycle chaincode queryinstalled` lists")
    if len(ids) > 1:
        raise ConfigError("CHAINCODE_ID and CORE_CHAINCODE_ID_NAME name different packages", "Set both alike, or one")
    return ids.pop()


def _tls(values: Mapping[str, str]) -> TlsSettings | None:
    files = {
        name: values[name]
        for name in ("CHAINCODE_TLS_KEY", "CHAINCODE_TLS_CERT", "CHAINCODE_CLIENT_CA_CERT")
        if name in values
    }
    disabled = values.get("CHAINCODE_TLS_DISABLED", "" if files else "true").lower()
    if disabled in ("true", "1"):
        if files:
            raise ConfigError(
                f"CHAINCODE_TLS_DISABLED is true but {', '.join(files)} is set",
                "Unset the files, or set CHAINCODE_TLS_DISABLED=false",
            )
        return None
    if disabled not in ("", "false", "0"):
        raise ConfigError(f"CHAINCODE_TLS_DISABLED is {disabled!r}", "Set it to true or false")
    for name in ("CHAINCODE_TLS_KEY", "CHAINCODE_TLS_CERT"):
        if name not in files:
            raise ConfigError(f"TLS is on but {name} is not set", f"Set {name} to a PEM file")
    contents = {name: _read(name, path) for name, path in files.items()}
    return TlsSettings(
        contents["CHAINCODE_TLS_KEY"], contents["CHAINCODE_TLS_CERT"], contents.get("CHAINCODE_CLIENT_CA_CERT")
    )


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{name}={path} cannot be read: {error.strerror}", f"Name a readable file in {name}"
        ) from error


def _certificate(pem: bytes, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ConfigError(
            f"the chaincode server's {what} is not a PEM certificate", "Name a file that begins with BEGIN CERTIFICATE"
        ) from error
