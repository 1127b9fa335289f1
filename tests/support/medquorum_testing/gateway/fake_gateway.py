# SPDX-License-Identifier: Apache-2.0
"""An in-process gateway service that answers as scripted, for tests of the client alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, Payload
from fabric_protos.gateway import gateway_pb2
from fabric_protos.gateway.gateway_pb2_grpc import add_GatewayServicer_to_server
from fabric_protos.peer.events_pb2 import DeliverResponse, FilteredBlock
from fabric_protos.peer.events_pb2_grpc import add_DeliverServicer_to_server
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload, Response
from fabric_protos.peer.transaction_pb2 import (
    ChaincodeActionPayload,
    ChaincodeEndorsedAction,
    Transaction,
    TransactionAction,
    TxValidationCode,
)

STATUS_TRAILER = "grpc-status-details-bin"


@dataclass
class Failure:
    """An error to answer with: a gRPC code, its text and the details' trailer."""

    code: grpc.StatusCode
    text: str = ""
    trailer: bytes = b""


def status_trailer(*details: tuple[str, str, str]) -> bytes:
    """Serialize ``google.rpc.Status`` by hand around details of address, MSP id and message."""
    status = b"\x08\x0a"  # code 10
    for address, msp_id, message in details:
        detail = gateway_pb2.ErrorDetail(address=address, msp_id=msp_id, message=message).SerializeToString()
        packed = _bytes_field(1, b"type.googleapis.com/gateway.ErrorDetail") + _bytes_field(2, detail)
        status += _bytes_field(3, packed)
    return status


def _bytes_field(number: int, content: bytes) -> bytes:
    size = len(content)
    assert size < 1 << 14
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + content


def prepared_envelope(channel: str, result: bytes) -> Envelope:
    """Wrap a chaincode's result as an endorsed transaction does."""
    action = ChaincodeAction(response=Response(status=200, payload=result))
    response = ProposalResponsePayload(extension=action.SerializeToString())
    endorsed = ChaincodeEndorsedAction(proposal_response_payload=response.SerializeToString())
    payload = ChaincodeActionPayload(action=endorsed)
    transaction = Transaction(actions=[TransactionAction(payload=payload.SerializeToString())])
    header = Header(channel_header=ChannelHeader(channel_id=channel).SerializeToString())
    return Envelope(payload=Payload(header=header, data=transaction.SerializeToString()).SerializeToString())


@dataclass
class FakeGateway:
    """Records requests and answers with its fields; ``failures[method]`` are taken first, one per call."""

    result: bytes = b"result"
    outcomes: dict[str, str] = field(default_factory=dict)  # transaction id -> validation code
    commits_on_submit: str | None = "VALID"
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    requests: dict[str, list[Any]] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)  # method -> seconds the last call left
    events: list[gateway_pb2.ChaincodeEventsResponse] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    deliver_status: int | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    def _answer(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        self.requests.setdefault(method, []).append(request)
        self.deadlines[method] = context.time_remaining()
        if self.failures.get(method):
            failure = self.failures[method].pop(0)
            if failure.trailer:
                context.set_trailing_metadata(((STATUS_TRAILER, failure.trailer),))
            context.abort(failure.code, failure.text)

    def Evaluate(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._answer("Evaluate", request, context)
        return gateway_pb2.EvaluateResponse(result=Response(status=200, payload=self.result))

    def Endorse(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._answer("Endorse", request, context)
        envelope = prepared_envelope(request.channel_id, self.result)
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    def Submit(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.commits_on_submit:
            self.outcomes.setdefault(request.transaction_id, self.commits_on_submit)
        self._answer("Submit", request, context)
        return gateway_pb2.SubmitResponse()

    def CommitStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._answer("CommitStatus", request, context)
        transaction_id = gateway_pb2.CommitStatusRequest.FromString(request.request).transaction_id
        if transaction_id not in self.outcomes:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "not committed")
        code = TxValidationCode.Value(self.outcomes[transaction_id])
        return gateway_pb2.CommitStatusResponse(result=code, block_number=7)

    def ChaincodeEvents(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self._answer("ChaincodeEvents", request, context)
        yield from self.events
        self._wait(context)

    def Deliver(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self._answer("Deliver", next(requests), context)
        if self.deliver_status is not None:
            yield DeliverResponse(status=self.deliver_status)
        for number in self.blocks:
            yield DeliverResponse(filtered_block=FilteredBlock(number=number))
        self._wait(context)

    DeliverFiltered = Deliver
    DeliverWithPrivateData = Deliver

    def _wait(self, context: grpc.ServicerContext) -> None:
        context.add_callback(self.stopped.set)
        self.stopped.wait()

    def serve(self) -> tuple[grpc.Server, str]:
        """Start the service on a free port; the caller stops the server."""
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        add_GatewayServicer_to_server(self, server)
        add_DeliverServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return server, f"127.0.0.1:{port}"
