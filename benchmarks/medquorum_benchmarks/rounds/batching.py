# SPDX-License-Identifier: Apache-2.0
"""How long a round takes by the time until a block is cut: one network for each batch interval.

``scripts/bench batching [--intervals 25,50,100,200,400] [--data mnist --data-dir DIR] [--json FILE]``. The interval
is part of the channel's configuration (BatchTimeout; under BFT RequestBatchMaxInterval).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from medquorum_benchmarks.rounds.training import Measured, measure
from medquorum_federation.command import run_main
from medquorum_federation.network import choose_network
from medquorum_federation.options import Options


def main(
    intervals: Annotated[str, typer.Option(help="Milliseconds, with commas")] = "25,50,100,200,400",
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    hospitals: Annotated[int, typer.Option(min=1)] = 10,
    rounds: Annotated[int, typer.Option(min=2)] = 6,
    network: Annotated[str | None, typer.Option(help="fabric or devnet; by default fabric when found")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Measure each interval in turn, and print a table."""
    given = {"data": data, "data_dir": data_dir, "hospitals": hospitals, "rounds": rounds}
    options = Options.model_validate(given | {"adversaries": 0, "rule": "strict"})
    console = Console()
    load = os.getloadavg()
    kind = choose_network(network, console)
    measurements: dict[int, Measured] = {}
    table = Table(title=f"A round by the batch interval, {data}, {hospitals} hospitals, {kind}")
    for heading in ("interval ms", "later rounds s", "from-to", "tx / blocks", "cpu-s a round"):
        table.add_column(heading, justify="right")
    for interval in map(int, intervals.split(",")):
        measured = measurements[interval] = measure(options, kind, console, batch_interval=interval)
        used = ", ".join(f"{name} {seconds:.1f}" for name, seconds in measured.processor_seconds.items())
        table.add_row(str(interval), f"{measured.median:.2f}", measured.spread, measured.on_the_ledger, used)
    console.print(table)
    if json_file:
        runs = {str(interval): measured.as_dict() for interval, measured in measurements.items()}
        document = {"processors": os.cpu_count(), "load": load, "network": kind, "intervals": runs}
        json_file.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
