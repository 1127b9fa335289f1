# SPDX-License-Identifier: Apache-2.0
"""The dealer's salt of a round, for the aggregation nodes: with it they check the opened sum against the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

import grpc

from medquorum.core.documents.fields import RoundIndex, TaskName
from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.identity import Credentials

__all__ = ["SALT_BYTES", "Salts", "take_salt"]

SALT_BYTES = 32
_SERVICE = "medquorum.Salts"


class _Question(Message):
    called: ClassVar[str] = "request for a salt"

    task: TaskName
    round: RoundIndex


class Salts:
    """The dealer's service.

    Parameters
    ----------
    give
        Called with the node's MSP id, task and round; returns the salt, or raises a MedquorumError to refuse.
    """

    def __init__(self, give: Callable[[str, str, int], bytes]) -> None:
        self._give = give

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def take(raw: bytes, context: grpc.ServicerContext) -> bytes:
            question = _Question.decode(raw)
            return self._give(caller(context), question.task, question.round)

        return grpc.method_handlers_generic_handler(_SERVICE, {"Take": grpc.unary_unary_rpc_method_handler(take)})


def take_salt(
    credentials: Credentials, address: str, dealer: str, task: str, round_number: int, timeout: float
) -> bytes:
    """Ask the organisation ``dealer`` at ``host:port`` for a round's 32 bytes of salt.

    Raises
    ------
    ProtocolError
        The dealer's refusal, or it was not reached within ``timeout`` seconds.
    """
    asked = _Question(task=task, round=round_number).encode()

    def take(channel: grpc.Channel, left: float) -> bytes:
        salt = cast(bytes, channel.unary_unary(f"/{_SERVICE}/Take", bytes, bytes)(asked, timeout=left))
        channel.close()
        return salt

    salt = reach(credentials, address, dealer, timeout, take)
    if len(salt) != SALT_BYTES:
        raise ProtocolError("the dealer's salt has another size", "Run the same version at node and dealer")
    return salt
