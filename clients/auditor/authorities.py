# SPDX-License-Identifier: Apache-2.0
"""The organisations' certificate authorities, from the folder an administrator was given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from clients.gateway import read_profile
from medquorum import CheckFailed, ConfigError

__all__ = ["Authorities"]


class Authorities:
    """Root certificates by MSP id."""

    def __init__(self, roots: Mapping[str, list[x509.Certificate]]) -> None:
        self._roots = roots

    @classmethod
    def read(cls, folder: Path) -> Authorities:
        """Read ``<domain>/connection-*.json`` and ``<domain>/msp/cacerts/*.pem`` of every organisation in a folder.

        Raises
        ------
        ConfigError
            The folder holds no organisation, or one's certificates cannot be read.
        """
        roots: dict[str, list[x509.Certificate]] = {}
        for profile in sorted(folder.glob("*/connection-*.json")):
            try:
                found = [
                    x509.load_pem_x509_certificate(path.read_bytes())
                    for path in sorted((profile.parent / "msp" / "cacerts").glob("*.pem"))
                ]
            except (OSError, ValueError) as error:
                raise ConfigError(f"the CA certificates beside {profile} cannot be read: {error}") from error
            roots[read_profile(profile).msp_id] = found
        if not roots:
            raise ConfigError(f"{folder} holds no organisation", "Give organizations/peerOrganizations")
        return cls(roots)

    def check(self, msp: str, certificate: x509.Certificate) -> None:
        """Check that an organisation's own authority issued a certificate.

        Raises
        ------
        CheckFailed
            It did not, or the organisation is not known.
        """
        for root in self._roots.get(msp, []):
            try:
                certificate.verify_directly_issued_by(root)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return
        raise CheckFailed(
            f"a certificate that claims to be of {msp} was not issued by its authority", check="signature"
        )
