# SPDX-License-Identifier: Apache-2.0
"""Updates of the rounds at hand in memory, so that they are not read through the peer again."""

from __future__ import annotations

import threading

__all__ = ["HeldUpdates"]

HELD_BYTES = 1 << 28
"""Bytes of updates that are held at a time; what is beyond is read again."""


class HeldUpdates:
    """Packed updates, one of each hospital for a base. Safe between threads."""

    def __init__(self, limit: int = HELD_BYTES) -> None:
        self._limit = limit
        self._held: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, base: str, hospital: str, commitment: str) -> bytes | None:
        """Return the update of this commitment, None where it is not held."""
        with self._lock:
            held = self._held.get((base, hospital))
        return held[1] if held is not None and held[0] == commitment else None

    def put(self, base: str, hospital: str, commitment: str, packed: bytes) -> None:
        """Hold an update in place of the hospital's last one, where there is room; those of other bases make room."""
        with self._lock:
            self._held.pop((base, hospital), None)
            if self._bytes() + len(packed) > self._limit:
                self._held = {key: entry for key, entry in self._held.items() if key[0] == base}
            if self._bytes() + len(packed) <= self._limit:
                self._held[base, hospital] = commitment, packed

    def drop(self, base: str) -> None:
        """Forget the updates of a base."""
        with self._lock:
            self._held = {key: entry for key, entry in self._held.items() if key[0] != base}

    def _bytes(self) -> int:
        return sum(len(packed) for _, packed in self._held.values())
