# SPDX-License-Identifier: Apache-2.0
"""What should run (``processes/<name>.json``) and what does (``run/<name>.json``: pid with start time)."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from medquorum.core.private_files import others_may_write, write_private
from medquorum.errors import ConfigError
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.waiting import becomes_true

__all__ = ["NETWORK_VARIABLE", "Process", "Record", "alive", "end", "marked", "processes", "records"]

NETWORK_VARIABLE = "MEDQUORUM_NETWORK"
CLOCK_TOLERANCE = 2.0  # seconds by which a start time may seem to move when the system's clock is corrected
State = Literal["running", "waiting", "full", "stopped"]


@dataclass(frozen=True)
class Process:
    """A process that a supervisor keeps running; ``kind`` is orderer, peer, chaincode or devnet."""

    name: str
    organisation: str
    kind: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    enabled: bool = True

    @property
    def digest(self) -> str:
        """Identify command and environment: a changed process is another one."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def save(self, folder: NetworkFolder) -> None:
        """Write it into the folder; the supervisor reads it at SIGHUP."""
        _write(folder.process(self.name), asdict(self))

    def switched(self, on: bool) -> Process:
        """Return the same process, to be run or not."""
        return replace(self, enabled=on)


@dataclass(frozen=True)
class Record:
    """A process as its supervisor last saw it; times in seconds since the epoch."""

    name: str
    organisation: str
    pid: int
    started: float
    state: State
    restarts: int = 0
    last_exit: int | None = None
    digest: str = ""

    def save(self, folder: NetworkFolder) -> None:
        """Write it into the folder."""
        _write(folder.run(self.name), asdict(self))


def processes(folder: NetworkFolder, organisation: str | None = None) -> list[Process]:
    """Read what should run, of one organisation or all, sorted by name.

    Raises
    ------
    ConfigError
        Another user may write such a file or put one there: what it says would run as this user.
    """
    home = folder.root / "processes"
    for place in (folder.root, folder.chaincodes, home, *home.glob("*.json")):
        if place.exists() and others_may_write(place):
            raise ConfigError(f"others may write to {place}, which decides what runs", f"chmod go-w {place}")
    known = [Process(**document) for document in _documents(home)]
    return [process for process in known if organisation in (None, process.organisation)]


def records(folder: NetworkFolder) -> dict[str, Record]:
    """Read every record, the supervisors' own included."""
    known = [Record(**document) for document in _documents(folder.root / "run")]
    return {record.name: record for record in known}


def alive(record: Record) -> psutil.Process | None:
    """Return the recorded process if it still runs; a stranger that got its pid has another start time."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.started) < CLOCK_TOLERANCE
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def marked(folder: NetworkFolder) -> list[psutil.Process]:
    """Find this network's processes by the variable in their environment: also those no record names."""
    root = str(folder.root.resolve())
    running = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(NETWORK_VARIABLE) == root and process.pid != os.getpid():
                running.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue  # ended meanwhile, or another user's
    return running


def end(victims: Iterable[psutil.Process], timeout: float = 10.0) -> int:
    """Ask processes to end, kill those that have not after ``timeout`` seconds; return their number."""
    asked = list(victims)
    for process in asked:
        _signal(process, signal.SIGTERM)
    if not becomes_true(lambda: all(_ended(process) for process in asked), timeout):
        for process in asked:
            _signal(process, signal.SIGKILL)
        becomes_true(lambda: all(_ended(process) for process in asked), timeout)
    return len(asked)


def _ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; its parent may take its time to collect it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)  # psutil checks the start time once more
    except psutil.NoSuchProcess:
        return


def _documents(home: Path) -> Iterator[dict[str, Any]]:
    """Read a folder's JSON files, sorted by name; one that a supervisor removes meanwhile is left out."""
    for path in sorted(home.glob("*.json")):
        try:
            yield json.loads(path.read_text())
        except FileNotFoundError:
            continue


def _write(path: Path, document: object) -> None:
    """Replace a file at once: a reader sees the old text or the new."""
    new = path.with_suffix(".new")
    write_private(new, json.dumps(document, indent=1))
    new.replace(path)
