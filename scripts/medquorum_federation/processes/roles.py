# SPDX-License-Identifier: Apache-2.0
"""The role processes of a run: started in groups of their own, read line by line, surely ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from medquorum.errors import MedquorumError, NetworkError
from medquorum.network.supervision.ending import memory_kills, why_ended

from .environment import role_environment, without_proxies
from .forking import ForkedRole, RoleZygote

__all__ = ["Roles", "ToolFailed", "run_client"]


class ToolFailed(MedquorumError):
    """A command of the project ended with an error: its own text and exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


ERROR = "error: "
"""How every command line of the project begins the line of its error."""


def run_client(*arguments: str, zygote: RoleZygote | None = None) -> str:
    """Run ``medquorum ARGUMENTS`` to its end, forked where there is a zygote, and return its standard output.

    Raises
    ------
    ToolFailed
        It ended with an error, which is passed on as it is.
    NetworkError
        It ended in any other way than with an error of the project's.
    """
    if zygote is None:
        command = [sys.executable, "-m", "medquorum.clients", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=without_proxies())
        _check_end(arguments, done.returncode, done.stderr)
        return done.stdout
    with tempfile.TemporaryFile("w+") as errors:
        with _interrupts_held_back():
            process = zygote.role(arguments, errors.fileno())
        with process.stdout:
            output = process.stdout.read()
        code = process.wait()
        errors.seek(0)
        _check_end(arguments, code, errors.read())
    return output


def _check_end(arguments: Sequence[str], code: int, error_output: str) -> None:
    if code == 0:
        return
    errors = [line for line in error_output.splitlines() if line.startswith(ERROR)]
    if errors:
        raise ToolFailed(errors[-1].removeprefix(ERROR), code)
    raise NetworkError(
        f"'medquorum {' '.join(arguments[:2])}' ended with {code}: {error_output.strip()[-2000:]}",
        "Run it again; report it if it stays",
    )


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let an interrupt take effect afterwards: within ``Popen`` it would leave a process that nobody knows of."""
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught in held:
            signal.raise_signal(caught)


@dataclass(frozen=True)
class Line:
    """One JSON line a role printed, or the role's end (``event`` is ``exited``)."""

    role: str
    content: dict[str, Any]


class Roles:
    """Role processes with their JSON lines in one queue. Use as a context manager: leaving it ends them all.

    They are forked from the zygote where there is one.
    """

    def __init__(self, logs: Path, zygote: RoleZygote | None = None) -> None:
        self._logs = logs
        self._zygote = zygote
        self._processes: dict[str, subprocess.Popen[str] | ForkedRole] = {}
        self._lines: queue.Queue[Line] = queue.Queue()
        self._kills = memory_kills()
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Roles:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, role: str, arguments: Sequence[str]) -> None:
        """Start ``medquorum ARGUMENTS`` as ``role``; standard error goes to its log file."""
        with _interrupts_held_back(), (self._logs / f"{role}.log").open("a") as log:
            process = self._started(arguments, log)
            self._processes[role] = process
            threading.Thread(target=self._read, args=(role, process), daemon=True).start()

    def _started(self, arguments: Sequence[str], log: IO[str]) -> subprocess.Popen[str] | ForkedRole:
        if self._zygote is not None:
            return self._zygote.role(arguments, log.fileno())
        return subprocess.Popen(
            [sys.executable, "-m", "medquorum.clients", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            env=role_environment(),
        )

    def lines(self) -> Iterator[Line]:
        """Yield the lines as they come, without end; a process' end is a line with the event ``exited``."""
        while True:
            yield self._lines.get()

    def ended(self, role: str, code: int) -> NetworkError:
        """Return the error of a role's process that ended before its task: why, and what to do."""
        cause, remedy = why_ended(code, self._logs / f"{role}.log", self._kills)
        return NetworkError(f"{role} ended before its task did: {cause}", remedy)

    def stop(self, grace: float = 10.0) -> None:
        """End every process: SIGTERM to its group, SIGKILL to what is left after ``grace`` seconds."""
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()

    def _read(self, role: str, process: subprocess.Popen[str] | ForkedRole) -> None:
        if process.stdout is None:
            raise MedquorumError(f"{role} has no standard output")
        with process.stdout:
            for text in process.stdout:
                if text.startswith("{"):
                    self._lines.put(Line(role, json.loads(text)))
        self._lines.put(Line(role, {"event": "exited", "code": process.wait()}))


def _signal(process: subprocess.Popen[str] | ForkedRole, number: signal.Signals) -> None:
    """Signal a process' group, unless it has ended: a forked one may do so between the question and the signal."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
