# SPDX-License-Identifier: Apache-2.0
"""``scripts/experiments rules --ledger``: cells once more on a network, which has to end in the study's models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from medquorum.clients.attacks.catalogue import ATTACKS, FOLLOWERS
from medquorum.errors import CheckFailed

from ..checks import check_runs
from ..network import check_folder, running_network
from ..options import Options
from ..processes.forking import RoleZygote
from ..reporting.report import Report
from ..run import train
from .cell import Cell
from .results import Results
from .simulated.ledger_rules import LEDGER_RULES

__all__ = ["has_ledger", "options_of", "repeat"]


def has_ledger(cell: Cell) -> bool:
    """Return whether a network can run a cell: its rule is the ledger's, and nobody knows others' updates in time."""
    usual = (cell.root, cell.constants) == ("clean", ())
    alone = cell.attack is None or (cell.attack in ATTACKS and cell.attack not in FOLLOWERS)
    return usual and alone and cell.rule in ("direction", *LEDGER_RULES)


def options_of(cell: Cell, data_dir: Path | None, max_bytes: int | None = None) -> Options:
    """Return a cell as the quickstart's options."""
    same = ("data", "model", "hospitals", "rounds", "epochs", "batch", "limit", "mix", "rule", "seed")
    return Options.model_validate(
        {name: getattr(cell, name) for name in same}
        | {
            "data_dir": data_dir,
            "max_bytes": max_bytes,
            "dirichlet": cell.alpha,
            "verification_images": cell.verification,
        }
        | {"adversaries": cell.attackers, "adversary_set": "fixed", "flip": (1, 0)}
        | ({"attack": cell.attack} if cell.attack else {})
    )


def repeat(
    cells: Sequence[Cell],
    kind: str,
    data_dir: Path | None,
    results: Results,
    console: Console,
    max_bytes: int | None = None,
) -> None:
    """Run cells on a new network each, since a task's name seeds its training and is there once.

    Parameters
    ----------
    kind
        ``fabric`` or ``devnet``.
    results
        Those of the cells; each has one.
    max_bytes
        The most a data file may hold, unpacked.

    Raises
    ------
    CheckFailed
        A model's hash is not the study's, once all cells have run.
    """
    differing = []
    for cell in cells:
        expected = (results.read(cell) or {})["model_hash"]
        found = _on_network(options_of(cell, data_dir, max_bytes), cell.task, kind, console).model_hash
        word = "equal" if found == expected else "DIFFERENT"
        console.print(f"{cell.name} s{cell.seed}: study {expected}, {kind} {found}: {word}", soft_wrap=True)
        if found != expected:
            differing.append(f"{cell.name} s{cell.seed}")
    if differing:
        raise CheckFailed(
            f"the ledger ends in other models: {', '.join(differing)}",
            "Compare processors and releases: both trainings have to run on machines alike",
            check="model",
        )


def _on_network(options: Options, task: str, kind: str, console: Console) -> Report:
    with ExitStack() as held:
        place = Path(held.enter_context(TemporaryDirectory(prefix="medquorum-")))
        directory = place / "network"
        check_runs([options], kind, directory, check_folder(directory, kind, options.hospitals))
        zygote = held.enter_context(RoleZygote())
        network = held.enter_context(running_network(directory, kind, options.hospitals))
        return train(options, network, task, place / "run", console, zygote)
