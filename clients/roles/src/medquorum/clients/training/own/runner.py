# SPDX-License-Identifier: Apache-2.0
"""Calls of a training function that can be waited for, and given up."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Protocol, TypeAlias

from medquorum.clients.training.own.function import TrainFunction, Training, make_update

__all__ = ["InThread", "Log", "Running", "Start"]

Log: TypeAlias = Callable[[Mapping[str, Any]], None]


class Running(Protocol):
    """A training that goes on."""

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds``; return whether it has ended."""
        ...

    def stop(self) -> None:
        """Ask it to end: ``context.stop()`` is true from now on."""
        ...

    def end(self) -> bool:
        """End it by force; return whether that can be done."""
        ...

    def result(self) -> bytes:
        """Return the packed update of a training that has ended; raises TrainingError as ``make_update`` does."""
        ...


Start: TypeAlias = Callable[[Training, Log], Running]
"""Starts a training; what it logs is reported from any thread."""


class InThread:
    """A training in a thread of this process: it can use all that the caller has, and cannot be ended by force."""

    def __init__(self, train: TrainFunction, data: Any, training: Training, log: Log) -> None:
        self._stopping = threading.Event()
        self._update: Future[bytes] = Future()
        context = contextvars.copy_context()

        def run() -> None:
            try:
                self._update.set_result(
                    context.run(make_update, train, data, training, self._stopping.is_set, self._logged(log))
                )
            except BaseException as error:  # raised again where the result is asked for
                self._update.set_exception(error)

        threading.Thread(target=run, name="training", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds``; return whether it has ended."""
        return bool(wait([self._update], seconds).done)

    def stop(self) -> None:
        """Make ``context.stop()`` true; nothing it logs is reported any more."""
        self._stopping.set()

    def end(self) -> bool:
        """Return False: a thread ends when its function returns."""
        return False

    def result(self) -> bytes:
        """Return the packed update."""
        return self._update.result()

    def _logged(self, log: Log) -> Log:
        def unless_stopped(metrics: Mapping[str, Any]) -> None:
            if not self._stopping.is_set():
                log(metrics)

        return unless_stopped
