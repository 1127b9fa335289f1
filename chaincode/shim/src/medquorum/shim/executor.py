# SPDX-License-Identifier: Apache-2.0
"""A bounded pool of threads for invocations: what does not fit is refused at once, so a flood cannot fill memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog

__all__ = ["BoundedExecutor"]

log = structlog.get_logger(__name__)

Task = Callable[[], None]


class BoundedExecutor:
    """Run tasks on ``workers`` daemon threads, with at most ``tasks`` of ``size`` bytes together accepted at a time.

    One task is always accepted when none is running, whatever its size.
    """

    def __init__(self, workers: int, tasks: int, size: int) -> None:
        self._most_tasks = tasks
        self._most_bytes = size
        self._tasks = 0
        self._bytes = 0
        self._closed = False
        self._change = threading.Condition()
        self._waiting: queue.SimpleQueue[tuple[Task, int] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"invocation-{i}", daemon=True) for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, size: int) -> bool:
        """Accept a task, or return False when the bound is reached or the executor is closed."""
        with self._change:
            full = self._tasks >= self._most_tasks or self._bytes + size > self._most_bytes
            if self._closed or (full and self._tasks):
                return False
            self._tasks += 1
            self._bytes += size
        self._waiting.put((task, size))
        return True

    def close(self, timeout: float) -> bool:
        """Accept nothing more and wait up to ``timeout`` seconds for the accepted tasks; True when all have ended."""
        with self._change:
            self._closed = True
            idle = self._change.wait_for(lambda: not self._tasks, timeout)
        for _ in self._threads:
            self._waiting.put(None)
        return idle

    def _work(self) -> None:
        while (accepted := self._waiting.get()) is not None:
            task, size = accepted
            try:
                task()
            except Exception as error:
                log.error("an invocation could not be answered", error=type(error).__name__)
            finally:
                del task, accepted  # A waiting thread must not keep a transaction's data alive.
                with self._change:
                    self._tasks -= 1
                    self._bytes -= size
                    self._change.notify_all()
