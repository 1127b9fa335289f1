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


class Timeouts(TypedDict, total=False):
    """Seconds each stage may take, as keyword arguments of ``connect`` and its siblings; every call can override."""

    evaluate_timeout: float
    endorse_timeout: float
    submit_timeout: float
    commit_status_timeout: float


@dataclass(frozen=True)
class Deadlines:
    """Seconds each stage may take unless a call says otherwise; the defaults are those of the official clients."""

    evaluate_timeout: float = 5
    endorse_timeout: float = 15
    submit_timeout: float = 5
    commit_status_timeout: float = 60


class Client:
    """One identity's calls over one channel; safe to use from several threads."""

    def __init__(
        self, channel: grpc.Channel, identity: SigningIdentity, deadlines: Deadlines, proxied: str = ""
    ) -> None:
        """``proxied``: who named the proxy that the channel goes through, for the error where it does not."""
        self.identity = identity
        self._deadlines = deadlines
        self._proxied = proxied
        self._gateway = GatewayStub(channel)
        self._deliver = DeliverStub(channel)

    def evaluate(self, request: Any, timeout: float | None) -> Any:
        """Call Evaluate; raises ``GatewayError``."""
        method, deadline = self._gateway.Evaluate, self._deadlines.evaluate_timeout if timeout is None else timeout
        return self._call(method, request, deadline, GatewayError, "evaluate", request.transaction_id)

    def endorse(self, request: Any, timeout: float | None) -> Any:
        """Call Endorse; raises ``EndorseError``."""
        method, deadline = self._gateway.Endorse, self._deadlines.endorse_timeout if timeout is None else timeout
        return self._call(method, request, deadline, EndorseError, "endorse", request.transaction_id)

    def submit(self, request: Any, timeout: float | None) -> Any:
        """Call Submit; raises ``SubmitError``."""
        method, deadline = self._gateway.Submit, self._deadlines.submit_timeout if timeout is None else timeout
        return self._call(method, request, deadline, SubmitError, "submit", request.transaction_id)

    def commit_status(self, request: Any, timeout: float | None, transaction_id: str) -> Any:
        """Call CommitStatus; raises ``CommitStatusError``."""
        method, deadline = (
            self._gateway.CommitStatus,
            self._deadlines.commit_status_timeout if timeout is None else timeout,
        )
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
