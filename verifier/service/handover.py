# SPDX-License-Identifier: Apache-2.0
"""Handing a share over: a hospital sends a party what its commitment on the ledger is for.

A stream of frames to ``PutShare``: the header {task, round}, then the value. The hospital is the organisation of the
certificate, so that nobody hands over for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc

from chaincode import canonical
from medquorum import ContractError, MedquorumError, ProtocolError, ShareError
from verifier.service.connection import reach
from verifier.service.frames import read_message, split_all
from verifier.service.identity import Credentials
from verifier.service.refusal import refuse

__all__ = ["Handover", "Take", "hand_over"]

Take = Callable[[str, int, str, bytes], None]
"""Called with task, round, hospital (MSP id) and value."""
LONGEST = 512 << 20
"""Most bytes of a value: a share of 64 million parameters."""
_SERVICE = "medquorum.Handover"
_HEADER_BYTES = 4096
_LONGEST_CALL = 600.0


class Handover:
    """A party's service that hospitals call.

    Parameters
    ----------
    take : callable
        Takes a value, in the call's thread; raises a MedquorumError (ShareError) to refuse it, which is raised again at
        the hospital. It is called again with the same value when an answer was lost.
    """

    def __init__(self, take: Take) -> None:
        self._take = take

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Give the gRPC handler."""

        def put(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            hospital = caller(context)
            try:
                task, number = _header(read_message(lambda: _next(requests), _HEADER_BYTES))
                self._take(task, number, hospital, read_message(lambda: _next(requests), LONGEST))
            except MedquorumError as error:
                refuse(context, error)
            return b""

        return grpc.method_handlers_generic_handler(_SERVICE, {"PutShare": grpc.stream_unary_rpc_method_handler(put)})


def hand_over(
    credentials: Credentials, address: str, party: str, task: str, round: int, value: bytes, timeout: float
) -> None:
    """Hand a share over to the organisation ``party`` at ``host:port``; tries again until it is there.

    ``timeout`` is for reaching the party; sending the value may take longer on a hospital's line.

    Raises
    ------
    ShareError
        The party refuses the value, with its reason.
    ProtocolError
        The party was not reached within ``timeout`` seconds, did not get the value within ten minutes, or the service
        there is not its own.
    """
    header = canonical.encode({"round": round, "task": task})

    def put(channel: grpc.Channel, _left: float) -> None:
        channel.stream_unary(f"/{_SERVICE}/PutShare", bytes, bytes)(split_all([header, value]), timeout=_LONGEST_CALL)
        channel.close()

    reach(credentials, address, party, timeout, put)


def _next(requests: Iterator[bytes]) -> bytes:
    try:
        return next(requests)
    except (StopIteration, grpc.RpcError) as error:
        raise ShareError("the value ends before its announced length", "Hand it over again") from error


def _header(raw: bytes) -> tuple[str, int]:
    try:
        document = canonical.decode(raw)
    except ContractError as error:
        raise ProtocolError("the share's header cannot be read", "Run the same version at both ends") from error
    match document:
        case {"task": str(task), "round": int(number), **rest} if not rest and not isinstance(number, bool):
            return task, number
    raise ProtocolError("the share's header does not name task and round", "Run the same version at both ends")
