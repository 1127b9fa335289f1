# SPDX-License-Identifier: Apache-2.0
"""A connection that keeps the digest of what went over it: both parties attest the same transcript."""

from __future__ import annotations

import hashlib
from collections import deque

from medquorum.verifier.opening.transport import Transport, WrappedTransport

__all__ = ["Recorded"]


class Recorded(WrappedTransport):
    """A connection whose messages are hashed in the same order at both ends: of every round P0's, then P1's."""

    def __init__(self, transport: Transport, index: int) -> None:
        super().__init__(transport)
        self._index = index
        self._unanswered: deque[bytes] = deque()
        self._digest = hashlib.sha256()

    def send(self, message: bytes) -> None:
        """Send a message."""
        self._unanswered.append(message)
        super().send(message)

    def receive(self) -> bytes:
        """Return the other party's next message, and hash it with the own one of its round."""
        answer = super().receive()
        message = self._unanswered.popleft()
        for part in (message, answer) if self._index == 0 else (answer, message):
            self._digest.update(len(part).to_bytes(8, "little"))
            self._digest.update(part)
        return answer

    def digest(self) -> str:
        """Return the hex SHA-256 of all rounds that have ended since the last call."""
        result, self._digest = self._digest.hexdigest(), hashlib.sha256()
        return result
