# SPDX-License-Identifier: Apache-2.0
"""An organisation's server for its services, with mutual TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

import grpc
import structlog

from medquorum.errors import ConfigError, NetworkError
from medquorum.verifier.service.admission import CALLS, Admission
from medquorum.verifier.service.boundary import Boundary
from medquorum.verifier.service.connection import OPTIONS
from medquorum.verifier.service.identity import Credentials, caller

__all__ = ["Server", "Service"]

_SPARE = 64
"""Calls that are being refused, or of organisations that joined since the start."""
_GRACE = 2.0
HANDSHAKE_MS = 3_000
"""Within which a connection must have shown its certificate: silent ones would use the process' files up."""
IDLE_MS = 60_000
"""For which a connection may be without a call: its certificate does not make files free."""
log = structlog.get_logger(__name__)


class Service(Protocol):
    """What a server offers."""

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler; ``caller`` gives a call's MSP id, or ends the call."""
        ...


class Server:
    """Listens from entering the context until leaving it.

    At each new connection the organisations' authorities are read again, so that a newcomer is served, and one whose
    folder was removed refused, without a restart.

    Parameters
    ----------
    address
        ``host:port``; with port 0 the system takes a free one. ``address`` is the one in use once entered.
    """

    def __init__(self, credentials: Credentials, address: str, services: Sequence[Service]) -> None:
        self.address = address
        self._credentials = credentials
        calls = CALLS * len(credentials.authorities) + _SPARE  # nobody's calls take another organisation's threads
        self._pool = ThreadPoolExecutor(calls, "service")
        self._server = grpc.server(
            self._pool,
            [service.handler(lambda context: caller(context, self._credentials)) for service in services],
            options=[
                *OPTIONS,
                ("grpc.so_reuseport", 0),  # a second server on the port would take half of the calls
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
                ("grpc.max_connection_idle_ms", IDLE_MS),
            ],
            interceptors=[Boundary(), Admission(lambda context: caller(context, self._credentials))],
            maximum_concurrent_rpcs=calls,
        )

    def __enter__(self) -> Self:
        """Listen.

        Raises
        ------
        NetworkError
            The address cannot be bound.
        """
        secure = grpc.dynamic_ssl_server_credentials(
            _configuration(self._credentials),
            self._changed,  # type: ignore[arg-type]  # the stubs do not know that None means no change
            require_client_authentication=True,
        )
        try:
            port = self._server.add_secure_port(self.address, secure)
        except RuntimeError as error:
            self._pool.shutdown()
            raise NetworkError(
                f"the service cannot listen on {self.address}", "End what listens there, or check key and certificate"
            ) from error
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        self._server.start()
        log.info("service listening", address=self.address)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Refuse new calls, give running ones two seconds, then end them."""
        self._server.stop(_GRACE).wait()
        self._pool.shutdown()

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what TLS is to use from now on, None while nothing has changed; gRPC asks before each handshake."""
        try:
            newest = self._credentials.newest()
        except ConfigError as error:
            log.warning("the authorities cannot be read again, those known stay", cause=error.cause)
            return None
        if newest is self._credentials:
            return None
        self._credentials = newest
        log.info("the organisations' authorities have changed", organisations=sorted(newest.authorities))
        return _configuration(newest)


def _configuration(own: Credentials) -> grpc.ServerCertificateConfiguration:
    roots = b"\n".join(own.roots(msp_id) for msp_id in own.authorities)
    return grpc.ssl_server_certificate_configuration([(own.key, own.certificate)], roots)
