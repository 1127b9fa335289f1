# SPDX-License-Identifier: Apache-2.0
"""The gRPC service ``gateway.Gateway`` of one organisation's address."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import structlog
from fabric_protos.gateway.gateway_pb2 import (
    ChaincodeEventsRequest,
    CommitStatusRequest,
    CommitStatusResponse,
    ErrorDetail,
    SubmitResponse,
)
from google.protobuf.message import DecodeError

from medquorum.network.consortium.consortium import OrdererOrganisation
from medquorum.network.devnet.gateway.call_error import CallError, fail
from medquorum.network.devnet.gateway.events import BlockEvents, stream
from medquorum.network.devnet.gateway.gateway import Gateway
from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.ledger.progress import Progress
from medquorum.network.devnet.orderer.orderer import Orderer, Rejected
from medquorum.network.devnet.policy import access
from medquorum.network.identity.msp import IdentityError

__all__ = ["GatewayService"]

Code = grpc.StatusCode
Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger(__name__)


class GatewayService:
    """Method names are the service's."""

    def __init__(
        self,
        gateway: Gateway,
        ledger: Ledger,
        orderer: Orderer,
        progress: Progress,
        events: BlockEvents,
        consenters: Sequence[OrdererOrganisation],
        *,
        bft: bool,
    ) -> None:
        self._gateway = gateway
        self._ledger = ledger
        self._orderer = orderer
        self._progress = progress
        self._events = events
        self._consenters = consenters
        self._bft = bft

    async def Evaluate(self, request: Any, context: Context) -> Any:
        """Run a transaction and return its result; nothing is ordered."""
        try:
            return await self._gateway.evaluate(request)
        except CallError as error:
            await fail(context, error)

    async def Endorse(self, request: Any, context: Context) -> Any:
        """Gather endorsements and return the transaction to sign."""
        try:
            return await self._gateway.endorse(request)
        except CallError as error:
            log.info("endorse failed", transaction=request.transaction_id, cause=error.message)
            await fail(context, error)

    async def Submit(self, request: Any, context: Context) -> Any:
        """Hand a signed transaction to the ordering service."""
        try:
            return self._submit(request)
        except CallError as error:
            await fail(context, error)

    async def CommitStatus(self, request: Any, context: Context) -> Any:
        """Wait for a transaction's commit."""
        try:
            inner = self._signed(CommitStatusRequest, request, "a commit status request is required")
            if not inner.transaction_id:
                raise CallError(Code.INVALID_ARGUMENT, "transaction ID should not be empty")
            self._authorize(inner, request)
        except CallError as error:
            await fail(context, error)
        number, code = await self._progress.outcome(inner.transaction_id)
        return CommitStatusResponse(result=code, block_number=number)

    async def ChaincodeEvents(self, request: Any, context: Context) -> AsyncIterator[Any]:
        """Stream a chaincode's events, block by block."""
        try:
            inner = self._signed(ChaincodeEventsRequest, request, "a chaincode events request is required")
            self._authorize(inner, request)
            async for response in stream(self._ledger, self._progress, self._events, inner):
                yield response
        except CallError as error:
            await fail(context, error)

    def _submit(self, request: Any) -> Any:
        if not request.HasField("prepared_transaction"):
            raise CallError(Code.INVALID_ARGUMENT, "a prepared transaction is required")
        if not request.prepared_transaction.signature:
            raise CallError(Code.INVALID_ARGUMENT, "prepared transaction must be signed")
        if request.channel_id != self._ledger.channel_id:
            raise CallError(Code.FAILED_PRECONDITION, f"failed to get config for channel [{request.channel_id}]")
        try:
            self._orderer.accept(request.prepared_transaction)
        except Rejected as rejected:
            if not self._bft:
                raise CallError(Code.ABORTED, str(rejected)) from rejected
            details = [ErrorDetail(address=o.address, msp_id=o.msp_id, message=str(rejected)) for o in self._consenters]
            failures = len(details) - _quorum(len(details)) + 1  # so many suffice to know that there is no quorum
            message = (
                "insufficient number of orderers could successfully process transaction to satisfy quorum requirement"
            )
            raise CallError(Code.UNAVAILABLE, message, details[:failures]) from rejected
        return SubmitResponse()

    def _signed(self, kind: Any, request: Any, missing: str) -> Any:
        if not request.request:
            raise CallError(Code.INVALID_ARGUMENT, missing)
        try:
            inner = kind.FromString(request.request)
        except DecodeError as error:
            raise CallError(Code.INVALID_ARGUMENT, f"invalid request: {error}") from error
        if not inner.identity:
            raise CallError(Code.INVALID_ARGUMENT, "no identity provided")
        if not inner.channel_id:
            raise CallError(Code.INVALID_ARGUMENT, "no channel ID provided")
        return inner

    def _authorize(self, inner: Any, request: Any) -> None:
        try:
            who = self._ledger.msps.authenticate(inner.identity, request.request, request.signature)
        except IdentityError as error:
            raise CallError(Code.PERMISSION_DENIED, f"failed evaluating policy on signed data: {error}") from error
        readers = self._ledger.members.application
        if inner.channel_id != self._ledger.channel_id or not access.may_read(who, readers):
            text = f"failed evaluating policy [/Channel/Application/Readers] of channel {inner.channel_id}"
            raise CallError(Code.PERMISSION_DENIED, text)


def _quorum(nodes: int) -> int:
    """Return SmartBFT's quorum: any two of that size share an honest node."""
    faulty = (nodes - 1) // 3
    return math.ceil((nodes + faulty + 1) / 2)
