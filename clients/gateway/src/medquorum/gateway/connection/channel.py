# SPDX-License-Identifier: Apache-2.0
"""TLS connections to peers: one per endpoint, shared by all gateways of the process."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from medquorum.gateway.connection.proxy import Proxy, route
from medquorum.gateway.errors import ConfigError

__all__ = ["TlsIdentity", "shared_channel", "tls_channel"]

MESSAGE_BYTES = 100 * 1024 * 1024
# A peer cuts connections that ping more often than its keepalive.minInterval (60 s).
KEEPALIVE_MS = 120_000
KEEPALIVE_TIMEOUT_MS = 20_000
# gRPC's own two minutes would keep a client away from a peer that has long been back.
LONGEST_RECONNECT_MS = 5_000


@dataclass(frozen=True)
class TlsIdentity:
    """What a client shows a peer that asks for a TLS certificate: its certificate and its key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the certificate (DER), which a question for blocks is bound to.

        Raises
        ------
        ConfigError
            It is not PEM.
        """
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate)
        except (ValueError, x509.InvalidVersion) as error:
            raise ConfigError(f"The TLS client certificate cannot be read: {error}", "Give its PEM file") from error
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def tls_channel(
    endpoint: str,
    root_certificates: bytes,
    server_name: str = "",
    proxy: Proxy = "environment",
    client: TlsIdentity | None = None,
) -> grpc.Channel:
    """Make a TLS channel with Fabric's message limit (100 MiB) both ways and keepalive.

    Parameters
    ----------
    endpoint
        ``host:port``.
    root_certificates
        PEM of the CA that issued the peer's TLS certificate.
    server_name
        The name in that certificate when it is not the host (``ssl-target-name-override``).
    proxy
        ``none``, ``environment`` or ``host:port``; loopback addresses are reached without one.
    client
        The client's own TLS certificate, for peers that ask for one.
    """
    options: list[tuple[str, str | int]] = [
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT_MS),
        *route(endpoint, proxy).options,
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
        options.append(("grpc.default_authority", server_name))
    own = (client.key, client.certificate) if client else (None, None)
    return grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(root_certificates, *own), options)


@dataclass
class _Shared:
    channel: grpc.Channel
    users: int


_channels: dict[tuple[str, bytes, str, Proxy, TlsIdentity | None], _Shared] = {}
_lock = threading.Lock()


def shared_channel(
    endpoint: str,
    root_certificates: bytes,
    server_name: str = "",
    proxy: Proxy = "environment",
    client: TlsIdentity | None = None,
) -> tuple[grpc.Channel, Callable[[], None]]:
    """Return the process' one channel to an endpoint, and what to call when done with it; the last user closes it."""
    key = (endpoint, root_certificates, server_name, proxy, client)
    with _lock:
        if key not in _channels:
            _channels[key] = _Shared(tls_channel(*key), 0)
        shared = _channels[key]
        shared.users += 1
    released = False

    def release() -> None:
        nonlocal released
        with _lock:
            if released:
                return
            released = True
            shared.users -= 1
            if shared.users == 0:
                del _channels[key]
                shared.channel.close()

    return shared.channel, release
