# SPDX-License-Identifier: Apache-2.0
"""Keeps an organisation's processes running: ``python -m medquorum.network.supervisor --dir DIR [--org NAME]``.

The command returns at once and leaves a daemon. Without ``--org`` one supervisor keeps every organisation's processes
(one host, one Python process instead of thirteen), each still in a session of its own. Our chaincode's are
then forked from one process, with which they end, unless ``--no-fork`` is given. SIGHUP: read ``processes/`` again.
SIGTERM, SIGINT: end all and leave. A process that dies is started again after 0.5 s, 1 s, 2 s ... 30 s; a minute of
life resets that. When the disk is nearly full, orderers and peers are ended before they cannot write any more, and
started again when there is room.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO, cast

import psutil
import structlog

from medquorum.core.startup import prepare_process
from medquorum.errors import ConfigError
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.children import Child, Children
from medquorum.network.supervision.disk import room
from medquorum.network.supervision.ending import memory_kills, why_ended
from medquorum.network.supervision.processes import NETWORK_VARIABLE, Process, Record, alive, end, processes, records

__all__ = ["Supervisor", "supervisor_name"]

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
HEALTHY_AFTER = 60.0
STOP_TIMEOUT = 10.0
"""Seconds a process may take to end."""
LOG_LIMIT = 64 << 20
LOOK_AT_DISK = 0.5
"""Seconds between two looks."""
SUPERVISOR = ""  # the organisation in a supervisor's own record

log = structlog.get_logger()


def supervisor_name(organisation: str | None) -> str:
    """Name of the supervisor of all organisations or of one."""
    return f"supervisor-{organisation}" if organisation else "supervisor"


class Supervisor:
    """Runs until told to stop."""

    def __init__(self, folder: NetworkFolder, organisation: str | None, *, fork: bool = False) -> None:
        self.folder = folder
        self.organisation = organisation
        self._children = Children(fork=fork)
        self._stop = asyncio.Event()
        self._keepers: dict[str, tuple[Process, asyncio.Event, asyncio.Task[None]]] = {}
        self._reloading = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()
        self._full, self._roomy = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Start what should run, keep it running, end it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        self._end_orphans()
        disk = asyncio.create_task(self._watch_disk())
        await self.reload()
        name = supervisor_name(self.organisation)
        Record(name, SUPERVISOR, os.getpid(), psutil.Process().create_time(), "running").save(self.folder)
        log.info("supervisor started", processes=len(self._keepers))
        await self._stop.wait()
        disk.cancel()
        async with self._reloading:
            await asyncio.gather(*(self._end(keeper) for keeper in list(self._keepers)))
        self._children.end_zygote()
        self.folder.run(name).unlink(missing_ok=True)
        log.info("supervisor ended")

    async def reload(self) -> None:
        """Start what is new, end what is gone or switched off, restart what changed."""
        async with self._reloading:
            wanted = {process.name: process for process in processes(self.folder, self.organisation) if process.enabled}
            _schedule_as_batch(len(wanted), os.cpu_count() or 1)
            stale = [name for name, (process, _, _) in self._keepers.items() if wanted.get(name) != process]
            await asyncio.gather(*(self._end(name) for name in stale))
            for name, process in wanted.items():
                if name not in self._keepers:
                    ended = asyncio.Event()
                    self._keepers[name] = (process, ended, asyncio.create_task(self._keep(process, ended)))

    def _on_reload(self) -> None:
        task = asyncio.create_task(self._reload_again())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload_again(self) -> None:
        try:
            await self.reload()
        except ConfigError as error:
            log.error("not read again, what runs goes on", cause=error.cause, remedy=error.remedy)

    def _end_orphans(self) -> None:
        """End what a supervisor that crashed left running: two peers must not share a ledger."""
        known = {name: record for name, record in records(self.folder).items() if record.organisation != SUPERVISOR}
        mine = {name: record for name, record in known.items() if self.organisation in (None, record.organisation)}
        count = end([process for record in mine.values() if (process := alive(record))], STOP_TIMEOUT)
        for name in mine:
            self.folder.run(name).unlink()
        if count:
            log.warning("ended processes that an earlier supervisor left", count=count)

    async def _watch_disk(self) -> None:
        """End what writes the ledger when the disk is nearly full; let it go on when there is room."""
        while True:
            found = room(self.folder.root)
            fields = {"free": found.free, "reserve": found.reserve, "folder": str(self.folder.root)}
            if found.short and not self._full.is_set():
                self._roomy.clear()
                self._full.set()
                log.error("the disk is full; nodes are ended until there is space", **fields, remedy="Make space")
            elif found.ample and self._full.is_set():
                self._full.clear()
                self._roomy.set()
                log.info("there is space again; nodes go on", **fields)
            await asyncio.sleep(LOOK_AT_DISK)

    async def _end(self, name: str) -> None:
        _, ended, task = self._keepers.pop(name)
        ended.set()
        await task

    async def _keep(self, process: Process, ended: asyncio.Event) -> None:
        delay = FIRST_DELAY
        record = Record(process.name, process.organisation, 0, 0.0, "stopped", digest=process.digest)
        # A chaincode keeps nothing on the disk.
        leaves = (ended,) if process.kind == "chaincode" else (ended, self._full)
        while not ended.is_set():
            if self._full in leaves and self._full.is_set():
                record = replace(record, pid=0, started=0.0, state="full")
                _save(record, self.folder)
                await _first(ended, self._roomy)
                continue
            begun, kills, written = time.monotonic(), memory_kills(), self._written(process)
            try:
                child = await self._spawn(process)
                record = replace(record, pid=child.pid, started=_start_time(child.pid), state="running")
                _save(record, self.folder)
                code = await self._watch(child, leaves)
            except OSError as error:
                log.error("cannot be started", name=process.name, error=str(error))
                code = error.errno or 1
            if any(event.is_set() for event in leaves):
                continue
            if time.monotonic() - begun > HEALTHY_AFTER:
                delay = FIRST_DELAY
            record = replace(record, pid=0, started=0.0, state="waiting", restarts=record.restarts + 1, last_exit=code)
            cause, remedy = why_ended(code, self.folder.log(process.name), kills, written)
            fields = {"name": process.name, "exit": code, "cause": cause, "remedy": remedy}
            log.warning("died; starting it again", **fields, restarts=record.restarts, seconds=delay)
            _save(record, self.folder)
            await _first(*leaves, seconds=delay)
            delay = min(2 * delay, LONGEST_DELAY)
        if self.folder.process(process.name).exists():
            _save(replace(record, pid=0, started=0.0, state="stopped"), self.folder)
        else:
            self.folder.run(process.name).unlink(missing_ok=True)

    def _written(self, process: Process) -> int:
        """Return the bytes that a process' log has."""
        path = self.folder.log(process.name)
        return path.stat().st_size if path.exists() else 0

    async def _spawn(self, process: Process) -> Child:
        path = self.folder.log(process.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        env = process.env | {NETWORK_VARIABLE: str(self.folder.root.resolve())}
        with path.open("ab") as output:
            return await self._children.start(process, env, output)

    async def _watch(self, child: Child, leaves: tuple[asyncio.Event, ...]) -> int:
        """Wait for the child's own end, or end it when one of the events says so; return its exit code."""
        exit_ = asyncio.create_task(child.wait())
        asked = [asyncio.create_task(event.wait()) for event in leaves]
        await asyncio.wait({exit_, *asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in asked:
            task.cancel()
        if not exit_.done():
            child.terminate()
            await asyncio.wait({exit_}, timeout=STOP_TIMEOUT)
            if not exit_.done():
                child.kill()
        return await exit_


def _schedule_as_batch(processes: int, processors: int) -> None:
    """Schedule what is started from now on as batch work (``SCHED_BATCH``), where it outnumbers the processors.

    Otherwise each message preempts a training or an evaluation, which then finds the cache full of other data
    (docs/results/network.md, Batch scheduling).
    """
    if processes > processors:
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


async def _first(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Wait for the first of some events, at most so many seconds."""
    waiting = {asyncio.create_task(event.wait()) for event in events}
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _save(record: Record, folder: NetworkFolder) -> None:
    """Write a record; on a full disk the former one stays, and the process is kept all the same."""
    try:
        record.save(folder)
    except OSError as error:
        log.error("cannot be recorded", name=record.name, error=str(error))


class _Output:
    """Standard output that loses what a full disk does not take."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stdout.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stdout.flush()


def _start_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # gone already; its exit is about to be seen
        return 0.0


def main() -> int:
    """Leave one supervisor running; 3 when another one holds the folder."""
    prepare_process()
    parser = argparse.ArgumentParser(prog="medquorum.network.supervision.supervisor")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--org")
    parser.add_argument("--no-fork", action="store_true")
    options = parser.parse_args()
    folder = NetworkFolder(options.dir)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                    structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Output())),
    )  # fmt: skip
    lock = folder.root / "run" / f"{supervisor_name(options.org)}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.error("another supervisor runs in this folder", folder=str(folder.root))
            return 3
        if os.fork():  # go on as nobody's child, in a session of its own: Ctrl-C at the terminal does not reach it
            return 0
        os.setsid()
        asyncio.run(Supervisor(folder, options.org, fork=not (options.org or options.no_fork)).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
