# SPDX-License-Identifier: Apache-2.0
"""The dealer's nonce for an update that is about to be submitted: it is dealt for under this nonce, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

import grpc

from medquorum.core.documents.fields import Hash, RoundIndex, TaskName
from medquorum.core.message import Message
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.identity import Credentials

__all__ = ["Give", "Nonces", "take_nonce"]

_SERVICE = "medquorum.Nonces"
Give = Callable[[str, str, int, str], str]
"""Called with the hospital's MSP id, task, round and base model; returns the nonce, or raises a MedquorumError."""


class _Question(Message):
    called: ClassVar[str] = "request for a nonce"

    task: TaskName
    round: RoundIndex
    base: Hash


class _Answer(Message):
    called: ClassVar[str] = "nonce"

    nonce: Hash


class Nonces:
    """The dealer's service; the hospital is the organisation of the certificate."""

    def __init__(self, give: Give) -> None:
        self._give = give

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def take(raw: bytes, context: grpc.ServicerContext) -> bytes:
            question = _Question.decode(raw)
            nonce = self._give(caller(context), question.task, question.round, question.base)
            return _Answer(nonce=nonce).encode()

        return grpc.method_handlers_generic_handler(_SERVICE, {"Take": grpc.unary_unary_rpc_method_handler(take)})


def take_nonce(
    credentials: Credentials, address: str, dealer: str, task: str, round_number: int, base: str, timeout: float
) -> str:
    """Ask the organisation ``dealer`` at ``host:port`` for the nonce of the own update; it gives the same one again.

    Raises
    ------
    ProtocolError
        The dealer's refusal, or it was not reached within ``timeout`` seconds.
    """
    question = _Question(task=task, round=round_number, base=base).encode()

    def take(channel: grpc.Channel, left: float) -> str:
        answer = cast(bytes, channel.unary_unary(f"/{_SERVICE}/Take", bytes, bytes)(question, timeout=left))
        channel.close()
        return _Answer.decode(answer).nonce

    return reach(credentials, address, dealer, timeout, take)
