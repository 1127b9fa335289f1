# SPDX-License-Identifier: Apache-2.0
"""Whether a share was uploaded: P0 asks the organisation that only adds, where the hospital itself is party P1."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import grpc

from medquorum.core.documents.fields import MspId, RoundIndex, TaskName
from medquorum.core.message import Message
from medquorum.errors import ProtocolError
from medquorum.verifier.service.connection import reach
from medquorum.verifier.service.identity import Credentials

__all__ = ["ShareReceiptService", "has_share"]

_SERVICE = "medquorum.ShareReceipt"
_ANSWERS = {b"\x01": True, b"\x00": False}
_REMEDY = "Run the same version at both ends"


class _Question(Message):
    called: ClassVar[str] = "question for a share"

    task: TaskName
    round: RoundIndex
    hospital: MspId


class ShareReceiptService:
    """The service of the organisation that keeps the second shares.

    Parameters
    ----------
    asker
        MSP id of P0, the only one that is answered.
    holds
        Returns for task, round and hospital whether the share was uploaded and fits its commitment.
    """

    def __init__(self, asker: str, holds: Callable[[str, int, str], bool]) -> None:
        self._asker = asker
        self._holds = holds

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def ask(raw: bytes, context: grpc.ServicerContext) -> bytes:
            msp_id = caller(context)
            if msp_id != self._asker:
                raise ProtocolError(f"only {self._asker} is told, not {msp_id}", "Ask with P0's certificate")
            question = _Question.decode(raw)
            return bytes([self._holds(question.task, question.round, question.hospital)])

        return grpc.method_handlers_generic_handler(_SERVICE, {"Ask": grpc.unary_unary_rpc_method_handler(ask)})


def has_share(
    credentials: Credentials, address: str, holder: str, task: str, round_number: int, hospital: str, timeout: float
) -> bool:
    """Ask the organisation ``holder`` at ``host:port`` whether it has a hospital's share.

    Raises
    ------
    ProtocolError
        It was not reached within ``timeout`` seconds, the service there is not its own, or it refuses.
    """
    question = _Question(task=task, round=round_number, hospital=hospital).encode()

    def ask(channel: grpc.Channel, left: float) -> bool:
        answer = channel.unary_unary(f"/{_SERVICE}/Ask", bytes, bytes)(question, timeout=left)
        channel.close()
        if answer not in _ANSWERS:
            raise ProtocolError(f"{holder} answers neither yes nor no", _REMEDY)
        return _ANSWERS[answer]

    return reach(credentials, address, holder, timeout, ask)
