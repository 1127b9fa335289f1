# SPDX-License-Identifier: Apache-2.0
"""Events of a channel as closeable iterables, from the next block, a given one, or a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc
from fabric_protos.gateway.gateway_pb2 import ChaincodeEventsRequest as RequestMessage
from fabric_protos.gateway.gateway_pb2 import ChaincodeEventsResponse, SignedChaincodeEventsRequest
from fabric_protos.orderer.ab_pb2 import SeekNextCommit, SeekPosition, SeekSpecified

from medquorum.gateway.client import Client
from medquorum.gateway.errors import GatewayError
from medquorum.gateway.events.checkpoint import Checkpoint
from medquorum.gateway.failures import gateway_error
from medquorum.gateway.signable import Signable

__all__ = ["ChaincodeEvent", "ChaincodeEventsRequest", "EventStream", "new_chaincode_events_request", "start_position"]

T = TypeVar("T")


@dataclass(frozen=True)
class ChaincodeEvent:
    """An event a valid transaction has set."""

    block_number: int
    transaction_id: str
    chaincode: str
    name: str
    payload: bytes = field(repr=False)


class EventStream(Generic[T]):
    """Events as they come. Iterate in one thread; ``close``, from any thread, ends the iteration.

    Iterating raises ``GatewayError`` when the connection fails or the stream's timeout is over.
    """

    def __init__(self, call: Any, expand: Callable[[Any], Iterable[T]], action: str) -> None:
        self._call = call
        self._closed = False
        self._items = self._read(expand, action)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream and free its connection."""
        self._closed = True
        self._call.cancel()

    def _read(self, expand: Callable[[Any], Iterable[T]], action: str) -> Iterator[T]:
        try:
            for response in self._call:
                for item in expand(response):
                    if self._closed:
                        return
                    yield item
        except grpc.RpcError as error:
            if not self._closed:
                raise gateway_error(error, GatewayError, action) from error


class ChaincodeEventsRequest(Signable):
    """A question for a chaincode's events."""

    def __init__(self, client: Client, signed: SignedChaincodeEventsRequest) -> None:
        super().__init__(client, signed, signed, "request")

    def events(self, timeout: float | None = None) -> EventStream[ChaincodeEvent]:
        """Start reading; ``timeout`` seconds for the whole stream, endless by default."""
        self._sign()
        return EventStream(self._client.chaincode_events(self._signed, timeout), _expand, "chaincode events")


def _expand(response: ChaincodeEventsResponse) -> Iterator[ChaincodeEvent]:
    for event in response.events:
        yield ChaincodeEvent(response.block_number, event.tx_id, event.chaincode_id, event.event_name, event.payload)


def new_chaincode_events_request(
    client: Client, channel: str, chaincode: str, start_block: int | None, checkpoint: Checkpoint | None
) -> ChaincodeEventsRequest:
    """Build the unsigned question for a chaincode's events."""
    request = RequestMessage(
        channel_id=channel,
        chaincode_id=chaincode,
        identity=client.identity.creator,
        start_position=start_position(start_block, checkpoint),
        after_transaction_id=(checkpoint.transaction_id if checkpoint else None) or "",
    )
    return ChaincodeEventsRequest(client, SignedChaincodeEventsRequest(request=request.SerializeToString()))


def start_position(start_block: int | None, checkpoint: Checkpoint | None) -> SeekPosition:
    """Return where to start: at the checkpoint if it is set, else at the block, else at the next one committed."""
    marked = checkpoint.block_number if checkpoint else None
    block = start_block if marked is None else marked
    if block is None:
        return SeekPosition(next_commit=SeekNextCommit())
    return SeekPosition(specified=SeekSpecified(number=block))
