# SPDX-License-Identifier: Apache-2.0
"""The organisations' certificate authorities and revocations, from the folder an administrator was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from medquorum.clients.proof.envelope import REMEDY
from medquorum.clients.proof.identities.identity import REMEMBERED, Identity
from medquorum.core.x509 import chained, issued
from medquorum.errors import CheckFailed, ConfigError
from medquorum.gateway import read_profile

__all__ = ["Authorities", "authority_path", "check_unrevoked", "read_revocations"]

Certificates = Mapping[str, list[x509.Certificate]]
Revocations = x509.CertificateRevocationList


class Authorities:
    """Root and intermediate certificates by MSP id; a chain leads to each intermediate from a root."""

    def __init__(
        self,
        roots: Certificates,
        intermediates: Certificates | None = None,
        revocations: Mapping[str, list[Revocations]] | None = None,
    ) -> None:
        self._issuers = {
            msp: tuple(chained(certificates, (intermediates or {}).get(msp, []))) for msp, certificates in roots.items()
        }
        self._revocations = revocations or {}

    @classmethod
    def read(cls, folder: Path, orderers: Mapping[str, Path] | None = None) -> Authorities:
        """Read ``connection-*.json`` and ``msp`` of every organisation's folder.

        Of an MSP ``cacerts``, ``intermediatecerts`` and ``crls`` are read.

        Parameters
        ----------
        orderers
            Folders of orderer organisations by MSP id; those that are not there are left out.

        Raises
        ------
        ConfigError
            The folder holds no organisation, or one's files cannot be read or are no chain.
        """
        homes = {read_profile(profile).msp_id: profile.parent for profile in sorted(folder.glob("*/connection-*.json"))}
        if not homes:
            raise ConfigError(f"{folder} holds no organisation", "Give organizations/peerOrganizations")
        homes |= {msp: home for msp, home in (orderers or {}).items() if (home / "msp" / "cacerts").is_dir()}
        try:
            roots, between = (
                {msp: _certificates(home / "msp" / kind) for msp, home in homes.items()}
                for kind in ("cacerts", "intermediatecerts")
            )
            revocations = {
                msp: [read_revocations(path.read_bytes()) for path in sorted((home / "msp" / "crls").glob("*"))]
                for msp, home in homes.items()
            }
        except (OSError, ValueError, x509.InvalidVersion) as error:
            raise ConfigError(
                f"the authorities' files in {folder} cannot be read: {error}",
                "Get the network's organizations folder again",
            ) from error
        return cls(roots, between, revocations)

    def __contains__(self, msp: object) -> bool:
        return msp in self._issuers

    def check(self, identity: Identity, moment: datetime) -> None:
        """Check that an organisation's own authority, or an intermediate one below it, issued a certificate.

        Raises
        ------
        CheckFailed
            It did not, had revoked it by then, or the organisation is not known.
        """
        path = authority_path(identity.certificate, self._issuers.get(identity.msp_id, ()))
        if path is None:
            raise CheckFailed(
                f"a certificate that claims to be of {identity.msp_id} was not issued by its authority",
                REMEDY,
                check="signature",
            )
        check_unrevoked(path, self._revocations.get(identity.msp_id, []), identity.msp_id, moment)


@lru_cache(REMEMBERED)
def authority_path(
    certificate: x509.Certificate, issuers: tuple[x509.Certificate, ...]
) -> tuple[x509.Certificate, ...] | None:
    """Return a certificate and the authorities above it, a root last; None where no chain leads to one."""
    path = [certificate]
    while len(path) <= len(issuers) + 1:
        above = next((certificate for certificate in issuers if issued(path[-1], certificate)), None)
        if above is None or above == path[-1]:
            break
        path.append(above)
    return tuple(path) if len(path) > 1 else None


def check_unrevoked(
    path: Sequence[x509.Certificate], revocations: Iterable[Revocations], msp: str, moment: datetime | None = None
) -> None:
    """Check that no list which its authority signed revokes a certificate of a path, by a moment if one is given.

    Raises
    ------
    CheckFailed
        One does.
    """
    for certificate, authority in pairwise(path):
        for revocation in revocations:
            entry = revocation.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is None or not _signed_by(revocation, authority):
                continue
            if moment is None or entry.revocation_date_utc <= moment:
                raise CheckFailed(
                    f"the certificate {certificate.subject.rfc4514_string()} of {msp} was revoked",
                    "Compare with another organisation's peer: this certificate signs nothing any more",
                    check="signature",
                )


def read_revocations(raw: bytes) -> Revocations:
    """Return a revocation list in PEM or DER; raises ValueError where it is none."""
    return x509.load_pem_x509_crl(raw) if raw.lstrip().startswith(b"-----") else x509.load_der_x509_crl(raw)


def _signed_by(revocations: Revocations, authority: x509.Certificate) -> bool:
    try:
        return revocations.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _certificates(folder: Path) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(path.read_bytes()) for path in sorted(folder.glob("*.pem"))]
