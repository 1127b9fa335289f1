# SPDX-License-Identifier: Apache-2.0
"""CrypTen 0.4.1 beside ours: two processes over gloo's TCP, started with an interpreter that has it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.peers.networks import Network

__all__ = ["HOW_TO_GET", "has_crypten", "measure"]

HOW_TO_GET = (
    "CrypTen is not installed, so its rows are left out. It is no dependency of this project; give it a place of its "
    "own (its metadata names a package that no longer installs, hence --no-deps):\n"
    "  python3.11 -m venv X\n"
    "  X/bin/pip install torch torchvision numpy omegaconf onnx pandas pyyaml scipy scikit-learn future tensorboard\n"
    "  X/bin/pip install --no-deps crypten==0.4.1\n"
    "then run the benchmark with --crypten-python X/bin/python"
)
_LIMIT = 3600


def has_crypten(python: str) -> bool:
    """Tell whether an interpreter finds CrypTen."""
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('crypten') is None)"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0


def measure(network: Network, python: str, batch: int, repeats: int) -> dict[str, Any]:
    """Evaluate a batch with the dealer inside the time and with CrypTen's cache of tuples filled before.

    Seconds are the slower party's, of the median run; bytes of both parties together, as TCP carried them.

    Raises
    ------
    RuntimeError
        A party has failed; with what it told last.
    """
    images, _ = network.images(batch)
    path, arrays = network.folded()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "network.json").write_text(json.dumps(path))
        for name, values in {**arrays, "images": network.pixels(images).astype(np.float32)}.items():
            np.save(folder / f"{name}.npy", values)
        reports = _run(python, folder, repeats)
    logits = np.array(reports[0]["logits"])
    return {
        "who": f"CrypTen {reports[0]['version']}",
        "online_s": _slower(reports, "online") / batch,
        "with_dealer_s": _slower(reports, "dealt") / batch,
        "wire_bytes": sum(report["received"] for report in reports) / batch,
        "rounds": reports[0]["rounds"],
        "peak_bytes": [report["peak"] for report in reports],
        "start_bytes": max(report["start"] for report in reports),
        "logit_error": float(np.abs(logits - network.logits(images)).max()),
        "batches": repeats,
    }


def _slower(reports: list[dict[str, Any]], field: str) -> float:
    return float(median(max(both) for both in zip(*(report[field] for report in reports), strict=True)))


def _run(python: str, folder: Path, repeats: int) -> list[dict[str, Any]]:
    shared = {
        "WORLD_SIZE": "2",
        "RENDEZVOUS": f"file://{folder / 'meeting'}",
        "DISTRIBUTED_BACKEND": "gloo",
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    command = [python, "-m", "benchmarks.peers.crypten_run", str(folder), str(repeats)]
    processes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=(folder / f"log{rank}").open("w"),
            text=True,
            env=os.environ | shared | {"RANK": str(rank)},
            cwd=Path(__file__).parents[2],
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
            raise RuntimeError(f"CrypTen's party {rank} failed:\n{(folder / f'log{rank}').read_text()[-2000:]}")
    return [json.loads(text.splitlines()[-1]) for text in told]
