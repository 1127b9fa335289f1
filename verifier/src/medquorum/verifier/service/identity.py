# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end: a TLS certificate belongs to the organisation whose TLS authority issued it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import grpc
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from medquorum.core.x509 import chained, issued, read_certificate
from medquorum.errors import ConfigError

__all__ = ["Credentials", "caller"]


@dataclass(frozen=True)
class Credentials:
    """What a service or a client of one needs for mutual TLS.

    Attributes
    ----------
    certificate, key
        PEM, the own TLS certificate and its key.
    authorities
        Mapping of MSP id to sequence of bytes.
        PEM, the TLS authorities of every organisation, intermediate ones too.
    organisations
        The folder from which the authorities were read, and can be read again (`newest`).
    """

    certificate: bytes
    key: bytes = field(repr=False)
    authorities: Mapping[str, Sequence[bytes]] = field(repr=False)
    organisations: Path | None = field(default=None, repr=False)

    @classmethod
    def read(cls, tls: Path, organisations: Path) -> Credentials:
        """Read them from a network's folders.

        Parameters
        ----------
        tls
            Holds ``server.crt`` and ``server.key``, or ``client.crt`` and ``client.key``.
        organisations
            Holds ``<domain>/msp/tlscacerts/*.pem``, ``tlsintermediatecerts`` where an organisation has any, and
            ``<domain>/connection-*.json`` of every organisation.

        Raises
        ------
        ConfigError
            A file is missing or is not what it should be, an intermediate authority has no root, or two organisations
            share an authority.
        """
        kind = "server" if (tls / "server.crt").exists() else "client"
        certificate, key = (_read(tls / f"{kind}.{ending}") for ending in ("crt", "key"))
        result = cls(certificate, key, _everyone(organisations), organisations)
        result.check()
        return result

    def newest(self) -> Credentials:
        """Read the organisations' authorities again: members join and leave while a service runs.

        Returns this very object when nothing has changed, or when they were not read from a folder.

        Raises
        ------
        ConfigError
            As `read`.
        """
        if self.organisations is None:
            return self
        authorities = _everyone(self.organisations)
        if authorities == self.authorities:
            return self
        result = replace(self, authorities=authorities)
        result.check()
        return result

    def check(self) -> None:
        """Check that every certificate can be read and no authority's key stands for two organisations.

        Keys are compared, not certificates: a second certificate of another's key vouches for the same names.

        Raises
        ------
        ConfigError
        """
        owner: dict[bytes, str] = {}
        try:
            read_certificate(self.certificate)
            for msp_id, roots in self.authorities.items():
                for root in roots:
                    key = read_certificate(root).public_key()
                    raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                    if owner.setdefault(raw, msp_id) != msp_id:
                        raise ConfigError(f"{owner[raw]} and {msp_id} have the same TLS authority", "Give each its own")
        except ValueError as error:
            raise ConfigError(f"a TLS certificate cannot be read: {error}", "Run `medquorum-network doctor`") from error

    def roots(self, msp_id: str) -> bytes:
        """Return one organisation's TLS authorities as one PEM text.

        Raises
        ------
        ConfigError
            The organisation is unknown.
        """
        roots = self.authorities.get(msp_id)
        if not roots:
            raise ConfigError(
                f"no TLS authority of {msp_id} is known",
                f"Add its msp/tlscacerts; known: {', '.join(sorted(self.authorities)) or 'none'}",
            )
        return b"\n".join(roots)

    def msp_of(self, certificate: bytes) -> str | None:
        """Return the organisation whose authority issued a PEM certificate, None when none or more than one did."""
        try:
            parsed = read_certificate(certificate)
        except ValueError:
            return None
        issuers = [
            msp_id
            for msp_id, roots in self.authorities.items()
            if any(issued(parsed, read_certificate(root)) for root in roots)
        ]
        return issuers[0] if len(issuers) == 1 else None


def caller(context: grpc.ServicerContext, credentials: Credentials) -> str:
    """Return the MSP id of a call's client; ends the call with UNAUTHENTICATED when no organisation issued its name."""
    certificates = cast(Mapping[str, Sequence[bytes]], context.auth_context()).get("x509_pem_cert")
    msp_id = credentials.msp_of(certificates[0]) if certificates else None
    if msp_id is None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "no single organisation's TLS authority issued this certificate")
    return msp_id


def _everyone(organisations: Path) -> dict[str, list[bytes]]:
    authorities: dict[str, list[bytes]] = {}
    for home in sorted(organisations.glob("*/msp/tlscacerts")):
        authorities.setdefault(_msp_id(home.parent.parent), []).extend(_authorities(home))
    if not authorities:
        raise ConfigError(
            f"{organisations} holds no organisation with msp/tlscacerts",
            "Name the folder of the peer organisations, such as organizations/peerOrganizations",
        )
    return authorities


def _authorities(home: Path) -> list[bytes]:
    """Read the TLS authorities of an MSP folder's ``tlscacerts``, and the intermediate ones beside it."""
    roots, intermediates = (
        [_read(path) for path in sorted((home.parent / kind).glob("*.pem"))]
        for kind in ("tlscacerts", "tlsintermediatecerts")
    )
    try:
        chained(*([read_certificate(pem) for pem in authorities] for authorities in (roots, intermediates)))
    except ValueError as error:
        raise ConfigError(f"a TLS certificate cannot be read: {error}", f"Look into {home.parent}") from error
    return roots + intermediates


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", "`medquorum-network up` makes it; see docs/reference/network.md"
        ) from error


def _msp_id(home: Path) -> str:
    profiles = sorted(home.glob("connection-*.json"))
    if not profiles:
        raise ConfigError(f"{home} holds no connection-*.json", "`medquorum-network up` writes it")
    try:
        document = json.loads(_read(profiles[0]))
        msp_id = document["organizations"][document["client"]["organization"]]["mspid"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{profiles[0]} is no connection profile: {error!r}", "Take the network's own") from error
    return str(msp_id)
