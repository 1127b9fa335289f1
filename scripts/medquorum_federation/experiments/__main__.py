# SPDX-License-Identifier: Apache-2.0
"""``scripts/experiments NAME``: a grid of trainings on one network, resumable, with a table and a plot."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import sample

from ..checks import check_runs
from ..command import run_command, seed_list
from ..network import check_folder, choose_network, running_network, trial_folder
from ..options import MODELS, Options, first_message
from ..processes.forking import RoleZygote
from ..run import train
from .comparison import console_table, markdown, plot_curves
from .grids import GRIDS, Cell

HOSPITALS = 10

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def experiments(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(GRIDS)}; or rules: see rules --help")],
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "mnist",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, as 0,1,2")] = "0,1,2",
    only: Annotated[str, typer.Option(help="Only cells whose name contains one of these, as none,strict-30")] = "",
    model: Annotated[str | None, typer.Option(help=f"Instead of the grid's model: {', '.join(MODELS)}")] = None,
    rounds: Annotated[int | None, typer.Option(help="Instead of the grid's rounds")] = None,
    limit: Annotated[int | None, typer.Option(help="Use at most so many training images")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="The most a data file may hold, unpacked")] = None,
    verification_images: Annotated[int | None, typer.Option(help="Private images, instead of the grid's")] = None,
    verification: Annotated[str | None, typer.Option(help="plain or encrypted")] = None,
    placement: Annotated[str | None, typer.Option(help="Encrypted: outsourced or smv-semi-honest")] = None,
    in_process: Annotated[
        bool, typer.Option("--simulate", help="In this process, without a network: the same integers, far sooner")
    ] = False,
    network: Annotated[str | None, typer.Option(help="fabric or devnet; by default fabric when found")] = None,
    directory: Annotated[Path, typer.Option("--dir", help="The network's folder")] = Path("medquorum-network"),
    results: Annotated[Path, typer.Option(help="Folder for results; cells found there are not run again")] = Path(
        "results"
    ),
    port_base: Annotated[int | None, typer.Option(help="First port of the network")] = None,
) -> None:
    """Run a grid of trainings on one network, write its table and plot; run again, it goes on where it ended."""
    if name not in GRIDS:
        raise ConfigError(f"there is no experiment '{name}'", f"Experiments: {', '.join(GRIDS)}, rules")
    console = Console()
    changed = {"model": model, "rounds": rounds, "limit": limit, "verification_images": verification_images}
    changed |= {"verification": verification, "placement": placement}
    instead = {field: value for field, value in changed.items() if value is not None}
    kind = "simulated" if in_process else ""
    # What differs from the grid is in the folder's name: results of other settings are not taken for these.
    parts = [name, Path(data).stem, *(str(value) for value in instead.values()), kind]
    folder = (results / "-".join(part for part in parts if part)).resolve()
    cells = {cell: given | instead for cell, given in GRIDS[name]().items()}
    grid = _Grid(name, folder, {"data": data, "data_dir": data_dir, "max_bytes": max_bytes}, cells, console)
    wanted = [cell for cell in cells if any(part in cell for part in only.split(","))]
    if not wanted:
        raise ConfigError(f"no cell's name contains {only}", f"Cells: {', '.join(cells)}")
    chosen = seed_list(seeds)
    due = [(cell, seed) for seed in chosen for cell in wanted if not grid.place(cell, seed).exists()]
    simulated = [(cell, seed) for cell, seed in due if in_process or "reference" in cells[cell]]
    on_network = [each for each in due if each not in simulated]
    chosen_kind = choose_network(network, console) if on_network else "devnet"
    with ExitStack() as held:
        place, consortium = directory.resolve(), sample("quickstart", hospitals=HOSPITALS)
        if on_network:
            place = held.enter_context(trial_folder(place))
            consortium = check_folder(place, chosen_kind, HOSPITALS, port_base)
        check_runs((grid.options(cell, seed) for cell, seed in due), chosen_kind, place, consortium)
        for cell, seed in simulated:
            grid.simulate(cell, seed)
        if on_network:
            zygote = held.enter_context(RoleZygote())
            running = held.enter_context(running_network(place, chosen_kind, HOSPITALS, port_base=port_base))
            for cell, seed in on_network:
                grid.train(running, zygote, cell, seed)
    grid.conclude(chosen)


class _Grid:
    """The cells of an experiment and the folder of their results."""

    def __init__(self, name: str, folder: Path, shared: Cell, cells: dict[str, Cell], console: Console) -> None:
        self._name = name
        self._folder = folder
        self._shared = shared
        self._cells = cells
        self._console = console
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, cell: str, seed: int) -> Path:
        """Return the file of a cell's result."""
        return self._folder / f"{cell}-s{seed}.json"

    def simulate(self, cell: str, seed: int) -> None:
        """Run a cell in this process."""
        from ..simulation import simulate  # torch takes seconds to import

        self._console.print(f"{cell}, seed {seed}: simulated")
        reference = self._cells[cell].get("reference")
        self._write(cell, seed, simulate(self.options(cell, seed), task=self._task(cell, seed, 1), reference=reference))

    def train(self, running: Any, zygote: RoleZygote, cell: str, seed: int) -> None:
        """Run a cell on the network."""
        self._console.print(f"{cell}, seed {seed}")
        # A cell that was cut off left its task half done: its name is not used again.
        attempt = next(n for n in itertools.count(1) if not self._attempt(cell, seed, n).exists())
        task = self._task(cell, seed, attempt)
        folder = self._attempt(cell, seed, attempt)
        report = train(self.options(cell, seed), running, task, folder, self._console, zygote)
        self._write(cell, seed, report.as_dict())

    def conclude(self, seeds: list[int]) -> None:
        """Print the table of all that is done; write it and the plot into the folder."""
        cell_results = {
            cell: [json.loads(self.place(cell, seed).read_text()) for seed in seeds if self.place(cell, seed).exists()]
            for cell in self._cells
        }
        title = self._folder.name
        self._console.print(console_table(title, cell_results))
        (self._folder / "table.md").write_text(markdown(title, cell_results))
        plot_curves(title, cell_results, self._folder / "accuracy.png")
        self._console.print(f"Table: {self._folder / 'table.md'}   plot: {self._folder / 'accuracy.png'}")

    def options(self, cell: str, seed: int) -> Options:
        """Return a cell's options, checked."""
        given = {key: value for key, value in self._cells[cell].items() if key != "reference"}
        try:
            return Options.model_validate(self._shared | given | {"seed": seed})
        except ValidationError as error:
            raise ConfigError(f"cell {cell}: {first_message(error)}", "See --help for the options") from error

    def _attempt(self, cell: str, seed: int, number: int) -> Path:
        return self._folder / f"{cell}-s{seed}-{number}"

    def _task(self, cell: str, seed: int, attempt: int) -> str:
        """Name a cell's task; the name seeds the training, so that a simulated cell reaches the ledger's model hash."""
        return f"{self._name}-{cell}-s{seed}-{attempt}".replace(".", "")

    def _write(self, cell: str, seed: int, result: dict[str, Any]) -> None:
        part = self.place(cell, seed).with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        part.rename(self.place(cell, seed))


if __name__ == "__main__":
    run_command(app, "scripts/experiments")
