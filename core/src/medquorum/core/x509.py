# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities of one organisation: its roots, and intermediate ones that a chain leads to."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from medquorum.errors import ConfigError

__all__ = ["chained", "issued", "read_certificate"]


def chained(roots: Sequence[x509.Certificate], intermediates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the roots and the intermediate authorities, each vouched for by one of the others up to a root.

    Raises
    ------
    ConfigError
        An intermediate certificate is no authority's, or no chain leads to it from a root.
    """
    issuers, left = list(roots), list(intermediates)
    while left:
        following = [
            certificate
            for certificate in left
            if _is_authority(certificate) and any(issued(certificate, known) for known in issuers)
        ]
        if not following:
            raise ConfigError(
                f"the intermediate authority {left[0].subject.rfc4514_string()} is not one of these root authorities'",
                "Put its root into cacerts or tlscacerts, or take it away",
            )
        issuers += following
        left = [certificate for certificate in left if certificate not in following]
    return issuers


def read_certificate(pem: bytes) -> x509.Certificate:
    """Return a PEM certificate of which every part can be read: the library looks at most of them only when asked.

    Raises
    ------
    ValueError
        It is none, or one of its parts is malformed or of an unknown kind.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()
    except Exception as error:  # ValueError, TypeError, InvalidVersion, UnsupportedAlgorithm ..., by what is broken
        raise ValueError(f"no certificate that can be read: {error or type(error).__name__}") from error
    return certificate


def issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether an authority issued a certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
