# SPDX-License-Identifier: Apache-2.0
"""``scripts/experiments rules``: attacks, rules and published defences, resumable, with tables and a figure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from medquorum.errors import ConfigError

from ..command import run_command, seed_list
from ..network import choose_network
from .cell import Cell
from .grids import DATA, GRIDS
from .ledger import has_ledger, repeat
from .reporting.figures import draw
from .reporting.tables import report
from .results import Results
from .run import run_grid

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
STAND_IN = "pneumoniamnist"
"""Whose model and rounds data named with --data are trained with."""


@app.command()
def rules(
    grid: Annotated[str, typer.Option(help=f"One of: {', '.join(GRIDS)}")] = "small",
    data_dir: Annotated[
        Path | None, typer.Option(help=f"Folder of MNIST's idx files and of {', '.join(DATA)} as .npz files")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Instead of the grid's sets: a MedMNIST name or an .npz file of that layout")
    ] = None,
    max_bytes: Annotated[int | None, typer.Option(help="The most a data file may hold, unpacked")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, as 0,1,2")] = "0,1,2",
    only: Annotated[str, typer.Option(help="Only cells whose name contains one of these, as mnist-iid,badnets")] = "",
    tables: Annotated[
        bool, typer.Option("--tables", help="Compute nothing: tables and figure of what is done")
    ] = False,
    ledger: Annotated[
        str | None, typer.Option(help="Then run those that a ledger can on it: fabric or devnet; compare model hashes")
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder for results; cells found there are not run again")] = Path(
        "results"
    ),
) -> None:
    """Train under each rule and published defence, in one process; run again, it goes on where it ended."""
    if grid not in GRIDS:
        raise ConfigError(f"there is no grid '{grid}'", f"Grids: {', '.join(GRIDS)}")
    if ledger not in (None, "fabric", "devnet"):
        raise ConfigError(f"there is no ledger '{ledger}'", "Give --ledger fabric or devnet")
    cells = [cell for cell in _cells(grid, seed_list(seeds), data) if is_named(cell.name, only)]
    if not cells:
        raise ConfigError(f"no cell of the grid {grid} has one of '{only}' in its name", "Leave --only away to see all")
    console, folder = Console(), (results / "rules").resolve()
    kept = Results(folder)
    if not tables:
        run_grid(cells, data_dir, kept, console, max_bytes)
    trainings = [(cell, result) for cell in cells if (result := kept.read(cell)) is not None]
    if not trainings:
        raise ConfigError("no cell is done", "Run without --tables first")
    (folder / f"{grid}.md").write_text(report(f"rules, grid {grid}", trainings))
    draw(trainings, folder / f"{grid}.png")
    console.print(f"Tables: {folder / grid}.md   figure: {folder / grid}.png", soft_wrap=True)
    if ledger is not None:
        repeat(
            [cell for cell, _ in trainings if has_ledger(cell)],
            choose_network(ledger, console),
            data_dir,
            kept,
            console,
            max_bytes,
        )


def is_named(name: str, only: str) -> bool:
    """Return whether a cell's name has one of the parts, from the beginning of a word on; no part is any name."""
    return not only or any(f"-{part}" in f"-{name}" for part in only.split(","))


def _cells(grid: str, seeds: list[int], data: str | None) -> Iterable[Cell]:
    """Return a grid's cells, each once; of another data set those that the stand-in's would be."""
    cells: Iterable[Cell] = dict.fromkeys(GRIDS[grid](seeds))
    if data is None:
        return cells
    return [cell.model_copy(update={"data": data}) for cell in cells if cell.data == STAND_IN]


if __name__ == "__main__":
    run_command(app, "scripts/experiments rules")
