# SPDX-License-Identifier: Apache-2.0
"""A message in the parts in which it was made: they are sent one after the other, not copied together before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["GateMessage", "Parts"]


class Parts:
    """Bytes one after the other; they must not change afterwards."""

    def __init__(self, parts: Sequence[bytes | memoryview]) -> None:
        self.parts = tuple(parts)
        self._length = sum(map(len, self.parts))

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)


GateMessage: TypeAlias = bytes | memoryview | Parts
"""A gate's message: as it came over a line, or, in one process, as the dealer made it."""
