# SPDX-License-Identifier: Apache-2.0
"""Encrypted evaluation beside CrypTen, SPU and plain torch, in one run on one machine.

Ours: dealer, P0 and P1 are three processes over loopback with mutual TLS, one thread of computing each. CrypTen: two
processes over gloo's TCP, one torch thread each. "Online": all of the dealer's material is at the parties before the
clock starts. "With dealer": the dealer's work, from its seed to the last byte's arrival, then the parties' work; in use
the two overlap. Ours includes the count of correct images, the others end at the encrypted logits, their weights and
images already shared; the randomness of CrypTen's dealer is not cryptographic. SPU (SEMI2K, two processes over brpc,
as many threads as it takes) makes its triples within the
time. Where one gate's material for a batch is more than may wait for a party, ours evaluates fewer images together
(``evaluated`` in the JSON).
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from medquorum.core.model import catalogue
from medquorum.verifier.comparison.backends import Comparing
from medquorum_benchmarks.verification.peers import crypten_peer, ours, spu_peer
from medquorum_benchmarks.verification.peers.foreign import has_package
from medquorum_benchmarks.verification.peers.networks import Network
from medquorum_federation.command import run_command

BATCHES = (1, 8, 32, 128)
BACK_ENDS: tuple[Comparing, ...] = ("tree", "fss")
PEERS = ("crypten", "spu", "torch")
CRYPTEN = "CrypTen"
Row = dict[str, Any]


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Measure everything, one after the other; CrypTen right after ours, so that both see the same machine."""
    for name in options.model or catalogue.MODELS:
        network = Network(name)
        for batch in options.batch or BATCHES:
            common = {"model": name, "batch": batch, "load": round(os.getloadavg()[0], 2)}
            chosen: Sequence[Comparing] = options.back_end or BACK_ENDS
            for back_end in chosen:
                yield common | ours.measure(network, back_end, batch, options.repeats)
            if "crypten" in options.peer:
                yield common | crypten_peer.measure(network, options.crypten_python, batch, options.repeats)
            if "spu" in options.peer:
                yield common | spu_peer.measure(network, options.spu_python, batch, options.repeats)
            if "torch" in options.peer:
                seconds = network.seconds(network.images(batch)[0], max(5, options.repeats))
                yield common | {"who": "torch float32, plain", "online_s": seconds / batch}


def ratios(measured: list[Row]) -> None:
    """Write into every row of ours how many times faster it is than CrypTen's of the same model and batch."""
    theirs = {(row["model"], row["batch"]): row for row in measured if row["who"].startswith(CRYPTEN)}
    for row in measured:
        peer = theirs.get((row["model"], row["batch"]))
        if peer and row["who"].startswith("ours"):
            row["faster_online"] = peer["online_s"] / row["online_s"]
            row["faster_with_dealer"] = peer["with_dealer_s"] / row["with_dealer_s"]
            row["less_wire"] = peer["wire_bytes"] / row["wire_bytes"]


def targets(measured: list[Row]) -> list[Row]:
    """Compare resnet18's rows of 32 images and more, tree, with the project's goals; the worst row counts."""
    chosen = [
        row for row in measured if row["model"] == "resnet18" and row["batch"] >= 32 and row["who"] == "ours, tree"
    ]
    goals = (
        ("online, times faster than CrypTen online", "faster_online", 20.0, True),
        ("with dealer, times faster than CrypTen with its dealer", "faster_with_dealer", 10.0, True),
        ("wire, MB per image", "wire_mb", 2.0, False),
    )
    result = []
    for text, field, goal, least in goals:
        values = [row["wire_bytes"] / 1e6 if field == "wire_mb" else row.get(field) for row in chosen]
        known = [value for value in values if value is not None]
        if known:
            worst = min(known) if least else max(known)
            result.append(
                {"goal": text, "asked": goal, "found": worst, "met": worst >= goal if least else worst <= goal}
            )
    return result


def _cell(value: float | None, unit: float, digits: int) -> str:
    return "" if value is None else f"{value * unit:.{digits}f}"


