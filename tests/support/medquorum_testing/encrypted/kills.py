# SPDX-License-Identifier: Apache-2.0
"""Verifications in which a party is killed or hangs up at any message, again and again, and what they revealed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from medquorum.errors import ProtocolError
from medquorum.verifier.opening.result import BIT_BYTES, SALT_BYTES
from medquorum.verifier.opening.transport import WrappedTransport
from medquorum_testing.encrypted.local_dealer import LocalDealer
from medquorum_testing.encrypted.one_session import CASE, both, correct, spec

__all__ = ["KILLS", "Revealed", "trials"]

KILLS = 5
"""Kills in a trial; after them the parties go on undisturbed."""
_VALUES = (BIT_BYTES, SALT_BYTES + 4)
"""Bytes of a party's values of the result: the bit's, the count's."""


class Killed(ProtocolError):
    """A party is killed, or hangs up."""


@dataclass
class Revealed:
    """What an update's verification revealed, by whatever party in whatever session.

    Attributes
    ----------
    values
        By party and bytes, every different value of the result that was ever sent.
    ended
        What both parties learnt in the end.
    messages
        Sent by either party in the last session.
    """

    values: dict[tuple[int, int], set[bytes]] = field(default_factory=dict)
    attempts: int = 0
    ended: list[Any] = field(default_factory=list)
    messages: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def results(self) -> int:
        """Different results that anybody who saw all messages could make of them; 0 while none is revealed."""
        found = 1
        for length in _VALUES:
            pair = [len(self.values.get((index, length), ())) for index in (0, 1)]
            found = max(found, pair[0] * pair[1])
        return found if self.values else 0


class _Line(WrappedTransport):
    """A party's line: notes what it reveals, and ends at a message of this number in one of three ways."""

    def __init__(self, inner: Any, index: int, seen: Revealed, stop: int, how: str) -> None:
        super().__init__(inner)
        self.close = inner.close
        self._index = index
        self._seen = seen
        self._stop = stop
        self._how = how
        self._sent = 0
        seen.messages[index] = 0

    def send(self, message: bytes) -> None:
        if self._sent == self._stop and self._how == "before it sends":
            raise Killed("killed")
        if len(message) in _VALUES:
            self._seen.values.setdefault((self._index, len(message)), set()).add(message)
        self._sent += 1
        self._seen.messages[self._index] += 1
        super().send(message)

    def receive(self) -> bytes:
        ends = self._sent > self._stop
        if ends and self._how == "before the answer":
            raise Killed("killed")
        answer = super().receive()
        if ends:
            raise Killed("killed")
        return answer


HOW = ("before it sends", "before the answer", "after the answer")


def trials(folder: Path, count: int, seed: int) -> Iterator[Revealed]:
    """Verify so many updates, each with kills at random messages of random parties, and yield what was revealed."""
    random, whole = Random(seed), Revealed()
    dealer = LocalDealer(spec("tree", only_bit=False))
    both(folder / "whole", dealer, lines={i: lambda inner, i=i: _Line(inner, i, whole, 1 << 30, "") for i in (0, 1)})
    last = max(whole.messages)
    for number in range(count):
        yield _trial(folder / str(number), last, random)


def _trial(folder: Path, last: int, random: Random) -> Revealed:
    only_bit, masked = random.random() < 0.5, random.random() < 0.5
    minimum = np.array([correct(CASE.flat())], dtype=np.int64) if only_bit else None
    dealer, seen = LocalDealer(spec("tree", only_bit=only_bit)), Revealed()
    for kill in range(KILLS + 1):
        victim, how = random.randrange(2), random.choice(HOW)
        # Half of the kills where it matters: among the last messages.
        stop = random.randrange(last) if random.random() < 0.5 else last - random.randrange(min(6, last))
        if kill == KILLS:
            stop = 1 << 30

        def line(inner: Any, index: int, at: int = stop, victim: int = victim, how: str = how) -> _Line:
            return _Line(inner, index, seen, at if index == victim else 1 << 30, how)

        lines = {index: (lambda inner, index=index: line(inner, index)) for index in (0, 1)}
        seen.ended = both(folder, dealer, minimum, lines=lines, masked=masked)
    seen.attempts = len(dealer.attempts)
    return seen
