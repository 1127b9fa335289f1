# SPDX-License-Identifier: Apache-2.0
"""Updates of the rounds at hand in memory, so that each is read through the peer once."""

from __future__ import annotations

import threading

__all__ = ["HeldUpdates"]

HELD_BYTES = 1 << 28
"""Bytes of updates that are held at a time; what is beyond is read again."""


class HeldUpdates:
    """Packed updates by their commitments, each with the base of its round. Safe between threads."""

    def __init__(self, limit: int = HELD_BYTES) -> None:
        self._limit = limit
        self._held: dict[str, tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, commitment: str) -> bytes | None:
        """Return an update, None where it is not held."""
        with self._lock:
            held = self._held.get(commitment)
        return None if held is None else held[1]

    def put(self, base: str, commitment: str, packed: bytes) -> None:
        """Hold an update where there is room for it; those of other bases make room."""
        with self._lock:
            if self._bytes() + len(packed) > self._limit:
                self._held = {name: entry for name, entry in self._held.items() if entry[0] == base}
            if self._bytes() + len(packed) <= self._limit:
                self._held[commitment] = base, packed

    def drop(self, base: str) -> None:
        """Forget the updates of a base."""
        with self._lock:
            self._held = {name: entry for name, entry in self._held.items() if entry[0] != base}

    def _bytes(self) -> int:
        return sum(len(packed) for _, packed in self._held.values())
