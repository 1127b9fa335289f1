# SPDX-License-Identifier: Apache-2.0
"""What parties and aggregation nodes send a node: gRPC, a header and whole messages, durable when the call returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, ClassVar, Literal

import grpc
from pydantic import Field

from medquorum.core.documents.encrypted import MAX_NODES
from medquorum.core.documents.fields import Hash, MspId, RoundIndex, TaskName
from medquorum.core.message import Message
from medquorum.verifier.service.admission import HEADER_SECONDS, receive
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.frames import split_all
from medquorum.verifier.service.identity import Credentials

__all__ = ["Deliveries", "Delivery", "Sizes", "Take", "deliver"]

_SERVICE = "medquorum.Aggregation"
_HEADER_BYTES = 65536
_LONGEST_CALL = 600.0


class Delivery(Message):
    """What is delivered.

    Attributes
    ----------
    kind
        "ready", "reshare" or "sum".
        Nothing, to see that the node is there; a party's re-share; another node's sum.
    set
        Hash of the accepted set (:class:`medquorum.verifier.binding.resharing.AggregationContext`).
    nodes
        MSP ids of the nodes that the parties have chosen.
    masked
        With a re-share: hash of the sum of the accepted updates' masked parameters, as the party opened them.
    messages
        With a re-share the payload and, where the node does not get it from elsewhere, that sum.
    """

    called: ClassVar[str] = "delivery's header"

    kind: Literal["ready", "reshare", "sum"]
    task: TaskName
    round: RoundIndex
    set: Hash
    nodes: Annotated[tuple[MspId, ...], Field(max_length=MAX_NODES)]
    masked: Hash | None = None
    messages: Annotated[int, Field(ge=0, le=2)] = 0


Sizes = Callable[[str, Delivery], Sequence[int]]
"""Called with the sender's MSP id and the header; returns the most bytes of each message that follows."""
Take = Callable[[str, Delivery, Sequence[bytes]], None]
"""Called with the sender's MSP id, the header and the messages."""


class Deliveries:
    """A node's service.

    Parameters
    ----------
    sizes
        Raises a MedquorumError to refuse a delivery before anything of it is read.
    take
        Takes a delivery, in the call's thread; raises a MedquorumError to refuse it. It is called again with the same
        one when an answer was lost.
    """

    def __init__(self, sizes: Sizes, take: Take) -> None:
        self._sizes = sizes
        self._take = take

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def put(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            sender = caller(context)
            header = Delivery.decode(receive(requests, context, _HEADER_BYTES, HEADER_SECONDS))
            messages = [receive(requests, context, longest) for longest in self._sizes(sender, header)]
            self._take(sender, header, messages)
            return b""

        return grpc.method_handlers_generic_handler(_SERVICE, {"Put": grpc.stream_unary_rpc_method_handler(put)})


def deliver(
    credentials: Credentials, address: str, node: str, header: Delivery, messages: Sequence[bytes], timeout: float
) -> None:
    """Deliver to the organisation ``node`` at ``host:port``; tries again until it is there.

    Raises
    ------
    ProtocolError
        The node's refusal, or it was not reached within ``timeout`` seconds, or is somebody else.
    """
    frames = [header.model_copy(update={"messages": len(messages)}).encode(), *messages]

    def put(channel: grpc.Channel, left: float) -> None:
        limit = _LONGEST_CALL if messages else left
        channel.stream_unary(f"/{_SERVICE}/Put", bytes, bytes)(split_all(frames), timeout=limit)
        channel.close()

    reach(credentials, address, node, timeout, put)
