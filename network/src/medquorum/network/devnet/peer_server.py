# SPDX-License-Identifier: Apache-2.0
"""One organisation's TLS address, which can be taken down and up again."""

from __future__ import annotations

from pathlib import Path

import grpc
import structlog
from fabric_protos.gateway.gateway_pb2_grpc import add_GatewayServicer_to_server
from fabric_protos.peer.events_pb2_grpc import add_DeliverServicer_to_server

from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import LOOPBACK, Organisation
from medquorum.network.devnet.fault_filter import FaultFilter
from medquorum.network.devnet.gateway.service import GatewayService
from medquorum.network.devnet.peer.deliver_service import DeliverService
from medquorum.network.devnet.peer.endorser import Endorser

__all__ = ["PeerServer"]

MESSAGE_LIMIT = 100 << 20
GRACE_SECONDS = 1
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", 3_000),  # silent connections would use the process' files up
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)

log = structlog.get_logger(__name__)


class PeerServer:
    """Serves the gateway and the deliver service; every other service of a peer is UNIMPLEMENTED.

    It speaks to whoever shows a TLS certificate of an organisation of the channel (``client_roots``, PEM), with the
    key in the node's folder ``tls``.
    """

    def __init__(
        self,
        organisation: Organisation,
        tls: Path,
        client_roots: bytes,
        endorser: Endorser,
        gateway: GatewayService,
        deliver: DeliverService,
    ) -> None:
        if organisation.peer is None:
            raise NetworkError(f"{organisation.name} has no peer", "Give it one in consortium.toml")
        self.tls = tls
        self.msp_id = organisation.msp_id
        self.operations = (LOOPBACK, organisation.peer.operations_port)
        self._address = organisation.peer.address
        self._credentials = grpc.ssl_server_credentials(
            [((tls / "server.key").read_bytes(), (tls / "server.crt").read_bytes())], client_roots, True
        )
        self._endorser = endorser
        self._gateway = gateway
        self._deliver = deliver
        self._server: grpc.aio.Server | None = None

    @property
    def up(self) -> bool:
        """Whether the address answers."""
        return self._server is not None

    async def start(self) -> None:
        """Take the peer up.

        Raises
        ------
        NetworkError
            When the address cannot be had.
        """
        if self._server is not None:
            return
        server = grpc.aio.server(interceptors=[FaultFilter()], options=OPTIONS)
        add_GatewayServicer_to_server(self._gateway, server)
        add_DeliverServicer_to_server(self._deliver, server)
        try:
            server.add_secure_port(self._address, self._credentials)
        except RuntimeError as error:
            raise NetworkError(
                f"cannot listen at {self._address}", "Free the port, or change it in consortium.toml"
            ) from error
        await server.start()
        self._server = server
        self._endorser.up = True
        log.info("peer is up", organisation=self.msp_id, address=self._address)

    async def stop(self, grace: float | None = None) -> None:
        """Take the peer down: its address refuses connections, its streams break and it endorses no more."""
        server, self._server = self._server, None
        if server is None:
            return
        self._endorser.up = False
        await server.stop(grace)
        await self._endorser.close()
        log.info("peer is down", organisation=self.msp_id)
