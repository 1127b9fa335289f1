# SPDX-License-Identifier: Apache-2.0
"""Flower's FedAvg on the same images: a round without ledger and defence, on the same machine."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from medquorum_benchmarks.verification.peers.foreign import has_package
from medquorum_federation.options import Options
from medquorum_federation.processes.environment import role_environment
from medquorum_federation.run import deal

__all__ = ["HOW_TO_INSTALL", "has_flower", "round_seconds"]

HOW_TO_INSTALL = (
    "Flower needs an interpreter of its own: `python -m venv X`, `X/bin/pip install 'flwr[simulation]==1.42.0' torch`, "
    "then run the benchmark with --flower-python X/bin/python"
)
_LIMIT = 3600
_QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0"}


def has_flower(python: str) -> bool:
    """Return whether an interpreter has Flower, its simulation and torch."""
    return all(has_package(python, package) for package in ("flwr", "ray", "torch"))


def round_seconds(options: Options, python: str) -> list[float]:
    """Train as the options say in Flower's simulation; return the seconds of each round.

    Raises
    ------
    RuntimeError
        It failed; with what it told last.
    """
    here = Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        deal(options, Path(folder))
        numbers = (options.hospitals, options.rounds, options.epochs, options.batch)
        module = "medquorum_benchmarks.rounds.peers.flower_run"
        done = subprocess.run(
            [python, "-m", module, folder, *map(str, numbers)],
            cwd=here,
            env=role_environment() | _QUIET | {"PYTHONPATH": str(here)},
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"Flower failed: {done.stderr[-2000:]}")
    seconds: list[float] = json.loads(lines[-1])["seconds"]
    return seconds
