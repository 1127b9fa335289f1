# SPDX-License-Identifier: Apache-2.0
"""The command line's side of supervision: start a supervisor, make it read again, end everything."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable

import psutil

from medquorum.errors import NetworkError
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.disk import check_room
from medquorum.network.supervision.processes import NETWORK_VARIABLE, Process, alive, end, marked, processes, records
from medquorum.network.supervision.supervisor import supervisor_name
from medquorum.network.supervision.waiting import await_true, last_lines

__all__ = ["bring_down", "supervise", "switch"]

SECTIONS = ("data", "logs", "run", "config", "processes", "channel-artifacts", "devnet", "packages")


def supervise(folder: NetworkFolder, organisation: str | None = None, *, fork: bool = True) -> None:
    """Start the supervisor, or make the running one read ``processes/`` again; returns when that is so.

    Without ``fork`` a new supervisor starts each process anew, as one of a single organisation does anyway.
    """
    check_room(folder.root)
    wanted = [process for process in processes(folder, organisation) if process.enabled]
    running = _supervisors(folder)
    if not running:
        _start(folder, organisation, fork)
    elif organisation is None or supervisor_name(organisation) in running or "supervisor" in running:
        for supervisor in running.values():
            supervisor.send_signal(signal.SIGHUP)
    else:
        _start(folder, organisation, fork)
    for process in wanted:
        await_true(
            functools.partial(_runs, folder, process), 20, f"{process.name} does not run", folder.log(process.name)
        )
    await_true(lambda: not _unwanted(folder), 20, "a process that should have ended still runs")


def switch(folder: NetworkFolder, names: Iterable[str], on: bool) -> None:
    """Stop or start single processes; they stay so until switched back, also over ``down`` and ``up``."""
    chosen = {process.name: process for process in processes(folder)}
    wanted = list(names)
    for name in wanted:
        if name not in chosen:
            raise NetworkError(f"no process {name!r}", f"Processes: {', '.join(chosen)}")
        chosen[name].switched(on).save(folder)
    supervise(folder)


def bring_down(folder: NetworkFolder, *, purge: bool = False) -> int:
    """End exactly what `supervise` started, a crashed supervisor's children too; return how many processes ended.

    With ``purge`` the folder keeps only the consortium file and the verification sets.
    """
    before = marked(folder)
    end(_supervisors(folder).values(), timeout=25)
    end([process for record in records(folder).values() if (process := alive(record))])
    end(marked(folder))
    shutil.rmtree(folder.root / "run", ignore_errors=True)
    if purge:
        _purge(folder)
    return len(before)


def _start(folder: NetworkFolder, organisation: str | None, fork: bool) -> None:
    name = supervisor_name(organisation)
    command = [sys.executable, "-m", "medquorum.network.supervision.supervisor", "--dir", str(folder.root.resolve())]
    command += ["--org", organisation] if organisation else []
    command += [] if fork else ["--no-fork"]
    path = folder.log(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    env = os.environ | {NETWORK_VARIABLE: str(folder.root.resolve())}
    with path.open("ab") as output:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        raise NetworkError(f"the supervisor did not start: {last_lines(path)}", f"See {path}")
    await_true(lambda: name in _supervisors(folder), 20, "the supervisor has not started", path)


def _supervisors(folder: NetworkFolder) -> dict[str, psutil.Process]:
    supervisors = {name: alive(record) for name, record in records(folder).items() if name.startswith("supervisor")}
    return {name: process for name, process in supervisors.items() if process}


def _runs(folder: NetworkFolder, process: Process) -> bool:
    record = records(folder).get(process.name)
    return record is not None and record.digest == process.digest and alive(record) is not None


def _unwanted(folder: NetworkFolder) -> list[str]:
    wanted = {process.name for process in processes(folder) if process.enabled}
    known = {name: record for name, record in records(folder).items() if record.organisation}
    return [name for name, record in known.items() if name not in wanted and record.state != "stopped"]


def _purge(folder: NetworkFolder) -> None:
    for section in SECTIONS:
        shutil.rmtree(folder.root / section, ignore_errors=True)
    folder.chaincodes.unlink(missing_ok=True)
    folder.kind.unlink(missing_ok=True)
    shutil.rmtree(folder.organizations / "fabric-ca", ignore_errors=True)
    for organisation in folder.organizations.glob("*/*"):
        for part in organisation.iterdir():
            if part.name != "verification":
                shutil.rmtree(part) if part.is_dir() else part.unlink()
