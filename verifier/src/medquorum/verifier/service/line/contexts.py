# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS 1.3 of both ends of a line, from the same credentials as the services."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable

from medquorum.verifier.service.identity import Credentials

__all__ = ["dialling", "listening"]


def listening(credentials: Credentials) -> ssl.SSLContext:
    """Return the listener's: a client shows a certificate of any known organisation.

    Raises
    ------
    ssl.SSLError
        Certificate and key are none, or do not belong together.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, credentials)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # no connection is taken up again
    context.load_verify_locations(cadata=_text(credentials.roots(msp_id) for msp_id in credentials.authorities))
    return context


def dialling(credentials: Credentials, peer: str) -> ssl.SSLContext:
    """Return the client's: only the organisation ``peer`` is spoken to, under the name that was dialled.

    Raises
    ------
    ConfigError
        No TLS authority of that organisation is known.
    ssl.SSLError
        Certificate and key are none, or do not belong together.
    """
    known = credentials if peer in credentials.authorities else credentials.newest()
    context = _context(ssl.PROTOCOL_TLS_CLIENT, known)  # checks certificate and host name
    context.load_verify_locations(cadata=_text([known.roots(peer)]))
    return context


def _context(kind: int, credentials: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(kind)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with os.fdopen(os.memfd_create("identity"), "wb") as file:  # the module takes file names only
        file.write(credentials.certificate + b"\n" + credentials.key)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return context


def _text(authorities: Iterable[bytes]) -> str:
    return b"\n".join(authorities).decode("ascii")
