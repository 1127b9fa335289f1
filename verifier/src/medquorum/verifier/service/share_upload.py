# SPDX-License-Identifier: Apache-2.0
"""Uploading a share: a hospital sends a party what its commitment on the ledger is for.

A stream of frames to ``PutShare``: the header {task, round}, then the value. The hospital is the organisation of the
certificate, so that nobody uploads for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import grpc

from medquorum.core.documents.fields import RoundIndex, TaskName
from medquorum.core.message import Message
from medquorum.verifier.service.admission import HEADER_SECONDS, receive
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.frames import split_all
from medquorum.verifier.service.identity import Credentials

__all__ = ["Longest", "ShareUpload", "Take", "upload_share"]

Longest = Callable[[str, int, str], int]
"""Called with task, round and hospital (MSP id); returns the most bytes of the value."""
Take = Callable[[str, int, str, bytes], None]
"""Called with task, round, hospital (MSP id) and value."""
_SERVICE = "medquorum.ShareUpload"
_HEADER_BYTES = 4096
_LONGEST_CALL = 600.0


class _Header(Message):
    called: ClassVar[str] = "share's header"

    task: TaskName
    round: RoundIndex


class ShareUpload:
    """A party's service that hospitals call.

    Parameters
    ----------
    longest
        Raises a MedquorumError (ShareError) to refuse an upload before its value is read.
    take
        Takes a value, in the call's thread; raises a MedquorumError (ShareError) to refuse it, which is raised again at
        the hospital. It is called again with the same value when an answer was lost.
    """

    def __init__(self, longest: Longest, take: Take) -> None:
        self._longest = longest
        self._take = take

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def put(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            hospital = caller(context)
            header = _Header.decode(receive(requests, context, _HEADER_BYTES, HEADER_SECONDS))
            value = receive(requests, context, self._longest(header.task, header.round, hospital))
            self._take(header.task, header.round, hospital, value)
            return b""

        return grpc.method_handlers_generic_handler(_SERVICE, {"PutShare": grpc.stream_unary_rpc_method_handler(put)})


def upload_share(
    credentials: Credentials, address: str, party: str, task: str, round_number: int, value: bytes, timeout: float
) -> None:
    """Upload a share to the organisation ``party`` at ``host:port``; tries again until it is there.

    ``timeout`` is for reaching the party; sending the value may take longer on a hospital's line.

    Raises
    ------
    ShareError
        The party refuses the value, with its reason.
    ProtocolError
        The party was not reached within ``timeout`` seconds, did not get the value within ten minutes, or the service
        there is not its own.
    """
    header = _Header(task=task, round=round_number).encode()

    def put(channel: grpc.Channel, _left: float) -> None:
        channel.stream_unary(f"/{_SERVICE}/PutShare", bytes, bytes)(split_all([header, value]), timeout=_LONGEST_CALL)
        channel.close()

    reach(credentials, address, party, timeout, put)
