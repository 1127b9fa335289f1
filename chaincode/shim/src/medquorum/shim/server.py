# SPDX-License-Identifier: Apache-2.0
"""The gRPC server peers connect to (``protos.Chaincode/Connect``): one stream each, one bounded pool for all."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import grpc
import structlog
from fabric_protos.peer import chaincode_shim_pb2

from medquorum.shim.errors import ListenError
from medquorum.shim.executor import BoundedExecutor
from medquorum.shim.interface import Chaincode
from medquorum.shim.settings import ServerSettings
from medquorum.shim.stream import MESSAGE_LIMIT, PeerStream

__all__ = ["ChaincodeServer", "serve"]

STREAMS = 32
WORKERS = 16
TRANSACTIONS = 256
TRANSACTION_BYTES = 512 << 20
GRACE = 5.0

# A peer pings an idle stream every 60 s; without the third and fourth option gRPC cuts it after three.
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT + (1 << 20)),
    ("grpc.max_send_message_length", MESSAGE_LIMIT + (1 << 20)),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 30_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", 3_000),  # silent connections would use the process' files up
)

log = structlog.get_logger(__name__)
Message = chaincode_shim_pb2.ChaincodeMessage


class ChaincodeServer:
    """Serves one chaincode to any number of peers.

    ``address`` is the address in use once started.
    """

    def __init__(self, chaincode: Chaincode, settings: ServerSettings) -> None:
        self.address = settings.address
        self._chaincode = chaincode
        self._settings = settings
        self._executor = BoundedExecutor(WORKERS, TRANSACTIONS, TRANSACTION_BYTES)
        self._guard = threading.Lock()
        self._streams: set[PeerStream] = set()
        self._stopping = False
        self._stopped = threading.Event()
        self._server = grpc.server(
            ThreadPoolExecutor(STREAMS, "peer-stream"), options=OPTIONS, maximum_concurrent_rpcs=STREAMS
        )
        connect = grpc.stream_stream_rpc_method_handler(self._connect, Message.FromString, Message.SerializeToString)
        handler = grpc.method_handlers_generic_handler("protos.Chaincode", {"Connect": connect})
        self._server.add_generic_rpc_handlers((handler,))

    def start(self) -> None:
        """Listen.

        Raises
        ------
        ListenError
            The address cannot be bound.
        """
        address, tls = self._settings.address, self._settings.tls
        try:
            if tls is None:
                port = self._server.add_insecure_port(address)
            else:
                credentials = grpc.ssl_server_credentials(
                    [(tls.key, tls.certificate)], tls.client_ca, tls.client_ca is not None
                )
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ListenError(
                f"the chaincode server cannot listen on {address}", "Free the port or choose another address"
            ) from error
        self.address = f"{address.rpartition(':')[0]}:{port}"
        self._server.start()
        log.info("chaincode listening", address=self.address, chaincode_id=self._settings.chaincode_id, tls=bool(tls))

    def stop(self, grace: float = GRACE) -> None:
        """Refuse new transactions, give running ones ``grace`` seconds, then end every stream."""
        finished = self._executor.close(grace)
        with self._guard:
            self._stopping = True
            streams = list(self._streams)
        for stream in streams:
            stream.close("the chaincode stops")
        self._server.stop(1.0).wait()
        self._stopped.set()
        log.info("chaincode stopped", finished=finished)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until ``stop`` has ended; False when ``timeout`` seconds passed before."""
        return self._stopped.wait(timeout)

    def _connect(self, incoming: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        stream = PeerStream(self._chaincode, self._settings.chaincode_id, self._executor, context.peer())
        with self._guard:
            stopping = self._stopping
            self._streams.add(stream)
        try:
            if stopping or not context.add_callback(lambda: stream.close("the connection to the peer broke")):
                return
            yield from stream.converse(incoming)
        finally:
            with self._guard:
                self._streams.discard(stream)


def serve(chaincode: Chaincode, settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order. Call it from the main thread."""
    server = ChaincodeServer(chaincode, settings)
    server.start()
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    previous = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        ended.wait()
    finally:
        server.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
