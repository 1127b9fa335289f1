# SPDX-License-Identifier: Apache-2.0
"""How much of a round is not training: a training run like the quickstart's, phase by phase.

``scripts/bench round [--data mnist --data-dir DIR] [--network NAME] [--verification encrypted] [--rule NAME]
[--flower-python PATH] [--json FILE]``.
Training is the slowest hospital's of each round; all hospitals, verifiers, peers and orderers share this machine's
cores. The first round also holds the processes' start and is left out of the median. Beside it, in the same run,
Flower's FedAvg on the same images, where ``--flower-python`` names an interpreter that has it.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from medquorum_benchmarks.rounds.peers.flower import HOW_TO_INSTALL, has_flower, round_seconds
from medquorum_benchmarks.rounds.training import Measured, measure
from medquorum_federation.command import run_main
from medquorum_federation.network import choose_network
from medquorum_federation.options import Options

BUDGET = 0.5
"""Largest share that is not training, at a batch interval of 200 ms."""


def told(measured: Measured) -> Table:
    """Return what a round costs beside time."""
    table = Table("a round from the second on", "cost", title="On the ledger and on the processors")
    table.add_row("transactions / blocks", measured.on_the_ledger)
    for kind, seconds in measured.processor_seconds.items():
        table.add_row(f"cpu-s, {kind}", f"{seconds:.2f}")
    return table


def beside_flower(measured: Measured, seconds: list[float]) -> str:
    """Tell how many times as long as Flower's a round takes; without the first, which starts Flower's workers too."""
    later = seconds[1:]
    flower = statistics.median(later)
    return (
        f"Flower's FedAvg: {flower:.2f} s a round from round 2 on ({min(later):.2f}-{max(later):.2f}); "
        f"here {measured.median:.2f} s ({measured.spread}): {measured.median / flower:.1f} times that"
    )


def main(
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    hospitals: Annotated[int, typer.Option(min=1)] = 10,
    rounds: Annotated[int, typer.Option(min=2)] = 6,
    model: Annotated[str, typer.Option(help="mlp, lenet or resnet18")] = "mlp",
    verification: Annotated[str, typer.Option(help="plain or encrypted")] = "plain",
    rule: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "strict",
    network: Annotated[str | None, typer.Option(help="fabric or devnet; by default fabric when found")] = None,
    port_base: Annotated[int, typer.Option(help="First port of the network")] = 7050,
    flower_python: Annotated[str | None, typer.Option(help="Interpreter with Flower; by default this one")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Measure and print a table."""
    given = {"data": data, "data_dir": data_dir, "hospitals": hospitals, "rounds": rounds, "model": model}
    options = Options.model_validate(given | {"verification": verification, "adversaries": 0, "rule": rule})
    console = Console()
    load = os.getloadavg()
    measured = measure(options, choose_network(network, console), console, port_base=port_base)
    report = measured.report
    later = report.rounds[1:]
    shares = [1 - item.training / item.seconds for item in later]
    table = Table(title=f"{model} on {data}, {hospitals} hospitals, {report.network}, {verification}, {rule}")
    for heading in ("round", "seconds", "training", "submission", "verification", "aggregation", "not training"):
        table.add_column(heading, justify="right")
    for item in report.rounds:
        parts = (item.seconds, item.training, item.submission, item.verification, item.aggregation)
        share = 1 - item.training / item.seconds
        table.add_row(str(item.number), *(f"{seconds:.1f}" for seconds in parts), f"{share:.0%}")
    console.print(table)
    console.print(told(measured))
    median = statistics.median(shares)
    console.print(f"median from round 2 on: {median:.0%} not training, {BUDGET:.0%} allowed")
    peer = flower_python or sys.executable
    flower = round_seconds(options, peer) if model == "mlp" and has_flower(peer) else []
    console.print(beside_flower(measured, flower) if flower else HOW_TO_INSTALL, markup=False)
    if json_file:
        about = {
            "processors": os.cpu_count(),
            "load": load,
            "at": int(time.time()),
            "share": median,
            "flower_s": flower,
        }
        json_file.write_text(json.dumps(about | measured.as_dict(), indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
