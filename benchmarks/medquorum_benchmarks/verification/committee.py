# SPDX-License-Identifier: Apache-2.0
"""How often a drawn committee of verifiers is wrong or stuck, and what it saves: the numbers behind the page on scale.

``scripts/bench committee [--verifiers 15] [--lying 3] [--trials 200000] [--seed 0] [--json FILE]``. Each update has a
committee of its own, drawn evenly; a verdict needs a majority of it. The exact chance (hypergeometric) is printed
beside what the seeded draws gave.
"""

from __future__ import annotations

import json
from math import comb
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from medquorum_federation.command import run_main

SIZES = (3, 5, 7, 9, 11, 15)
HOSPITALS = (10, 100, 1000)


def chance(verifiers: int, lying: int, size: int) -> float:
    """Return the chance that a majority of a committee of ``size`` out of the verifiers lies."""
    worst = min(size, lying)
    cases = sum(comb(lying, bad) * comb(verifiers - lying, size - bad) for bad in range(size // 2 + 1, worst + 1))
    return cases / comb(verifiers, size)


def drawn(verifiers: int, lying: int, size: int, trials: int, generator: np.random.Generator) -> float:
    """Return the share of drawn committees in which a majority lies."""
    bad = generator.hypergeometric(lying, verifiers - lying, size, trials)
    return float(np.mean(bad > size // 2))


def main(
    verifiers: Annotated[int, typer.Option(min=1, help="Verifiers of the consortium")] = 15,
    lying: Annotated[int, typer.Option(min=0, help="How many of them lie together")] = 3,
    trials: Annotated[int, typer.Option(min=1, help="Committees to draw")] = 200_000,
    seed: Annotated[int, typer.Option(help="Of the draws")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Print a row for each size of a committee."""
    generator = np.random.default_rng(seed)
    table = Table(title=f"Committees out of {verifiers} verifiers, {lying} of whom lie together")
    for heading in ("committee", "a majority lies", "drawn", *(f"evaluations each, {h} hospitals" for h in HOSPITALS)):
        table.add_column(heading, justify="right")
    rows = []
    for size in (members for members in SIZES if members <= verifiers):
        exact, frequency = chance(verifiers, lying, size), drawn(verifiers, lying, size, trials, generator)
        loads = [round(hospitals * size / verifiers, 1) for hospitals in HOSPITALS]
        rows.append({"committee": size, "chance": exact, "drawn": frequency, "evaluations": loads})
        table.add_row(str(size), f"{exact:.2%}", f"{frequency:.2%}", *(f"{load:g}" for load in loads))
    Console().print(table)
    if json_file:
        json_file.write_text(json.dumps({"seed": seed, "trials": trials, "committees": rows}, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
