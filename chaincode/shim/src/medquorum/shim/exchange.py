# SPDX-License-Identifier: Apache-2.0
"""Requests of one invocation to its peer, one at a time: a peer drops a second one without a word."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from fabric_protos.peer import chaincode_shim_pb2

from medquorum.shim.errors import PeerError

__all__ = ["Exchange"]

ANSWER_TIMEOUT = 300.0

Message = chaincode_shim_pb2.ChaincodeMessage


class Exchange:
    """One (channel, transaction) on one peer's stream."""

    def __init__(self, channel_id: str, tx_id: str, send: Callable[[Any], None]) -> None:
        self.channel_id = channel_id
        self.tx_id = tx_id
        self._send = send
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._answer: Future[Any] | None = None
        self._ended: PeerError | None = None

    def ask(self, kind: int, payload: bytes) -> bytes:
        """Send a request and wait for its answer.

        Raises
        ------
        PeerError
            The peer answered ERROR (with its text), its stream ended, or it did not answer.
        """
        name = Message.Type.Name(kind)
        with self._turn:
            answer: Future[Any] = Future()
            with self._guard:
                if self._ended:
                    raise self._ended
                self._answer = answer
            self._send(Message(type=kind, payload=payload, channel_id=self.channel_id, txid=self.tx_id))
            try:
                message = answer.result(ANSWER_TIMEOUT)
            except TimeoutError:
                self.end(f"the peer did not answer {name} within {ANSWER_TIMEOUT:.0f} s")
                message = answer.result()
        if message.type == Message.RESPONSE:
            return bytes(message.payload)
        if message.type == Message.ERROR:
            raise PeerError(message.payload.decode("utf-8", "replace"))
        raise PeerError(f"the peer answered {name} with {Message.Type.Name(message.type)}")

    def answer(self, message: Any) -> bool:
        """Take an answer from the peer; False when none was awaited."""
        with self._guard:
            answer, self._answer = self._answer, None
        if answer is None:
            return False
        answer.set_result(message)
        return True

    def end(self, cause: str) -> None:
        """Fail the waiting request and all later ones with this cause."""
        with self._guard:
            self._ended = self._ended or PeerError(cause)
            answer, self._answer = self._answer, None
        if answer is not None:
            answer.set_exception(self._ended)
