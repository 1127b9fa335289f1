# SPDX-License-Identifier: Apache-2.0
"""Memory of every kind of process during a short training: ``scripts/bench memory [--network NAME] [--json FILE]``.

Runs the quickstart with few hospitals and looks at its processes several times a second. The high-water mark is the
kernel's own (``VmHWM``), so that nothing between two looks is missed, except in a process' last moments. Forked roles
share most of it with the zygote: what a process has alone is its unique set (USS, of ``smaps_rollup``).
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from medquorum.errors import MedquorumError
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.network import Kind
from medquorum.network.supervision.processes import alive, processes, records
from medquorum_federation.command import run_main

INTERVAL = 0.25  # seconds between looks
ROLES = re.compile(
    r"-m medquorum(\.clients (?P<role>adversary|coordinator|hospital|verifier) run|\.network\.supervision\.zygote)"
)
HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass
class Seen:
    """One process' memory in bytes: its resident and unique set at each look, the kernel's high-water mark at last."""

    kind: str
    resident: list[int] = field(default_factory=list)
    unique: list[int] = field(default_factory=list)
    high_water: int = 0

    def look(self, process: psutil.Process) -> None:
        """Take one sample; nothing changes when the process has ended."""
        try:
            memory, self.high_water = process.memory_full_info(), _high_water(process) or self.high_water
            self.resident.append(memory.rss)
            self.unique.append(memory.uss)
        except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
            return


def _high_water(process: psutil.Process) -> int:
    match = HIGH_WATER.search(Path(f"/proc/{process.pid}/status").read_text())
    return int(match[1]) * 1024 if match else 0


def network_processes(folder: NetworkFolder) -> list[tuple[str, psutil.Process]]:
    """Return the network's running processes with their kinds (peer, orderer, chaincode, devnet)."""
    try:
        running = {name: alive(record) for name, record in records(folder).items()}
        kinds = {process.name: process.kind for process in processes(folder)}
    except FileNotFoundError:  # the network is being taken down
        return []
    return [(kinds[name], process) for name, process in running.items() if process and name in kinds]


def role_processes(parent: psutil.Process) -> Iterator[tuple[str, psutil.Process]]:
    """Return the training's role processes with their roles; an adversary is a hospital to memory."""
    for child in parent.children(recursive=True):
        try:
            match = ROLES.search(" ".join(child.cmdline()))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if match:
            yield (match["role"] or "zygote").replace("adversary", "hospital"), child


def watch(training: subprocess.Popen[bytes], folder: NetworkFolder) -> list[Seen]:
    """Look at every process until the training ends."""
    parent = psutil.Process(training.pid)
    seen: dict[tuple[int, float], Seen] = {}
    while True:
        try:
            training.wait(INTERVAL)
            return list(seen.values())
        except subprocess.TimeoutExpired:
            for kind, process in (*network_processes(folder), *role_processes(parent)):
                seen.setdefault((process.pid, process.create_time()), Seen(kind)).look(process)


def summary(seen: list[Seen]) -> dict[str, dict[str, float]]:
    """Return per kind, in MiB, each measure of the process where it is largest, and the sum of unique sets."""
    kinds: defaultdict[str, list[Seen]] = defaultdict(list)
    for process in seen:
        kinds[process.kind].append(process)
    return {
        kind: {
            "processes": len(group),
            "median_resident_mib": round(max(median(process.resident or [0]) for process in group) / (1 << 20), 1),
            "high_water_mib": round(max(process.high_water for process in group) / (1 << 20), 1),
            "unique_mib": round(max(max(process.unique, default=0) for process in group) / (1 << 20), 1),
            "all_unique_mib": round(sum(max(process.unique, default=0) for process in group) / (1 << 20), 1),
        }
        for kind, group in sorted(kinds.items())
    }


def main(
    network: Annotated[Kind | None, typer.Option(help="fabric or devnet; by default fabric when found")] = None,
    hospitals: Annotated[int, typer.Option(help="Number of hospitals", min=1)] = 3,
    rounds: Annotated[int, typer.Option(help="Rounds of training", min=1)] = 2,
    data: Annotated[str, typer.Option(help="As scripts/quickstart's")] = "digits",
    model: Annotated[str, typer.Option(help="mlp, lenet or resnet18")] = "mlp",
    port_base: Annotated[int, typer.Option(help="First port of the network")] = 7050,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file")] = None,
) -> None:
    """Measure the memory of each kind of process during a short training with one adversary."""
    with tempfile.TemporaryDirectory() as home:
        folder = NetworkFolder(Path(home).resolve() / "network")
        options = {
            "--hospitals": hospitals,
            "--adversaries": 1,
            "--rounds": rounds,
            "--data": data,
            "--model": model,
            "--port-base": port_base,
            "--dir": folder.root,
            "--results": Path(home) / "results",
            "--json": Path(home) / "report.json",
        } | ({"--network": network} if network else {})
        command = [sys.executable, "-m", "medquorum_federation"]
        training = subprocess.Popen([*command, *(str(text) for pair in options.items() for text in pair)])
        try:
            seen = watch(training, folder)
        finally:
            training.terminate()
            training.wait()
        if training.returncode != 0:
            raise MedquorumError("the training failed", "Its message is above")
        report: dict[str, Any] = json.loads((Path(home) / "report.json").read_text())
    measured = summary(seen)
    title = f"{model} on {data}, {hospitals} hospitals, {rounds} rounds, network {report['network']}"
    table = Table("process", "number", "median resident MiB", "high water MiB", "own MiB", "all, own MiB", title=title)
    for kind, figures in measured.items():
        table.add_row(kind, *(str(value) for value in figures.values()))
    Console().print(table)
    if json_file:
        machine = {"processors": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
        setting = {key: report[key] for key in ("network", "data", "model")} | {
            "hospitals": hospitals,
            "rounds": rounds,
        }
        json_file.write_text(json.dumps({"machine": machine, **setting, "memory": measured}, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
