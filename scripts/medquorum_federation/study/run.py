# SPDX-License-Identifier: Apache-2.0
"""Runs a grid cell by cell, those of one federation one after the other, and says how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .cell import Cell
from .results import Results
from .simulated.federation import Federation
from .simulated.training import run_cell

__all__ = ["run_grid"]


def run_grid(
    cells: Sequence[Cell], data_dir: Path | None, results: Results, console: Console, max_bytes: int | None = None
) -> None:
    """Compute the cells that have no result yet; ``max_bytes`` is the most a data file may hold, unpacked.

    Another process may compute the same grid beside this one, with other seeds or another ``--only``.
    """
    federation: Federation | None = None
    held: Cell | None = None
    due = [cell for cell in cells if results.read(cell) is None]
    started = time.monotonic()
    for done, cell in enumerate(due):
        if results.place(cell).exists():
            continue
        if federation is None or cell.federation != held:
            federation, held = Federation(cell.federation, data_dir, max_bytes), cell.federation
        result = run_cell(cell, federation)
        results.write(cell, result)
        left = (time.monotonic() - started) / (done + 1) * (len(due) - done - 1)
        console.print(
            f"{done + 1}/{len(due)} {cell.name} s{cell.seed}: {result['final_accuracy']:.1%}, "
            f"{result['cpu']:.0f} s of processor, {left / 60:.0f} minutes left",
            soft_wrap=True,
        )
