# SPDX-License-Identifier: Apache-2.0
"""A peer of two processes in an interpreter of its own, which this project does not depend on."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from medquorum_benchmarks.verification.peers.networks import Network

__all__ = ["has_package", "run_pair", "slower"]

_LIMIT = 3600


def has_package(python: str, package: str) -> bool:
    """Return whether an interpreter finds a package."""
    probe = f"import importlib.util as u, sys; sys.exit(u.find_spec('{package}') is None)"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0


def run_pair(
    network: Network, images: Any, python: str, module: str, repeats: int, environment: dict[str, str]
) -> list[dict[str, Any]]:
    """Run ``python -m MODULE FOLDER REPEATS`` as ranks 0 and 1 (``RANK``), and return the JSON line each prints.

    The folder holds the folded model (``network.json`` and its arrays) and ``images``, float32 (n, 1, 28, 28);
    ``{folder}`` in a value of ``environment`` becomes its path.

    Raises
    ------
    RuntimeError
        A party has failed; with what it told last.
    """
    path, arrays = network.folded()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "network.json").write_text(json.dumps(path))
        for name, values in {**arrays, "images": network.pixels(images).astype(np.float32)}.items():
            np.save(folder / f"{name}.npy", values)
        shared = {key: value.format(folder=folder) for key, value in environment.items()} | {"OMP_NUM_THREADS": "1"}
        processes = [
            subprocess.Popen(
                [python, "-m", module, str(folder), str(repeats)],
                stdout=subprocess.PIPE,
                stderr=(folder / f"log{rank}").open("w"),
                text=True,
                env=os.environ | shared | {"RANK": str(rank)},
                cwd=Path(__file__).parents[3],
            )
            for rank in (0, 1)
        ]
        try:
            told = [process.communicate(timeout=_LIMIT)[0] for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        for rank, process in enumerate(processes):
            if process.returncode:
                raise RuntimeError(f"{module}, party {rank} failed:\n{(folder / f'log{rank}').read_text()[-2000:]}")
    # SPU writes its log beside the report.
    return [json.loads(next(line for line in text.splitlines() if line.startswith("{"))) for text in told]


def slower(reports: list[dict[str, Any]], field: str) -> float:
    """Return the seconds of the slower party of the median run."""
    return float(median(max(both) for both in zip(*(report[field] for report in reports), strict=True)))
