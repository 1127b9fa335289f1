# SPDX-License-Identifier: Apache-2.0
"""Processor seconds and memory of a network's and a training's processes, by kind, while a run lasts."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import psutil

from medquorum.network.consortium.paths import NetworkFolder
from medquorum_benchmarks.rounds.memory import network_processes, role_processes

__all__ = ["Usage"]

INTERVAL = 0.5
"""Seconds between two looks."""


@dataclass
class Samples:
    """One process' processor seconds at points of time (monotonic seconds), and its largest unique set in bytes."""

    kind: str
    times: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unique: int = 0

    def look(self, process: psutil.Process) -> None:
        """Take one sample of the processor seconds."""
        used = process.cpu_times()
        self.times.append(time.monotonic())
        self.seconds.append(used.user + used.system)

    def weigh(self, process: psutil.Process) -> None:
        """Take one sample of the memory: some 25 ms for a process that has imported torch."""
        self.unique = max(self.unique, process.memory_full_info().uss)

    def used(self, begin: float, end: float) -> float:
        """Return the processor seconds between two times; a process that began later had used none."""
        if not self.times:
            return 0.0
        first, last = np.interp([begin, end], self.times, self.seconds, left=0.0)
        return float(last - first)


class Usage(threading.Thread):
    """Looks at a network's and this process' role processes while the context lasts.

    At each look every process' processor seconds, and one process' memory, each in its turn: looking must cost little.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = NetworkFolder(folder)
        self._done = threading.Event()
        self._seen: dict[tuple[int, float], Samples] = {}
        self.ended = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended = time.monotonic()
        self._done.set()
        self.join()

    def run(self) -> None:
        """Sample."""
        me = psutil.Process()
        for turn in itertools.count():
            if self._done.wait(INTERVAL):
                return
            processes = [*network_processes(self._folder), *role_processes(me)]
            for place, (kind, process) in enumerate(processes):
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
                    samples = self._seen.setdefault((process.pid, process.create_time()), Samples(kind))
                    samples.kind = kind  # one that was just forked looked like its zygote
                    samples.look(process)
                    if place == turn % len(processes):
                        samples.weigh(process)

    def processor_seconds(self, last: float) -> dict[str, float]:
        """Return the processor seconds in the last ``last`` seconds of the context, summed by kind of process."""
        totals: defaultdict[str, float] = defaultdict(float)
        for samples in self._seen.values():
            totals[samples.kind] += samples.used(self.ended - last, self.ended)
        return {kind: round(seconds, 3) for kind, seconds in sorted(totals.items())}

    def unique_mib(self) -> dict[str, float]:
        """Return the largest unique set of a process, by kind, in MiB."""
        largest: defaultdict[str, int] = defaultdict(int)
        for samples in self._seen.values():
            largest[samples.kind] = max(largest[samples.kind], samples.unique)
        return {kind: round(size / (1 << 20), 1) for kind, size in sorted(largest.items())}
