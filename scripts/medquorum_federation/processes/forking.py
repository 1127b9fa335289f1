# SPDX-License-Identifier: Apache-2.0
"""Roles forked from one process that has imported everything, seen from outside (inside: ``zygote``)."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO

from medquorum.errors import NetworkError

from .environment import role_environment

__all__ = ["ForkedRole", "Zygote", "zygote_unless"]

TITLE_ROOM = "-" * 4096
"""An argument that is not read: a role's command line is shown in its place."""
START_SECONDS = 120.0
"""Seconds it may take to import everything: no interrupt comes through meanwhile."""


class ForkedRole:
    """A forked process, with what a run needs of a ``Popen``."""

    def __init__(self, pid: int, stdout: IO[str]) -> None:
        self.pid = pid
        self.stdout = stdout
        self._code: int | None = None
        self._ended = threading.Event()

    def ended(self, code: int) -> None:
        """Take the exit code, negative for a signal's number."""
        self._code = code
        self._ended.set()

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        if not self._ended.wait(timeout) or self._code is None:
            raise subprocess.TimeoutExpired(f"role {self.pid}", timeout or 0.0)
        return self._code


class Zygote:
    """Starts the process at once and forks roles from it when it is ready. Leaving the context ends it and them."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "medquorum_federation.processes.zygote", str(number), TITLE_ROOM],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
                start_new_session=True,
                env=role_environment(),
            )
        self._started: queue.Queue[int | None] = queue.Queue()
        self._roles: dict[int, ForkedRole] = {}
        self._early: dict[int, int] = {}
        self._lock = threading.Lock()
        self._listener = threading.Thread(target=self._listen, name="zygote", daemon=True)
        self._listener.start()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._listener.join()
        self._orders.close()

    def fork(self, arguments: Sequence[str], stderr: int) -> ForkedRole:
        """Start ``medquorum ARGUMENTS`` with its standard error in an open file; its standard output is a pipe.

        Raises
        ------
        NetworkError
            The process that would be forked has ended, or is not ready in time.
        """
        readable, writable = os.pipe()
        try:
            socket.send_fds(self._orders, [json.dumps(list(arguments)).encode()], [writable, stderr])
            pid = self._started.get(timeout=START_SECONDS)
        except (OSError, queue.Empty):
            pid = None
        finally:
            os.close(writable)
        stdout = os.fdopen(readable, encoding="utf-8")
        if pid is None:
            stdout.close()
            raise NetworkError(
                "the process that roles are forked from does not answer", "Its message is above; --no-fork does without"
            )
        role = ForkedRole(pid, stdout)
        with self._lock:
            self._roles[pid] = role
            code = self._early.pop(pid, None)
        if code is not None:
            role.ended(code)
        return role

    def _listen(self) -> None:
        while answer := self._received():
            if "code" not in answer:
                self._started.put(answer["pid"])
                continue
            with self._lock:
                role = self._roles.pop(answer["pid"], None)
                if role is None:
                    self._early[answer["pid"]] = answer["code"]
            if role is not None:
                role.ended(answer["code"])
        self._started.put(None)
        with self._lock:
            for role in self._roles.values():
                role.ended(1)

    def _received(self) -> dict[str, int]:
        """Return the next answer, nothing when there is none any more."""
        try:
            text = self._orders.recv(1 << 10)
        except OSError:
            text = b""
        return dict(json.loads(text)) if text else {}


def zygote_unless(without: bool) -> AbstractContextManager[Zygote | None]:
    """Start a zygote, or none: then every role is a new process."""
    return nullcontext() if without else Zygote()
