# SPDX-License-Identifier: Apache-2.0
"""What a role says about its progress: JSON lines for programs, plain lines for people."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO, TypeAlias

from rich.console import Console
from rich.control import Control
from rich.markup import escape
from rich.segment import ControlType

__all__ = ["EventHandler", "EventReport", "Pace", "Report"]

EventHandler: TypeAlias = Callable[[Mapping[str, Any]], None]

BAR = 20
"""Characters of a full bar."""


class Pace:
    """How long a phase still takes, from how far it came since the last report of where it began."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def seconds_left(self, done: int, total: int) -> float | None:
        """Return the seconds left at ``done`` of ``total``; None before anything is done, which restarts the clock."""
        now = self._clock()
        if self._first is None or done <= self._first[0]:
            self._first = done, now
            return None
        before, since = self._first
        return round((now - since) * (total - done) / (done - before), 1)


class Report:
    """Writes events to standard output (docs/reference/command-line.md lists them); safe to use from several threads.

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
            self._erase()
            told = "  ".join(f"{key} {_plain(value)}" for key, value in fields.items() if value not in (None, [], {}))
            self._console.print(f"[bold]{name.replace('_', ' ')}[/bold]  {escape(told)}")

    def progress(self, phase: str, done: int, total: int, *, unit: str = "", **fields: Any) -> None:
        """Report how far a phase is: on a terminal one line that changes, with its unit; as JSON a line each."""
        if self._json:
            self.event("progress", phase=phase, done=done, total=total, **fields)
        elif self._live:
            line, end = _bar(phase, done, total, unit, fields), "\r" if done < total else "\n"
            with self._lock:
                self._erase()
                # What does not fit is cut: a wrapped line would stay where it is.
                self._console.print(line, end=end, markup=False, no_wrap=True, overflow="crop", soft_wrap=False)

    @contextmanager
    def phase(self, name: str, **fields: Any) -> Iterator[None]:
        """Report the wall-clock seconds of a phase when it went well."""
        start = time.monotonic()
        yield
        self.event("phase", phase=name, seconds=round(time.monotonic() - start, 4), **fields)

    def _erase(self) -> None:
        """Clear the changing line for what comes in its place."""
        if self._live:
            self._console.control(Control((ControlType.ERASE_IN_LINE, 2)))


class EventReport(Report):
    """Hands every event to a function instead of printing it, as the mapping that ``--json`` would print."""

    def __init__(self, role: str, msp: str, handler: EventHandler) -> None:
        super().__init__(role, msp, as_json=True)
        self._handler = handler

    def event(self, name: str, **fields: Any) -> None:
        """Hand on one event, in the thread it happens in."""
        self._handler({"event": name, **self._origin, **fields})


def _bar(phase: str, done: int, total: int, unit: str, fields: Mapping[str, Any]) -> str:
    """Return a progress as a line for people; of its fields hospital, seconds left and bytes."""
    full = BAR * done // max(total, 1)
    parts = [
        f"{phase} {fields.get('hospital', '')}".strip(),
        f"[{'#' * full:-<{BAR}}]",
        f"{done:,}/{total:,} {unit}".strip(),
    ]
    if "seconds_left" in fields:
        parts.append(f"{fields['seconds_left']:,.0f} s left")
    if "sent" in fields:
        parts.append(f"sent {fields['sent'] / 1e6:,.1f} MB, received {fields['received'] / 1e6:,.1f} MB")
    return "  ".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
