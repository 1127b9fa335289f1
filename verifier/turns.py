# SPDX-License-Identifier: Apache-2.0
"""Computations that take turns: while the message of one is on its way, the other computes.

One of them works at a time, and each passes its turn on at the same places at both parties. So the order of messages
and of the dealer's material is fixed, and one line carries them without saying whose they are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from medquorum import ProtocolError
from verifier.transport import Transport

__all__ = ["ByTurns", "Turn", "pairs", "take_turns"]

Item = TypeVar("Item")


def pairs(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Give consecutive items two by two, the last one alone where their number is odd."""
    for start in range(0, len(items), 2):
        yield items[start : start + 2]


class _Table:
    """Those who wait for their turn, the next one first."""

    def __init__(self) -> None:
        self.waiting: deque[Turn] = deque()
        self.failed = False


class Turn:
    """One computation's place at the table."""

    def __init__(self, table: _Table) -> None:
        self._table = table
        self._begun = threading.Lock()
        self._begun.acquire()

    def pass_on(self) -> None:
        """Let the others work until it is this one's turn again.

        Raises
        ------
        ProtocolError
            Another one has failed.
        """
        self._table.waiting.append(self)
        self.end()
        self.wait()

    def wait(self) -> None:
        """Wait for the turn; raises as :meth:`pass_on`."""
        self._begun.acquire()
        if self._table.failed:
            raise ProtocolError("what took turns with this has failed", "Look at the other error")

    def end(self) -> None:
        """Give the turn to the next one, where there is one."""
        if self._table.waiting:
            self._table.waiting.popleft()._begun.release()


def take_turns(tasks: Sequence[Callable[[Turn], object]]) -> None:
    """Run one task or more until all have ended; each is given its turn. The first runs in the calling thread.

    Raises what the first that fails raises; the others then end at their next turn.
    """
    table = _Table()
    turns = [Turn(table) for _ in tasks]
    failures: list[BaseException] = []

    def work(turn: Turn, task: Callable[[Turn], object]) -> None:
        try:
            turn.wait()
            task(turn)
        except BaseException as error:
            failures.append(error)
            table.failed = True
        finally:
            turn.end()

    table.waiting.extend(turns)
    with ThreadPoolExecutor(max(1, len(tasks) - 1)) as pool:
        for turn, task in zip(turns[1:], tasks[1:], strict=True):
            pool.submit(work, turn, task)
        turns[0].end()  # the first one's turn begins
        work(turns[0], tasks[0])
    if failures:
        raise failures[0]


class ByTurns:
    """A line of one computation: between a message and its answer it is the others' turn."""

    def __init__(self, line: Transport, turn: Turn) -> None:
        self._line = line
        self._turn = turn

    @property
    def bytes_sent(self) -> int:
        """Bytes that all have sent."""
        return self._line.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes that all have received."""
        return self._line.bytes_received

    @property
    def rounds(self) -> int:
        """Messages that all have sent."""
        return self._line.rounds

    def send(self, message: bytes) -> None:
        """Send a message, and pass the turn on."""
        self._line.send(message)
        self._turn.pass_on()

    def receive(self) -> bytes:
        """Give the other party's message of the same round."""
        return self._line.receive()

    def exchange(self, message: bytes) -> bytes:
        """Send a message and give the other party's of the same round."""
        self.send(message)
        return self.receive()
