# SPDX-License-Identifier: Apache-2.0
"""``scripts/experiments NAME``: a grid of trainings on one network, resumable, with a table of all that is done."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medquorum import ConfigError

from .command import run_command
from .network import choose_network, running_network
from .options import Options
from .run import train
from .simulation import simulate

__all__ = ["GRIDS"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Cell = dict[str, Any]
"""Option values that differ from the defaults; ``honest_only`` marks a simulated reference."""

STATIC = {"attack": "static-label", "rule": "strict"}


def _vu() -> dict[str, Cell]:
    """[VU] Fig. 3 and 4: static-label adversaries that change each round, defended and not."""
    cells: dict[str, Cell] = {"none": {"adversaries": 0, **STATIC}}
    for share, undefended in itertools.product((1, 3, 5, 8), (False, True)):
        name = f"{'undefended' if undefended else 'strict'}-{share}0"
        cells[name] = {"adversaries": share, "undefended": undefended, **STATIC}
    return cells


def _attacks() -> dict[str, Cell]:
    """Hold slack and the per-class floor against data poisoning."""
    chosen = itertools.product(("static-label", "label-flip", "random-labels"), ("slack", "floor"))
    return {f"{attack}-{rule}": {"adversaries": 3, "attack": attack, "rule": rule} for attack, rule in chosen}


def _unlike() -> dict[str, Cell]:
    """Hospitals whose data are unlike each other: prefix and strict rule, beside averaging over the honest only."""
    attacks = {"none": (0, "static-label"), "flip-30": (3, "label-flip"), "static-50": (5, "static-label")}
    cells: dict[str, Cell] = {}
    for alpha, (name, (adversaries, attack)) in itertools.product((0.3, 0.1), attacks.items()):
        setting: Cell = {"dirichlet": alpha, "adversaries": adversaries, "attack": attack, "rounds": 16}
        setting |= {"verification_images": 2000}
        cells[f"a{alpha}-{name}-prefix"] = setting | {"rule": "prefix"}
        cells[f"a{alpha}-{name}-strict"] = setting | {"rule": "strict"}
        cells[f"a{alpha}-{name}-honest"] = setting | {"rule": "none", "honest_only": True}
    return cells


GRIDS = {"vu": _vu, "attacks": _attacks, "unlike": _unlike}


@app.command()
def experiments(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(GRIDS)}")],
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "mnist",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, as 0,1,2")] = "0,1,2",
    only: Annotated[str, typer.Option(help="Only cells whose name contains one of these, as none,strict-30")] = "",
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
    """Run a grid of trainings on one network and print its table; run again, it goes on where it ended."""
    if name not in GRIDS:
        raise ConfigError(f"there is no experiment '{name}'", f"Experiments: {', '.join(GRIDS)}")
    console = Console()
    folder = (results / f"{name}-{Path(data).stem}{'-simulated' if in_process else ''}").resolve()
    shared: Cell = {"data": data, "data_dir": data_dir}
    cells = {cell: given for cell, given in GRIDS[name]().items() if any(o in cell for o in only.split(","))}
    due = [(cell, int(seed)) for seed in seeds.split(",") for cell in cells if not _place(folder, cell, seed).exists()]
    simulated = [(cell, seed) for cell, seed in due if in_process or cells[cell].get("honest_only")]
    for cell, seed in simulated:
        given = {key: value for key, value in cells[cell].items() if key != "honest_only"}
        console.print(f"{cell}, seed {seed}: simulated")
        options = Options.model_validate(shared | given | {"seed": seed})
        honest_only = "honest_only" in cells[cell]
        _write(folder, cell, seed, simulate(options, task=_task(name, cell, seed, 1), honest_only=honest_only))
    on_network = [each for each in due if each not in simulated]
    if on_network:
        kind = choose_network(network, console)
        with running_network(directory.resolve(), kind, 10, port_base=port_base) as running:
            for cell, seed in on_network:
                console.print(f"{cell}, seed {seed}")
                options = Options.model_validate(shared | cells[cell] | {"seed": seed})
                # A cell that was cut off left its task half done: its name is not used again.
                attempt = next(n for n in itertools.count(1) if not (folder / f"{cell}-s{seed}-{n}").exists())
                task = _task(name, cell, seed, attempt)
                report = train(options, running, task, folder / f"{cell}-s{seed}-{attempt}", console)
                _write(folder, cell, seed, report.as_dict())
    console.print(_table(name, folder, cells, seeds.split(",")))


def _task(name: str, cell: str, seed: int, attempt: int) -> str:
    """Name a cell's task; the name seeds the training, so that a simulated cell reaches the ledger's model hash."""
    return f"{name}-{cell}-s{seed}-{attempt}".replace(".", "")


def _place(folder: Path, cell: str, seed: str | int) -> Path:
    return folder / f"{cell}-s{seed}.json"


def _write(folder: Path, cell: str, seed: int, result: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = _place(folder, cell, seed).with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.rename(_place(folder, cell, seed))


def _table(name: str, folder: Path, cells: dict[str, Cell], seeds: list[str]) -> Table:
    table = Table(title=f"{name}: final accuracy per seed; sums over rounds and seeds")
    for heading in ("cell", "accuracy", "mean", "poisoned accepted", "honest refused", "s / round"):
        table.add_column(heading)
    for cell in cells:
        found = list(_results(folder, cell, seeds))
        if not found:
            continue
        finals = [result["final_accuracy"] for result in found]
        poisoned = sum(result["poisoned_accepted"] for result in found)
        honest = sum(result["honest_refused"] for result in found)
        all_poisoned = poisoned + sum(result["poisoned_refused"] for result in found)
        all_honest = honest + sum(result["honest_accepted"] for result in found)
        rounds = [item["seconds"] for result in found for item in result.get("rounds", [])]
        table.add_row(
            cell,
            " ".join(f"{final:.1%}" for final in finals),
            f"{sum(finals) / len(finals):.1%}",
            f"{poisoned} of {all_poisoned}",
            f"{honest} of {all_honest}",
            f"{sum(rounds) / len(rounds):.1f}" if rounds else "simulated",
        )
    return table


def _results(folder: Path, cell: str, seeds: list[str]) -> Iterator[dict[str, Any]]:
    for seed in seeds:
        if _place(folder, cell, seed).exists():
            yield json.loads(_place(folder, cell, seed).read_text())


if __name__ == "__main__":
    run_command(app)
