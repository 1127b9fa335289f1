# SPDX-License-Identifier: Apache-2.0
"""What a round costs with more and more hospitals: seconds, bytes, processor seconds and memory.

``scripts/bench scale [--hospitals 10,30,60] [--rounds 6] [--network devnet] [--json FILE]``. All processes share this
machine. The first round is told apart; medians are of the others. Growth is against the smallest number of hospitals.
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

ALLOWED = 4.0
"""How many times as long a round of the most hospitals may take as one of the fewest."""


def table_of(measurements: dict[int, Measured]) -> Table:
    """Return a row for each number of hospitals."""
    table = Table(title="A round by the number of hospitals")
    headings = (
        "hospitals",
        "first round s",
        "later s",
        "from-to",
        "tx / blocks",
        "MB a round, a peer",
        "cpu-s a round",
    )
    for heading in (*headings, "largest own memory MiB"):
        table.add_column(heading, justify="right")
    for hospitals, measured in measurements.items():
        used = ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in measured.processor_seconds.items())
        memory = ", ".join(f"{kind} {size:.0f}" for kind, size in measured.unique_mib.items())
        report = measured.report
        table.add_row(
            str(hospitals),
            f"{report.rounds[0].seconds:.1f}",
            f"{measured.median:.2f}",
            measured.spread,
            measured.on_the_ledger,
            f"{report.ledger_round_measured / 1e6:.2f}",
            used,
            memory,
        )
    return table


def main(
    hospitals: Annotated[str, typer.Option(help="Numbers of hospitals, with commas")] = "10,30,60",
    rounds: Annotated[int, typer.Option(min=2)] = 6,
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    network: Annotated[str | None, typer.Option(help="fabric or devnet")] = "devnet",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Measure each number of hospitals in turn, and print a table."""
    console = Console()
    load = os.getloadavg()
    kind = choose_network(network, console)
    measurements: dict[int, Measured] = {}
    for count in map(int, hospitals.split(",")):
        given = {"data": data, "data_dir": data_dir, "hospitals": count, "rounds": rounds}
        options = Options.model_validate(given | {"adversaries": 0, "rule": "strict"})
        measurements[count] = measure(options, kind, console)
    console.print(table_of(measurements))
    least, most = min(measurements), max(measurements)
    console.print(
        f"{most} hospitals against {least}: "
        f"{measurements[most].median / measurements[least].median:.1f} times the seconds, "
        f"{ALLOWED:g} allowed for six times the hospitals"
    )
    if json_file:
        runs = {str(count): measured.as_dict() for count, measured in measurements.items()}
        document = {"processors": os.cpu_count(), "load": load, "network": kind, "hospitals": runs}
        json_file.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
