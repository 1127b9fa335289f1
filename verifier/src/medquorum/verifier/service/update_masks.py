# SPDX-License-Identifier: Apache-2.0
"""The dealer's mask for an update that is about to be submitted: it is dealt for under this nonce, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, cast

import grpc

from medquorum.core.documents.fields import Hash, RoundIndex, TaskName
from medquorum.core.message import Message
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.identity import Credentials

__all__ = ["Give", "UpdateMask", "UpdateMasks", "take_mask"]

_SERVICE = "medquorum.UpdateMasks"


@dataclass(frozen=True)
class UpdateMask:
    """What the dealer gives a hospital for one update.

    Attributes
    ----------
    nonce
        Hex; the update names it.
    seeds
        Of P0's and P1's part of the mask; None where the hospital does not hide its update itself.
    """

    nonce: str
    seeds: tuple[bytes, bytes] | None = field(default=None, repr=False)


Give = Callable[[str, str, int, str, bool], UpdateMask]
"""Called with MSP id, task, round, base model, whether it is for the root; raises a MedquorumError to refuse."""


class _Question(Message):
    called: ClassVar[str] = "request for a mask"

    task: TaskName
    round: RoundIndex
    base: Hash
    root: bool


class _Answer(Message):
    called: ClassVar[str] = "mask"

    nonce: Hash
    seeds: tuple[Hash, Hash] | None


class UpdateMasks:
    """The dealer's service; the hospital is the organisation of the certificate, and gets no other one's mask."""

    def __init__(self, give: Give) -> None:
        self._give = give

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def take(raw: bytes, context: grpc.ServicerContext) -> bytes:
            question = _Question.decode(raw)
            given = self._give(caller(context), question.task, question.round, question.base, question.root)
            seeds = None if given.seeds is None else (given.seeds[0].hex(), given.seeds[1].hex())
            return _Answer(nonce=given.nonce, seeds=seeds).encode()

        return grpc.method_handlers_generic_handler(_SERVICE, {"Take": grpc.unary_unary_rpc_method_handler(take)})


def take_mask(
    credentials: Credentials,
    address: str,
    dealer: str,
    task: str,
    round_number: int,
    base: str,
    timeout: float,
    *,
    root: bool = False,
) -> UpdateMask:
    """Ask the organisation ``dealer`` at ``host:port`` for the mask of the own update; it gives the same one again.

    With ``root`` for that of the round's root update.

    Raises
    ------
    ProtocolError
        The dealer's refusal, or it was not reached within ``timeout`` seconds.
    """
    question = _Question(task=task, round=round_number, base=base, root=root).encode()

    def take(channel: grpc.Channel, left: float) -> UpdateMask:
        raw = cast(bytes, channel.unary_unary(f"/{_SERVICE}/Take", bytes, bytes)(question, timeout=left))
        channel.close()
        answer = _Answer.decode(raw)
        seeds = None if answer.seeds is None else (bytes.fromhex(answer.seeds[0]), bytes.fromhex(answer.seeds[1]))
        return UpdateMask(answer.nonce, seeds)

    return reach(credentials, address, dealer, timeout, take)
