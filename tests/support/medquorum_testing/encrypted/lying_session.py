# SPDX-License-Identifier: Apache-2.0
"""A party that adds to its share of the result before it commits to it, as nobody can see."""

from __future__ import annotations

from typing import Any, TypeVar

from medquorum.verifier.opening.result import SALT_BYTES, ResultShare
from medquorum.verifier.session.journal import KeptResult
from medquorum.verifier.session.session import Session

__all__ = ["BIT", "COUNTS", "TAGS", "lying"]

BIT, COUNTS, TAGS = 0, 1, 2
_WIDTHS = {BIT: 1, COUNTS: 4, TAGS: 8}
S = TypeVar("S", bound=Session)


def lying(liar: int, place: int, shift: int, session: type[S]) -> type[S]:
    """Make a session in which party ``liar`` adds to the bit, first count or first key of its own share."""

    class Lying(session):  # type: ignore[valid-type, misc]
        def _evaluated(self, *given: Any) -> KeptResult:
            kept = super()._evaluated(*given)
            values = list(kept.share.values)
            if self._inputs.index != liar or place >= len(values):
                return kept
            salt, share = values[place][:SALT_BYTES], values[place][SALT_BYTES:]
            width = _WIDTHS[place]
            first = (int.from_bytes(share[:width], "little") + shift) % (2 if place == BIT else 1 << 8 * width)
            values[place] = salt + first.to_bytes(width, "little") + share[width:]
            return KeptResult(kept.attempt, ResultShare(tuple(values)), kept.statement, kept.digests)

    return Lying
