# SPDX-License-Identifier: Apache-2.0
"""The organisations' certificate authorities, from the folder an administrator was given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from medquorum.core.x509 import chained, issued
from medquorum.errors import CheckFailed, ConfigError
from medquorum.gateway import read_profile

__all__ = ["Authorities"]


class Authorities:
    """Root and intermediate certificates by MSP id; a chain leads to each intermediate from a root."""

    def __init__(
        self,
        roots: Mapping[str, list[x509.Certificate]],
        intermediates: Mapping[str, list[x509.Certificate]] | None = None,
    ) -> None:
        self._issuers = {msp: chained(found, (intermediates or {}).get(msp, [])) for msp, found in roots.items()}

    @classmethod
    def read(cls, folder: Path) -> Authorities:
        """Read ``connection-*.json``, ``msp/cacerts`` and ``msp/intermediatecerts`` of every organisation's folder.

        Raises
        ------
        ConfigError
            The folder holds no organisation, or one's certificates cannot be read or are no chain.
        """
        roots: dict[str, list[x509.Certificate]] = {}
        intermediates: dict[str, list[x509.Certificate]] = {}
        for profile in sorted(folder.glob("*/connection-*.json")):
            try:
                found, between = (_certificates(profile.parent / "msp" / kind) for kind in _KINDS)
            except (OSError, ValueError) as error:
                raise ConfigError(f"the CA certificates beside {profile} cannot be read: {error}") from error
            msp = read_profile(profile).msp_id
            roots[msp], intermediates[msp] = found, between
        if not roots:
            raise ConfigError(f"{folder} holds no organisation", "Give organizations/peerOrganizations")
        return cls(roots, intermediates)

    def check(self, msp: str, certificate: x509.Certificate) -> None:
        """Check that an organisation's own authority, or an intermediate one below it, issued a certificate.

        Raises
        ------
        CheckFailed
            It did not, or the organisation is not known.
        """
        if any(issued(certificate, issuer) for issuer in self._issuers.get(msp, [])):
            return
        raise CheckFailed(
            f"a certificate that claims to be of {msp} was not issued by its authority", check="signature"
        )


_KINDS = ("cacerts", "intermediatecerts")


def _certificates(folder: Path) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(path.read_bytes()) for path in sorted(folder.glob("*.pem"))]
