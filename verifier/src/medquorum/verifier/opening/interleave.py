# SPDX-License-Identifier: Apache-2.0
"""Computations that take turns: while the message of one is on its way, the other computes.

One of them works at a time, and each passes its turn on at the same places at both parties. So the order of messages
and of the dealer's material is fixed, and one connection carries them without saying whose they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from greenlet import getcurrent, greenlet

from medquorum.verifier.opening.transport import Transport, WrappedTransport

__all__ = ["ByTurns", "Turn", "pairs", "take_turns"]

Item = TypeVar("Item")


def pairs(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Return consecutive items two by two, the last one alone where their number is odd."""
    for start in range(0, len(items), 2):
        yield items[start : start + 2]


class Turn:
    """What one of the computations has at a time; the others wait, the next one first."""

    def __init__(self, waiting: deque[greenlet]) -> None:
        self._waiting = waiting

    def pass_on(self) -> None:
        """Let the others work until it is the caller's turn again."""
        self._waiting.append(getcurrent())
        self._waiting.popleft().switch()


def take_turns(tasks: Sequence[Callable[[Turn], object]]) -> None:
    """Run tasks in this thread until all have ended; each is given the turn, to pass it on.

    Raises what one of them raises, once the others have been ended where they are.
    """
    waiting: deque[greenlet] = deque()
    turn = Turn(waiting)
    waiting.extend(greenlet(partial(copy_context().run, task, turn)) for task in tasks)
    try:
        while waiting:
            waiting.popleft().switch()
    finally:
        for left in waiting:
            left.throw()


class ByTurns(WrappedTransport):
    """A connection of one computation: between a message and its answer it is the others' turn."""

    def __init__(self, transport: Transport, turn: Turn) -> None:
        super().__init__(transport)
        self._turn = turn

    def send(self, message: bytes) -> None:
        """Send a message, and pass the turn on."""
        super().send(message)
        self._turn.pass_on()
