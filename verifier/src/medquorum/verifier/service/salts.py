# SPDX-License-Identifier: Apache-2.0
"""The dealer's salt of a round, for the aggregation nodes: with it they check the opened sum against the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import grpc

from medquorum.core import canonical
from medquorum.errors import ContractError, ProtocolError
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.identity import Credentials

__all__ = ["SALT_BYTES", "Salts", "take_salt"]

SALT_BYTES = 32
_SERVICE = "medquorum.Salts"


class Salts:
    """The dealer's service.

    Parameters
    ----------
    give : callable
        Called with the node's MSP id, task and round; gives the salt, or raises a MedquorumError to refuse.
    """

    def __init__(self, give: Callable[[str, str, int], bytes]) -> None:
        self._give = give

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Give the gRPC handler."""

        def take(raw: bytes, context: grpc.ServicerContext) -> bytes:
            return self._give(caller(context), *_asked(raw))

        return grpc.method_handlers_generic_handler(_SERVICE, {"Take": grpc.unary_unary_rpc_method_handler(take)})


def take_salt(credentials: Credentials, address: str, dealer: str, task: str, round: int, timeout: float) -> bytes:
    """Ask the organisation ``dealer`` at ``host:port`` for a round's 32 bytes of salt.

    Raises
    ------
    ProtocolError
        The dealer's refusal, or it was not reached within ``timeout`` seconds.
    """
    asked = canonical.encode({"round": round, "task": task})

    def take(channel: grpc.Channel, left: float) -> bytes:
        salt = cast(bytes, channel.unary_unary(f"/{_SERVICE}/Take", bytes, bytes)(asked, timeout=left))
        channel.close()
        return salt

    salt = reach(credentials, address, dealer, timeout, take)
    if len(salt) != SALT_BYTES:
        raise ProtocolError("the dealer's salt has another size", "Run the same version at node and dealer")
    return salt


def _asked(raw: bytes) -> tuple[str, int]:
    try:
        match canonical.decode(raw):
            case {"round": int(number), "task": str(task)}:
                return task, number
    except ContractError as error:
        raise ProtocolError("the request cannot be read", "Run the same version at node and dealer") from error
    raise ProtocolError("the request does not name task and round", "Run the same version at node and dealer")
