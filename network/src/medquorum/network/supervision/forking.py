# SPDX-License-Identifier: Apache-2.0
"""Processes forked from one that has imported everything, seen from outside (inside: ``zygote``)."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Self

from medquorum.errors import NetworkError

__all__ = ["ONE_THREAD", "Forked", "Zygote"]

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""The environment of processes that share the cores; only a process of one thread can be forked."""
TITLE_ROOM = "-" * 4096
"""An argument that is not read: a forked process' command line is shown in its place."""
START_SECONDS = 120.0
"""Seconds it may take to import everything: no interrupt comes through meanwhile."""


class Forked:
    """A forked process, with what is needed of a ``Popen``; ``code`` holds its exit code when it has ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: Future[int] = Future()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal's number, None while it runs."""
        return self.code.result() if self.code.done() else None

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        try:
            return self.code.result(timeout)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0) from error


class Zygote:
    """Starts the process at once and forks others from it when it is ready. Leaving the context ends it and them.

    Parameters
    ----------
    modules
        What it imports.
    env
        Its environment, of one thread, which the others have too.
    """

    def __init__(self, modules: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "medquorum.network.supervision.zygote",
                    str(number),
                    ",".join(modules),
                    TITLE_ROOM,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
                start_new_session=True,
                env={**(os.environ if env is None else env), **ONE_THREAD},
            )
        self._started: queue.Queue[int | None] = queue.Queue()
        self._running: dict[int, Forked] = {}
        self._early: dict[int, int] = {}
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._listener = threading.Thread(target=self._listen, name="zygote", daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._listener.join()
        self._orders.close()

    def fork(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        stdout: int,
        stderr: int,
        env: Mapping[str, str] | None = None,
        title: Sequence[str] = (),
    ) -> Forked:
        """Run ``python -m MODULE ARGUMENTS`` with its standard output and error in open files.

        Parameters
        ----------
        env
            What is added to the zygote's environment.
        title
            The command line that others see, if not that one.

        Raises
        ------
        NetworkError
            The process that would be forked has ended, or is not ready in time.
        """
        shown = list(title) or [sys.executable, "-m", module, *arguments]
        order = {"module": module, "arguments": list(arguments), "env": dict(env or {}), "title": shown}
        with self._turn:
            try:
                socket.send_fds(self._orders, [json.dumps(order).encode()], [stdout, stderr])
                pid = self._started.get(timeout=START_SECONDS)
            except (OSError, queue.Empty):
                pid = None
        if pid is None:
            raise NetworkError(
                "the process that others are forked from does not answer",
                "Its message is above; --no-fork does without",
            )
        forked = Forked(pid)
        with self._lock:
            self._running[pid] = forked
            code = self._early.pop(pid, None)
        if code is not None:
            forked.code.set_result(code)
        return forked

    def _listen(self) -> None:
        while answer := self._received():
            if "code" not in answer:
                self._started.put(answer["pid"])
                continue
            with self._lock:
                forked = self._running.pop(answer["pid"], None)
                if forked is None:
                    self._early[answer["pid"]] = answer["code"]
            if forked is not None:
                forked.code.set_result(answer["code"])
        self._started.put(None)
        with self._lock:
            for forked in self._running.values():
                forked.code.set_result(1)

    def _received(self) -> dict[str, int]:
        """Return the next answer, nothing when there is none any more."""
        try:
            text = self._orders.recv(1 << 10)
        except OSError:
            text = b""
        return dict(json.loads(text)) if text else {}
