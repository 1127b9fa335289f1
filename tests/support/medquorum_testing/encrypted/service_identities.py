# SPDX-License-Identifier: Apache-2.0
"""TLS identities of organisations for tests of the services."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from medquorum.network.identity.authority import Authority, Validity, new_authority
from medquorum.verifier.service.identity import Credentials

HOSTS = ("localhost", "127.0.0.1")


@cache
def authority(msp_id: str, number: int) -> Authority:
    """Return an organisation's TLS authority, the same in the whole test session."""
    return new_authority("tlsca", f"{msp_id.lower()}{number}.example.com", Validity.years(1))


def credentials(own: str, known: Sequence[str], *, number: int = 0, hosts: Sequence[str] = HOSTS) -> Credentials:
    """Return an organisation's certificate and what it knows of others; ``number`` takes another own authority."""
    key, certificate = authority(own, number).issue(f"service.{own}", None, hosts, tls=True)
    return Credentials(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        {msp_id: [authority(msp_id, 0).pem] for msp_id in known},
    )
