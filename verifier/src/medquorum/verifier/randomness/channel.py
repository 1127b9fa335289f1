# SPDX-License-Identifier: Apache-2.0
"""The dealer's line to a party in one process: a queue that holds back the dealer while too many bytes wait."""

from __future__ import annotations

import threading
from collections import deque

from medquorum.errors import ProtocolError
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.parts import GateMessage

__all__ = ["CREDIT", "Channel"]

CREDIT = 96 << 20
"""Bytes of material that may wait for one party at the dealer, and as many at the party."""


class Channel:
    """A queue of (name, message) for one sender and one receiver.

    Parameters
    ----------
    credit
        A message waits to be sent until it and all that wait to be received are at most so many bytes, or it is alone.
    """

    def __init__(self, credit: int = CREDIT) -> None:
        self.peak = 0
        """Most bytes that ever waited."""
        self._credit = credit
        self._waiting = 0
        self._items: deque[tuple[MaterialId, GateMessage]] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def send(self, name: MaterialId, message: GateMessage) -> None:
        """Send a gate's message, when there is credit.

        Raises
        ------
        ProtocolError
            The channel was closed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._items or self._waiting + len(message) <= self._credit
            )
            if self._closed:
                raise ProtocolError("the party has stopped taking material", "Look at its log")
            self._items.append((name, message))
            self._waiting += len(message)
            self.peak = max(self.peak, self._waiting)
            self._changed.notify_all()

    def receive(self, timeout: float | None = None) -> tuple[MaterialId, GateMessage]:
        """Take the next gate's message.

        Raises
        ------
        ProtocolError
            The channel was closed, or no message came within so many seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or bool(self._items), timeout):
                raise ProtocolError("the dealer is silent", "Look at its log, then begin anew with the next attempt")
            if not self._items:
                raise ProtocolError("the dealer has stopped", "Look at its log")
            name, message = self._items.popleft()
            self._waiting -= len(message)
            self._changed.notify_all()
            return name, message

    def close(self) -> None:
        """Wake both sides; what was sent can still be received."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