def show(measured: list[Row], goals: list[Row], console: Console) -> None:
    """Print the rows per image, ours once per model, and the goals."""
    heads = (
        "model",
        "batch",
        "who",
        "online ms",
        "with dealer ms",
        "wire MB",
        "dealer MB",
        "rounds",
        "peak MB (start)",
    )
    table = Table(*heads, "logit error", "online x", "with dealer x", "wire x", title="Per image; x: against CrypTen")
    for row in measured:
        peaks = [*row.get("peak_bytes", ()), *([row["dealer_peak_bytes"]] if "dealer_peak_bytes" in row else [])]
        error, start = row.get("logit_error"), row.get("start_bytes")
        table.add_row(
            row["model"],
            str(row["batch"]),
            row["who"],
            _cell(row.get("online_s"), 1e3, 3),
            _cell(row.get("with_dealer_s"), 1e3, 3),
            _cell(row.get("wire_bytes"), 1e-6, 3),
            _cell(row.get("dealer_bytes"), 1e-6, 3),
            str(row.get("rounds", "")),
            " ".join([*(_cell(peak, 1e-6, 0) for peak in peaks), *([f"({start / 1e6:.0f})"] if start else [])]),
            "" if error is None else f"{error:.1e}",
            *(_cell(row.get(field), 1.0, 1) for field in ("faster_online", "faster_with_dealer", "less_wire")),
        )
    console.print(table)
    once = Table(
        *("model", "batch", "who", "online s", "dealer s", "wire MB", "dealer MB", "whole verification s"),
        title="Ours once per model; last: all of a verification of one batch, dealer and parties at once",
    )
    for row in measured:
        if "whole_s" in row:
            fields = ("model_online_s", "model_dealer_s", "model_wire_bytes", "model_dealer_bytes", "whole_s")
            values = [_cell(row[field], 1e-6 if field.endswith("bytes") else 1.0, 2) for field in fields]
            once.add_row(row["model"], str(row["batch"]), row["who"], *values)
    console.print(once)
    for goal in goals:
        console.print(
            f"{'met' if goal['met'] else 'MISSED':7}{goal['goal']}: {goal['found']:.2f} (goal {goal['asked']:g})"
        )


def main() -> None:
    """Measure, print and, with ``--json FILE``, write the rows."""
    parser = argparse.ArgumentParser(
        "scripts/bench encrypted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=tuple(catalogue.MODELS), action="append", help="default: all")
    parser.add_argument("--batch", type=int, action="append", help=f"default: {', '.join(map(str, BATCHES))}")
    parser.add_argument("--back-end", choices=BACK_ENDS, action="append", help="default: both")
    parser.add_argument("--peer", choices=PEERS, action="append", help="default: all")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="batches, of which the median counts")
    parser.add_argument(
        "--crypten-python", default=sys.executable, metavar="PATH", help="interpreter with CrypTen; default: this one"
    )
    parser.add_argument(
        "--spu-python", default=sys.executable, metavar="PATH", help="interpreter with SPU; default: this one"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=180)
    options.peer = options.peer or list(PEERS)
    for package, python, peer in (
        ("crypten", options.crypten_python, crypten_peer),
        ("spu", options.spu_python, spu_peer),
    ):
        if package in options.peer and not has_package(python, package):
            print(peer.HOW_TO_GET, file=sys.stderr)
            options.peer.remove(package)
    measured = []
    for row in rows(options):
        measured.append(row)
        seconds = float(row["online_s"] if "online_s" in row else row["with_dealer_s"])
        print(f"{row['model']} batch {row['batch']}: {row['who']} {seconds * 1e3:.3f} ms", file=sys.stderr)
    ratios(measured)
    goals = targets(measured)
    show(measured, goals, console)
    if options.json:
        machine = {"processors": os.cpu_count(), "python": platform.python_version(), "torch": torch.__version__}
        document = {"machine": machine, "threads": 1, "rows": measured, "goals": goals}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
