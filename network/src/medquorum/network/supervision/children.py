# SPDX-License-Identifier: Apache-2.0
"""A supervisor's children: new processes, or our chaincode forked from one process that has imported it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

import structlog

from medquorum.errors import NetworkError
from medquorum.network.supervision.forking import Forked, Zygote
from medquorum.network.supervision.processes import Process

__all__ = ["CHAINCODE_SERVER", "Child", "Children"]

CHAINCODE_SERVER, CHAINCODE_MODULE = "medquorum-chaincode", "medquorum.chaincode"
PRELOADED = (f"{CHAINCODE_MODULE}.server", "numpy.random", "grpc._server")
"""The contract, and what its packages import with the first use."""

log = structlog.get_logger()


class Child(Protocol):
    """A process that runs."""

    @property
    def pid(self) -> int:
        """Its process id."""

    async def wait(self) -> int:
        """Return its exit code when it has ended, negative for a signal's number."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Children:
    """Starts processes, each in a session of its own. With ``fork`` those of our chaincode share what they import."""

    def __init__(self, *, fork: bool) -> None:
        self._fork = fork
        self._zygote: Zygote | None = None

    async def start(self, process: Process, env: Mapping[str, str], output: IO[bytes]) -> Child:
        """Start a process that writes to ``output``; ``env`` is added to this process' environment."""
        if self._fork and _is_our_chaincode(process):
            zygote = self._zygote = self._zygote or Zygote(PRELOADED)
            try:
                return _ForkedChild(await asyncio.to_thread(_forked, zygote, process, env, output.fileno()))
            except NetworkError as error:
                log.warning("not forked but started", name=process.name, cause=error.cause)
                if self._zygote is zygote:
                    self.end_zygote()
        return await asyncio.create_subprocess_exec(
            *process.command,
            env={**os.environ, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def end_zygote(self) -> None:
        """End the process that others are forked from, and with it those."""
        if self._zygote is not None:
            self._zygote.__exit__()
            self._zygote = None


class _ForkedChild:
    def __init__(self, forked: Forked) -> None:
        self._forked = forked
        self.pid = forked.pid

    async def wait(self) -> int:
        return await asyncio.wrap_future(self._forked.code)

    def terminate(self) -> None:
        self._forked.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._forked.send_signal(signal.SIGKILL)


def _forked(zygote: Zygote, process: Process, env: Mapping[str, str], output: int) -> Forked:
    title = [sys.executable, *process.command]
    return zygote.fork(CHAINCODE_MODULE, process.command[1:], stdout=output, stderr=output, env=env, title=title)


def _is_our_chaincode(process: Process) -> bool:
    """Return whether a process is that of our chaincode as this interpreter has it."""
    return Path(process.command[0]) == Path(sys.executable).with_name(CHAINCODE_SERVER)
