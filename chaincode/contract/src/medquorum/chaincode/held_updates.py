# SPDX-License-Identifier: Apache-2.0
"""Updates of the rounds at hand in memory, so that they are not read through the peer again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["HeldUpdates"]

Place: TypeAlias = tuple[str, int]
"""A task and the number of its round."""

HELD_BYTES = 1 << 28
"""Bytes of updates that are held at a time; what is beyond is read again."""


class HeldUpdates:
    """Packed updates, one of each hospital for a round. Safe between threads."""

    def __init__(self, limit: int = HELD_BYTES) -> None:
        self._limit = limit
        self._held: dict[tuple[Place, str], tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, place: Place, hospital: str, commitment: str) -> bytes | None:
        """Return the update of this commitment, None where it is not held."""
        with self._lock:
            held = self._held.get((place, hospital))
        return held[1] if held is not None and held[0] == commitment else None

    def put(self, place: Place, hospital: str, commitment: str, packed: bytes) -> None:
        """Hold an update in place of the hospital's last one, where there is room.

        The task's earlier rounds have ended: their updates go. Those of other tasks make room.
        """
        task, number = place
        with self._lock:
            self._held.pop((place, hospital), None)
            self._keep(lambda held: held[0] != task or held[1] >= number)
            if self._bytes() + len(packed) > self._limit:
                self._keep(lambda held: held == place)
            if self._bytes() + len(packed) <= self._limit:
                self._held[place, hospital] = commitment, packed

    def drop(self, place: Place) -> None:
        """Forget the updates of a round."""
        with self._lock:
            self._keep(lambda held: held != place)

    def _keep(self, wanted: Callable[[Place], bool]) -> None:
        self._held = {key: entry for key, entry in self._held.items() if wanted(key[0])}

    def _bytes(self) -> int:
        return sum(len(packed) for _, packed in self._held.values())
