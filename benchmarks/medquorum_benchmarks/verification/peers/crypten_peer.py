# SPDX-License-Identifier: Apache-2.0
"""CrypTen 0.4.1 beside ours: two processes over gloo's TCP, started with an interpreter that has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from medquorum_benchmarks.verification.peers.foreign import run_pair, slower
from medquorum_benchmarks.verification.peers.networks import Network

__all__ = ["HOW_TO_GET", "measure"]

HOW_TO_GET = (
    "CrypTen is not installed, so its rows are left out. It is no dependency of this project; give it a place of its "
    "own (its metadata names a package that no longer installs, hence --no-deps):\n"
    "  python3.11 -m venv X\n"
    "  X/bin/pip install torch torchvision numpy omegaconf onnx pandas pyyaml scipy scikit-learn future tensorboard\n"
    "  X/bin/pip install --no-deps crypten==0.4.1\n"
    "then run the benchmark with --crypten-python X/bin/python"
)
_LINE = {
    "WORLD_SIZE": "2",
    "RENDEZVOUS": "file://{folder}/meeting",
    "DISTRIBUTED_BACKEND": "gloo",
    "GLOO_SOCKET_IFNAME": "lo",
}


def measure(network: Network, python: str, batch: int, repeats: int) -> dict[str, Any]:
    """Evaluate a batch with the dealer inside the time and with CrypTen's cache of tuples filled before.

    Seconds are the slower party's, of the median run; bytes of both parties together, as TCP carried them.
    """
    images, _ = network.images(batch)
    reports = run_pair(network, images, python, "medquorum_benchmarks.verification.peers.crypten_run", repeats, _LINE)
    logits = np.array(reports[0]["logits"])
    return {
        "who": f"CrypTen {reports[0]['version']}",
        "online_s": slower(reports, "online") / batch,
        "with_dealer_s": slower(reports, "dealt") / batch,
        "wire_bytes": sum(report["received"] for report in reports) / batch,
        "rounds": reports[0]["rounds"],
        "peak_bytes": [report["peak"] for report in reports],
        "start_bytes": max(report["start"] for report in reports),
        "logit_error": float(np.abs(logits - network.logits(images)).max()),
        "batches": repeats,
    }
