# SPDX-License-Identifier: Apache-2.0
"""Tree against FSS on a wide-area link: P0, P1 and dealer on three hosts of their own (network namespaces, needs root).

Each pair of rows is one verification of two batches: on loopback, and on links of the given delay and rate. "Keys in
place": the dealer's material was there before. "Dealer on the link": all of it comes while the parties work. The
crossover follows from loopback seconds, rounds and bytes: a link adds half its round trip for every round, because
both parties send at once, and the bytes over its rate.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from medquorum.core.model import catalogue
from medquorum.verifier.comparison.backends import Comparing
from medquorum_benchmarks.verification.peers import ours
from medquorum_benchmarks.verification.peers.hosts import Hosts
from medquorum_benchmarks.verification.peers.networks import Network
from medquorum_federation.command import run_command

BACK_ENDS: tuple[Comparing, ...] = ("tree", "fss")
FARTHEST = 1.0
"""Seconds of round trip."""
Row = dict[str, Any]


def predicted(row: Row, round_trip: float, rate: float, *, dealer: bool) -> float:
    """Return the seconds of an image on a link, from its costs on loopback; a party sends and receives at once."""
    waiting = row["rounds"] * round_trip / 2 / (2 * row["evaluated"])  # two batches wait at once
    line = row["online_s"] + waiting + row["wire_bytes"] / 2 * 8 / rate
    return float(max(line, row["dealer_bytes"] * 8 / rate) if dealer else line)


def fss_wins(tree: Row, fss: Row, rate: float, *, dealer: bool) -> tuple[float, float] | None:
    """Return the shortest and longest round trip (s), up to `FARTHEST`, at which FSS is faster at a rate (bit/s).

    FSS has fewer rounds, but where its material is large also smaller batches, so that more of them wait.
    """
    trips = (step / 1e4 for step in range(int(FARTHEST * 1e4) + 1))
    won = [
        trip for trip in trips if predicted(fss, trip, rate, dealer=dealer) < predicted(tree, trip, rate, dealer=dealer)
    ]
    return (won[0], won[-1]) if won else None


def measure(options: argparse.Namespace) -> list[Row]:
    """Measure every model, batch and back end on loopback and on the link."""
    rows = []
    for name in options.model or ("mlp", "lenet"):
        network = Network(name)
        for batch in options.batch or (1, 32):
            for back_end in BACK_ENDS:
                common = {"model": name, "batch": batch, "load": round(os.getloadavg()[0], 2)}
                near = common | {"link": "loopback"} | ours.measure(network, back_end, batch, 1)
                with Hosts(3, delay=options.delay / 2000, rate=options.rate * 1e6) as hosts:
                    link = f"{options.delay:g} ms, {options.rate:g} Mbit/s"
                    far = common | {"link": link} | ours.measure(network, back_end, batch, 1, hosts)
                far["predicted_s"] = predicted(near, options.delay / 1e3, options.rate * 1e6, dealer=False)
                rows += [near, far]
    return rows


def crossovers(rows: list[Row], rate: float) -> list[Row]:
    """Return for each model and batch the round trips at which FSS wins, keys in place and with the dealer's link."""
    near = {(row["model"], row["batch"], row["who"]): row for row in rows if row["link"] == "loopback"}
    return [
        {
            "model": model,
            "batch": batch,
            "keys_in_place_s": fss_wins(row, near[model, batch, "ours, fss"], rate, dealer=False),
            "dealer_on_link_s": fss_wins(row, near[model, batch, "ours, fss"], rate, dealer=True),
        }
        for (model, batch, who), row in near.items()
        if who == "ours, tree"
    ]


def show(rows: list[Row], crossing: list[Row], console: Console) -> None:
    """Print both tables."""
    heads = ("model", "batch", "who", "link", "keys in place ms", "predicted ms", "whole, dealer on the link s")
    table = Table(*heads, "rounds", "wire MB", "dealer MB", title="Per image; whole: one verification, model and batch")
    for row in rows:
        table.add_row(
            row["model"],
            str(row["batch"]),
            row["who"],
            row["link"],
            f"{row['online_s'] * 1e3:.2f}",
            f"{row['predicted_s'] * 1e3:.2f}" if "predicted_s" in row else "",
            f"{row['whole_s']:.2f}",
            str(row["rounds"]),
            f"{row['wire_bytes'] / 1e6:.3f}",
            f"{row['dealer_bytes'] / 1e6:.3f}",
        )
    console.print(table)
    for row in crossing:
        texts = [
            f"{what}: {_span(row[field])}"
            for what, field in (("keys in place", "keys_in_place_s"), ("dealer on the link", "dealer_on_link_s"))
        ]
        console.print(f"FSS beats tree, {row['model']} batch {row['batch']}, {'; '.join(texts)} of round trip")


def _span(won: tuple[float, float] | None) -> str:
    if won is None:
        return "never"
    first, last = (1e3 * seconds for seconds in won)
    return f"from {first:.1f} ms" if won[1] == FARTHEST else f"from {first:.1f} to {last:.1f} ms"


def main() -> None:
    """Measure, print and, with ``--json FILE``, write the rows."""
    parser = argparse.ArgumentParser(
        "scripts/bench wan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=tuple(catalogue.MODELS), action="append", help="default: mlp, lenet")
    parser.add_argument("--batch", type=int, action="append", help="default: 1, 32")
    parser.add_argument("--delay", type=float, default=40, help="round trip in ms (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=100, help="Mbit/s out of each host (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if os.geteuid() != 0:
        parser.error("network namespaces need root: run it with sudo -E")
    rows = measure(options)
    crossing = crossovers(rows, options.rate * 1e6)
    show(rows, crossing, Console(width=180))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "crossovers": crossing}, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
