# SPDX-License-Identifier: Apache-2.0
"""What a role says about its progress: JSON lines for programs, plain lines for people."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape

__all__ = ["Pace", "Report"]

TOLD = ("seconds_left", "sent", "received")
"""Fields of a progress that its line for people shows too."""


class Pace:
    """How long a phase still takes, from how far it came since its first report."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def seconds_left(self, done: int, total: int) -> float:
        """Give the seconds left at ``done`` of ``total``; 0 at the first report, which may follow an earlier try."""
        now = self._clock()
        if self._first is None:
            self._first = done, now
        before, since = self._first
        return round((now - since) * (total - done) / (done - before), 1) if done > before else 0.0


class Report:
    """Writes events to standard output (docs/clients.md lists them); safe to use from several threads.

    Parameters
    ----------
    as_json
        One JSON object a line with ``event``, ``role``, ``msp`` and the event's fields; otherwise lines for people.
    """

    def __init__(self, role: str, msp: str, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._origin = {"role": role, "msp": msp}
        self._json = as_json
        self._stream = stream if stream is not None else sys.stdout
        self._console = Console(file=self._stream, highlight=False, soft_wrap=True)
        self._lock = threading.Lock()
        self._live = not as_json and self._console.is_terminal

    def event(self, name: str, **fields: Any) -> None:
        """Report one event."""
        with self._lock:
            if self._json:
                print(json.dumps({"event": name, **self._origin, **fields}), file=self._stream, flush=True)
                return
            told = "  ".join(f"{key} {_plain(value)}" for key, value in fields.items() if value not in (None, [], {}))
            self._console.print(f"[bold]{name.replace('_', ' ')}[/bold]  {escape(told)}")

    def progress(self, phase: str, done: int, total: int, **fields: Any) -> None:
        """Report how far a phase is: on a terminal one line that changes, as JSON a line each."""
        if self._json:
            self.event("progress", phase=phase, done=done, total=total, **fields)
        elif self._live:
            more = "".join(f"  {name.replace('_', ' ')} {fields[name]:,}" for name in TOLD if name in fields)
            with self._lock:
                self._console.print(f"{phase} {done}/{total}{more}", end="\r" if done < total else "\n")

    @contextmanager
    def phase(self, name: str, **fields: Any) -> Iterator[None]:
        """Report the wall-clock seconds of a phase when it went well."""
        start = time.monotonic()
        yield
        self.event("phase", phase=name, seconds=round(time.monotonic() - start, 4), **fields)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
