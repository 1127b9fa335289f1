# SPDX-License-Identifier: Apache-2.0
"""What the same training reaches without the rule, and without attackers: simulated beside the run, at low priority."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from rich.console import Console

from medquorum.errors import MedquorumError
from medquorum.network.supervision.forking import Forked, Zygote

from ..options import Options
from .report import Report

__all__ = ["References", "print_comparison", "seconds_left"]

UNDEFENDED, PEACEFUL = "no rule", "no attackers"
LOWEST_PRIORITY = 19
SHARE = 0.2
"""Of a run's time, what the curves beside its own may take after its end."""


class References:
    """Simulates the curves that a run is held against in processes of their own; use as a context manager.

    Both accept every update; one with the run's attackers, one without. What the run itself is, is not simulated.
    The processes are forked from the zygote where there is one, which must last longer.

    Attributes
    ----------
    names
        Of the curves that are simulated.
    """

    def __init__(self, options: Options, task: str, folder: Path, zygote: Zygote | None = None) -> None:
        self.names = tuple(_settings(options))
        self._zygote = zygote
        self._folder = folder
        self._shared = [options.model_dump_json(), task]
        self._processes: dict[str, subprocess.Popen[bytes] | Forked] = {}

    def __enter__(self) -> References:
        with (self._folder / "references.log").open("ab") as log:
            for name in self.names:
                self._processes[name] = self._started([*self._shared, name, str(self._place(name))], log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGKILL)
        for process in self._processes.values():
            process.wait()

    def curves(self, seconds: float) -> dict[str, list[float]]:
        """Return the accuracies by round of what is done within ``seconds``, by name."""
        end = time.monotonic() + seconds
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
        places = {name: self._place(name) for name in self.names}
        return {name: json.loads(place.read_text()) for name, place in places.items() if place.exists()}

    def _place(self, name: str) -> Path:
        return self._folder / f"reference-{name.replace(' ', '-')}.json"

    def _started(self, arguments: list[str], log: IO[bytes]) -> subprocess.Popen[bytes] | Forked:
        module = __spec__.name if __spec__ else __name__
        if self._zygote is not None:
            return self._zygote.fork(module, arguments, stdout=log.fileno(), stderr=log.fileno())
        # In a session of its own, as a forked one is, whose share of the processors is then its own too.
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def seconds_left(started: float, ended: float, now: float) -> float:
    """Return how long to wait still for the curves of a run that took from ``started`` to ``ended``, in seconds."""
    return ended + SHARE * (ended - started) - now


def print_comparison(report: Report, names: Sequence[str], console: Console) -> None:
    """Say what the rule was worth, and which of the curves with these names is not there."""
    finals = {report.label: report.rounds[-1].accuracy} if report.rounds else {}
    finals |= {name: curve[-1] for name, curve in report.references.items()}
    width = max(len(name) for name in (*finals, ""))
    for name, accuracy in finals.items():
        console.print(f"{name:{width}}  {accuracy:6.1%}  {'█' * round(40 * accuracy)}", highlight=False)
    for name in names:
        if name not in report.references:
            console.print(f"{name}: no curve; it was not simulated in time, or cannot be without a network")


def _settings(options: Options) -> dict[str, Options]:
    settings = {}
    if not options.without_adversaries and options.adversaries and not options.undefended:
        settings[UNDEFENDED] = options.model_copy(update={"undefended": True})
    if not options.without_adversaries and options.adversaries:
        settings[PEACEFUL] = options.model_copy(update={"undefended": True, "without_adversaries": True})
    return settings


def _simulate(options: Options, task: str, name: str, place: Path) -> None:
    from ..simulation import Simulation  # torch takes seconds to import

    with suppress(MedquorumError, ValueError):  # an attack that needs a network
        accuracy = Simulation(_settings(options)[name], task).run()["accuracy"]
        part = place.with_suffix(".part")
        part.write_text(json.dumps(accuracy))
        part.rename(place)


def _give_way() -> None:
    """Take only the processor time that the run leaves; Linux schedules sessions (autogroups), then processes."""
    os.nice(LOWEST_PRIORITY)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LOWEST_PRIORITY))


if __name__ == "__main__":
    _give_way()
    _simulate(Options.model_validate_json(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
