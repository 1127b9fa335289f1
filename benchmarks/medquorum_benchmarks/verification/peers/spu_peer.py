# SPDX-License-Identifier: Apache-2.0
"""SPU 0.9.5 (SEMI2K, ring of 64 bits) beside ours: two processes over brpc, in an interpreter that has it."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

import numpy as np

from medquorum_benchmarks.verification.peers.foreign import run_pair, slower
from medquorum_benchmarks.verification.peers.networks import Network

__all__ = ["HOW_TO_GET", "measure"]

HOW_TO_GET = (
    "SPU is not installed, so its rows are left out. It is no dependency of this project; give it a place of its own:\n"
    "  python3.11 -m venv Y\n"
    "  Y/bin/pip install spu==0.9.5\n"
    "then run the benchmark with --spu-python Y/bin/python"
)


def measure(network: Network, python: str, batch: int, repeats: int) -> dict[str, Any]:
    """Evaluate a batch. SEMI2K's triples are made by party 0 within the time: there is no online time of its own.

    Seconds are the slower party's, of the median run; bytes of both parties together, as TCP carried them.
    """
    images, _ = network.images(batch)
    line = {"PARTIES": ",".join(f"127.0.0.1:{port}" for port in _free_ports(2))}
    reports = run_pair(network, images, python, "medquorum_benchmarks.verification.peers.spu_run", repeats, line)
    logits = np.array(reports[0]["logits"])
    return {
        "who": f"SPU {reports[0]['version']}, SEMI2K",
        "with_dealer_s": slower(reports, "seconds") / batch,
        "wire_bytes": sum(report["received"] for report in reports) / batch,
        "peak_bytes": [report["peak"] for report in reports],
        "start_bytes": max(report["start"] for report in reports),
        "logit_error": float(np.abs(logits - network.logits(images)).max()),
        "batches": repeats,
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [opened.getsockname()[1] for opened in sockets]
