# SPDX-License-Identifier: Apache-2.0
"""What the same training reaches without the rule, and without attackers: simulated beside the run, at low priority."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console

from medquorum.errors import MedquorumError

from ..options import Options
from .report import Report

__all__ = ["References", "print_comparison", "seconds_left"]

UNDEFENDED, PEACEFUL = "no rule", "no attackers"
LOWEST_PRIORITY = 19
SHARE = 0.2
"""Of a run's time, what the curves beside its own may take after its end."""


class References:
    """Simulates the curves that a run is held against in a process of its own; use as a context manager.

    Both accept every update; one with the run's attackers, one without. What the run itself is, is not simulated.

    Attributes
    ----------
    names
        Of the curves that are simulated.
    """

    def __init__(self, options: Options, task: str, folder: Path) -> None:
        self.names = tuple(_settings(options))
        self._place = folder / "references.json"
        self._command = [sys.executable, "-m", __spec__.name if __spec__ else __name__]
        self._command += [options.model_dump_json(), task, str(self._place)]
        self._log = folder / "references.log"

    def __enter__(self) -> References:
        with self._log.open("wb") as log:
            # In a session of its own, whose share of the processors is then its own too.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def curves(self, seconds: float) -> dict[str, list[float]]:
        """Return the accuracies by round of what is done within ``seconds``, by name."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        accuracies: dict[str, list[float]] = json.loads(self._place.read_text()) if self._place.exists() else {}
        return accuracies


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


def _simulate(options: Options, task: str, place: Path) -> None:
    from ..simulation import Simulation  # torch takes seconds to import

    accuracies: dict[str, list[float]] = {}
    for name, chosen in _settings(options).items():
        with suppress(MedquorumError, ValueError):  # an attack that needs a network
            accuracies[name] = Simulation(chosen, task).run()["accuracy"]
        part = place.with_suffix(".part")
        part.write_text(json.dumps(accuracies))
        part.rename(place)


def _give_way() -> None:
    """Take only the processor time that the run leaves; Linux schedules sessions (autogroups), then processes."""
    os.nice(LOWEST_PRIORITY)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LOWEST_PRIORITY))


if __name__ == "__main__":
    _give_way()
    _simulate(Options.model_validate_json(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
