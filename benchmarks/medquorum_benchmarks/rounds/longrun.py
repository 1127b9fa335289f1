# SPDX-License-Identifier: Apache-2.0
"""Many rounds on one network: whether a process grows, a round slows down, a task survives a stop.

``scripts/bench longrun [--rounds 25] [--data mnist --data-dir DIR] [--stops N] [--json FILE]``. Resident
memory of every process is sampled; its slope is a least-squares line over round 6 to the last. With ``--stops``
all of the network's processes are ended at random moments, and started again; the roles' processes wait for them.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.network import open_network
from medquorum.network.supervision.progress import Progress
from medquorum_benchmarks.rounds.memory import network_processes, role_processes
from medquorum_federation.command import run_main
from medquorum_federation.network import Network, choose_network, running_network
from medquorum_federation.options import Options
from medquorum_federation.processes.forking import RoleZygote
from medquorum_federation.reporting.report import Report
from medquorum_federation.run import train

INTERVAL = 2.0  # seconds between looks
WARM = 5
"""Rounds before memory and time are held against the budgets."""
GROWTH = 2.0
"""MB a round that a process may grow."""
SLOWER = 1.2
"""How much slower the last five rounds may be than rounds 6 to 10."""


@dataclass
class Samples:
    """One process' resident bytes at points of time (monotonic seconds)."""

    kind: str
    times: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def slope(self, begin: float, end: float) -> float:
        """Return the bytes a second it grew by between two times; 0 of fewer than three samples."""
        chosen = [(at, size) for at, size in zip(self.times, self.resident, strict=True) if begin <= at <= end]
        if len(chosen) < 3:
            return 0.0
        at, size = np.array(chosen, dtype=np.float64).T
        return float(np.polyfit(at - at[0], size, 1)[0])


class Watch(threading.Thread):
    """Looks at the network's and the roles' processes until told to stop."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = NetworkFolder(folder)
        self._done = threading.Event()
        self.seen: dict[tuple[int, float], Samples] = {}

    def run(self) -> None:
        """Sample."""
        me = psutil.Process()
        while not self._done.wait(INTERVAL):
            for kind, process in (*network_processes(self._folder), *role_processes(me)):
                try:
                    key, size = (process.pid, process.create_time()), process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                samples = self.seen.setdefault(key, Samples(kind))
                samples.times.append(time.monotonic())
                samples.resident.append(size)

    def stop(self) -> None:
        """End the thread."""
        self._done.set()
        self.join()


class Stops(threading.Thread):
    """Ends and starts all of a network's processes, at moments drawn at random, until told to stop."""

    def __init__(self, network: Network, times: int, told: Console) -> None:
        super().__init__(daemon=True)
        self._network = open_network(network.directory, progress=Progress(quiet=True))
        self._times = times
        self._told = told
        self._end = threading.Event()
        self.done = 0

    def run(self) -> None:
        """Restart as often as asked for."""
        while self.done < self._times and not self._end.wait(random.uniform(30, 60)):  # noqa: S311  no secret
            self._network.restart()
            self.done += 1
            self._told.print(f"the whole network was stopped and started, {self.done} of {self._times}")

    def stop(self) -> None:
        """End the thread; a restart under way is finished first."""
        self._end.set()
        self.join()


def growth(seen: list[Samples], report: Report, end: float) -> dict[str, float]:
    """Return per kind of process the largest growth in MB a round, from round ``WARM`` + 1 to the last."""
    seconds = [item.seconds for item in report.rounds[WARM:]]
    slopes: defaultdict[str, list[float]] = defaultdict(list)
    for samples in seen:
        slopes[samples.kind].append(samples.slope(end - sum(seconds), end) * sum(seconds) / len(seconds) / 1e6)
    return {kind: round(max(rates), 3) for kind, rates in sorted(slopes.items())}


def main(
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    hospitals: Annotated[int, typer.Option(min=1)] = 10,
    rounds: Annotated[int, typer.Option(min=12)] = 25,
    verification: Annotated[str, typer.Option(help="plain or encrypted")] = "plain",
    stops: Annotated[int, typer.Option(min=0, help="How often to stop the whole network, and start it again")] = 0,
    network: Annotated[str | None, typer.Option(help="fabric or devnet; by default fabric when found")] = None,
    port_base: Annotated[int, typer.Option(help="First port of the network")] = 7050,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Train for many rounds, and print growth and seconds."""
    given = {
        "data": data,
        "data_dir": data_dir,
        "hospitals": hospitals,
        "rounds": rounds,
        "adversaries": hospitals // 3,
    }
    options = Options.model_validate(given | {"verification": verification})
    console = Console()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home).resolve()
        kind = choose_network(network, console)
        network_of_its_own = running_network(folder / "network", kind, hospitals, port_base=port_base)
        with RoleZygote() as zygote, network_of_its_own as running:
            watch = Watch(running.directory)
            watch.start()
            stopping = Stops(running, stops, console)
            stopping.start()
            try:
                report = train(options, running, "longrun", folder / "run", console, zygote)
            finally:
                end = time.monotonic()
                stopping.stop()
                watch.stop()
    grown = growth(list(watch.seen.values()), report, end)
    table = Table("process", "MB a round", title=f"Growth from round {WARM + 1} to {rounds}, {GROWTH:g} MB allowed")
    for name, slope in grown.items():
        table.add_row(name, f"{slope:.2f}")
    console.print(table)
    seconds = [item.seconds for item in report.rounds]
    early, late = float(np.mean(seconds[WARM : WARM + 5])), float(np.mean(seconds[-5:]))
    console.print(f"rounds 6-10: {early:.1f} s each, last five: {late:.1f} s: {late / early:.2f}x, {SLOWER}x allowed")
    if json_file:
        document = {
            "load": load,
            "stops": stopping.done,
            "growth_mb": grown,
            "early_s": early,
            "late_s": late,
            "report": report.as_dict(),
        }
        json_file.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
