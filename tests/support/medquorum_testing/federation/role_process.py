# SPDX-License-Identifier: Apache-2.0
"""A role's own process (``medquorum hospital run ...``) under a test's control: kill, restart, freeze, await a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class RoleProcess:
    """One role; its JSON lines are kept over restarts, its log is appended to."""

    def __init__(self, name: str, log: Path, host: Sequence[str] = ()) -> None:
        self.name = name
        self._host = host  # what runs a command on another host
        self.events: list[Event] = []
        self._log = log
        self._arrived = threading.Condition()
        self._reader: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None

    def start(self, arguments: Sequence[str]) -> None:
        """Start it; it must not run."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*self._host, sys.executable, "-m", "medquorum.clients", *arguments, "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def mark(self) -> int:
        """Where the lines to come begin: ``wait_for(..., since=mark)``."""
        return len(self.events)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it stand still, its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def exit_code(self, seconds: float = 60) -> int:
        """Wait until it has ended by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    def wait_for(self, name: str, *, since: int = 0, seconds: float = 150, **fields: Any) -> Event:
        """Wait for the first line with this event and these fields; fails with the end of its log."""
        wanted = {"event": name, **fields}
        deadline = time.monotonic() + seconds
        with self._arrived:
            while True:
                for event in self.events[since:]:
                    if wanted.items() <= event.items():
                        return event
                if not self._arrived.wait(deadline - time.monotonic()) and time.monotonic() > deadline:
                    seen = self.events[since:]
                    raise AssertionError(
                        f"{self.name}: no {wanted} in {seconds} s, but {seen}; log: {self.log[-1500:]}"
                    )

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.startswith("{"):
                    with self._arrived:
                        self.events.append(json.loads(line))
                        self._arrived.notify_all()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None and self._reader is not None
        self._process.send_signal(number)
        if number is not signal.SIGKILL:
            self._process.send_signal(signal.SIGCONT)  # a frozen process hears nothing else
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
