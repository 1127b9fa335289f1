# SPDX-License-Identifier: Apache-2.0
"""A line that keeps the digest of what went over it: both parties attest the same transcript."""

from __future__ import annotations

import hashlib
from collections import deque

from verifier.transport import Transport

__all__ = ["Recorded"]


class Recorded:
    """A line whose messages are hashed in the same order at both ends: of every round P0's, then P1's."""

    def __init__(self, line: Transport, index: int) -> None:
        self._line = line
        self._index = index
        self._unanswered: deque[bytes] = deque()
        self._digest = hashlib.sha256()

    @property
    def bytes_sent(self) -> int:
        """Bytes sent so far."""
        return self._line.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes received so far."""
        return self._line.bytes_received

    @property
    def rounds(self) -> int:
        """Messages sent so far."""
        return self._line.rounds

    def send(self, message: bytes) -> None:
        """Send a message."""
        self._unanswered.append(message)
        self._line.send(message)

    def receive(self) -> bytes:
        """Give the other party's next message, and hash it with the own one of its round."""
        answer = self._line.receive()
        message = self._unanswered.popleft()
        for part in (message, answer) if self._index == 0 else (answer, message):
            self._digest.update(len(part).to_bytes(8, "little"))
            self._digest.update(part)
        return answer

    def exchange(self, message: bytes) -> bytes:
        """Send a message and give the other party's of the same round."""
        self.send(message)
        return self.receive()

    def digest(self) -> str:
        """Give the hex SHA-256 of all rounds that have ended since the last call."""
        result, self._digest = self._digest.hexdigest(), hashlib.sha256()
        return result
