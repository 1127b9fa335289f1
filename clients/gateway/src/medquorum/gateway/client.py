# SPDX-License-Identifier: Apache-2.0
"""The calls of a peer's gateway service, with deadlines and errors (``gateway.Gateway``, ``protos.Deliver``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import grpc
from fabric_protos.gateway.gateway_pb2_grpc import GatewayStub
from fabric_protos.peer.events_pb2_grpc import DeliverStub

from medquorum.gateway.errors import CommitStatusError, EndorseError, GatewayError, SubmitError
from medquorum.gateway.failures import gateway_error
from medquorum.gateway.identity import SigningIdentity

__all__ = ["Client", "Deadlines", "Timeouts"]

SLOWEST_LINE = 100_000
"""Bytes a second, somewhat below 1 Mbit/s: a deadline that nobody chose grows by what the request takes there."""


class Timeouts(TypedDict, total=False):
    """Seconds each stage may take, as keyword arguments of ``connect`` and its siblings; every call can override."""

    evaluate_timeout: float
    endorse_timeout: float
    submit_timeout: float
    commit_status_timeout: float


@dataclass(frozen=True)
class Deadlines:
    """Seconds each stage may take unless a call says otherwise; the defaults are those of the official clients.

    To them come those that the request takes on a line of 1 Mbit/s.
    """

    evaluate_timeout: float = 5
    endorse_timeout: float = 15
    submit_timeout: float = 5
    commit_status_timeout: float = 60


class Client:
    """One identity's calls over one channel; safe to use from several threads."""

    def __init__(
        self,
        channel: grpc.Channel,
        identity: SigningIdentity,
        deadlines: Deadlines,
        *,
        tls_hash: bytes = b"",
        proxied: str = "",
    ) -> None:
        """``proxied``: who named the proxy that the channel goes through, for the error where it does not."""
        self.identity = identity
        self.tls_hash = tls_hash
        self._deadlines = deadlines
        self._proxied = proxied
        self._gateway = GatewayStub(channel)
        self._deliver = DeliverStub(channel)

    def evaluate(self, request: Any, timeout: float | None) -> Any:
        """Call Evaluate; raises ``GatewayError``."""
        deadline = _deadline(request, self._deadlines.evaluate_timeout, timeout)
        return self._call(self._gateway.Evaluate, request, deadline, GatewayError, "evaluate", request.transaction_id)

    def endorse(self, request: Any, timeout: float | None) -> Any:
        """Call Endorse; raises ``EndorseError``."""
        deadline = _deadline(request, self._deadlines.endorse_timeout, timeout)
        return self._call(self._gateway.Endorse, request, deadline, EndorseError, "endorse", request.transaction_id)

    def submit(self, request: Any, timeout: float | None) -> Any:
        """Call Submit; raises ``SubmitError``."""
        deadline = _deadline(request, self._deadlines.submit_timeout, timeout)
        return self._call(self._gateway.Submit, request, deadline, SubmitError, "submit", request.transaction_id)

    def commit_status(self, request: Any, timeout: float | None, transaction_id: str) -> Any:
        """Call CommitStatus; raises ``CommitStatusError``."""
        deadline = _deadline(request, self._deadlines.commit_status_timeout, timeout)
        method = self._gateway.CommitStatus
        return self._call(method, request, deadline, CommitStatusError, "commit status", transaction_id)

    def chaincode_events(self, request: Any, timeout: float | None) -> Any:
        """Open the stream of ChaincodeEvents."""
        return self._gateway.ChaincodeEvents(request, timeout=timeout)

    def deliver(self, method: str, envelope: Any, timeout: float | None) -> Any:
        """Open a stream of blocks: ``Deliver``, ``DeliverFiltered`` or ``DeliverWithPrivateData``."""
        requests: Iterator[Any] = iter([envelope])
        return getattr(self._deliver, method)(requests, timeout=timeout)

    def _call(
        self, method: Any, request: Any, deadline: float, kind: type[GatewayError], action: str, transaction_id: str
    ) -> Any:
        try:
            return method(request, timeout=deadline)
        except grpc.RpcError as error:
            raise gateway_error(error, kind, action, transaction_id, self._proxied) from error


def _deadline(request: Any, usual: float, chosen: float | None) -> float:
    """Return the seconds a call may take: as chosen for it, or the usual and those that a slow line needs."""
    return usual + request.ByteSize() / SLOWEST_LINE if chosen is None else chosen
