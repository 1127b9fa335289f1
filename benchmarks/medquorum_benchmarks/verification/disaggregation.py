# SPDX-License-Identifier: Apache-2.0
"""What public models and weights of many rounds tell of single hospitals' updates, by least squares.

``scripts/bench disaggregation [--data mnist --data-dir DIR] [--alpha 0.3] [--rounds 10] [--json FILE]``. The rule is
``direction``. The observer takes each hospital's step for the same in all rounds, but for a length that all have in
common: then the rounds are linear equations, with the public weights as coefficients. It solves them around the mean.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from medquorum.clients.training.parameters import flatten
from medquorum.core.rules import WEIGHT_BITS
from medquorum_federation.command import run_main
from medquorum_federation.study.cell import Cell
from medquorum_federation.study.simulated.attackers import Hospitals
from medquorum_federation.study.simulated.federation import UNIT, Federation, Floats
from medquorum_federation.study.simulated.ledger_rules import direction_verdicts, weighed

__all__ = ["Recovered", "Watched", "recover", "score", "watch"]

RIDGES = tuple(10.0**power for power in range(-6, 3))
"""How much a step that differs from the mean is taken to be noise; the best for the observer is shown."""


@dataclass(frozen=True)
class Watched:
    """A training: what everybody sees, and what is hidden.

    Attributes
    ----------
    weights
        Array of float64 (rounds, hospitals).
        The ledger's weights, those of a whole step adding up to 1.
    changes
        Array of float64 (rounds, parameters).
        Each model less its base.
    steps
        Array of float64 (rounds, hospitals, parameters).
        Each update less its base: hidden.
    """

    weights: Floats
    changes: Floats
    steps: Floats


@dataclass(frozen=True)
class Recovered:
    """Cosines of what is found of one hospital.

    Attributes
    ----------
    step
        Of the estimate with the hospital's true steps' mean.
    anybody
        Of the mean of all, which needs no attack, with the same.
    own
        Of what the estimate has besides that mean with what the hospital's steps have besides all hospitals'.
    """

    hospital: str
    step: float
    anybody: float
    own: float


def watch(cell: Cell, data_dir: Path | None) -> Watched:
    """Train under the rule ``direction``."""
    federation = Federation(cell.federation, data_dir)
    hospitals, base = Hospitals(cell, federation), federation.first
    nothing = np.zeros(len(flatten(base)))
    weights, changes, steps = [], [], []
    for number in range(1, cell.rounds + 1):
        view = hospitals.view(number, base, dict.fromkeys(federation.shards, nothing), nothing)
        given = {verdict.name: verdict.weight or 0 for verdict in direction_verdicts(view)}
        model = weighed(view, given)
        weights.append([given[name] / (1 << WEIGHT_BITS) for name in view.updates])
        changes.append((flatten(model) - flatten(base)) / UNIT)
        steps.append(view.steps)
        base = model
    return Watched(np.array(weights), np.array(changes), np.array(steps))


def recover(weights: Floats, changes: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Return the mean step (parameters,) and each hospital's (hospitals, parameters), in units of a round's length.

    With d_k = m + e_k the rounds are A = W·e, where A is each round's change less its weights' sum times m. Of all e
    the one is taken with the least |A - W·e|² + ridge·|e|².
    """
    totals = weights.sum(axis=1)
    held = totals > 0
    lengths = np.linalg.norm(changes[held], axis=1) / totals[held]
    coefficients, rows = weights[held], changes[held] / lengths[:, np.newaxis]
    mean = rows.sum(axis=0) / totals[held].sum()
    rest = rows - totals[held][:, np.newaxis] * mean
    normal = coefficients.T @ coefficients + ridge * np.eye(weights.shape[1])
    return mean, mean + np.linalg.solve(normal, coefficients.T @ rest)


def score(watched: Watched, ridge: float) -> list[Recovered]:
    """Hold what is recovered against the hidden steps."""
    mean, found = recover(watched.weights, watched.changes, ridge)
    lengths = np.linalg.norm(watched.steps, axis=2, keepdims=True)
    true = (watched.steps / lengths).mean(axis=0)
    return [
        Recovered(
            f"Hospital{number}",
            _cosine(found[number - 1], true[number - 1]),
            _cosine(mean, true[number - 1]),
            _cosine(found[number - 1] - found.mean(axis=0), true[number - 1] - true.mean(axis=0)),
        )
        for number in range(1, len(true) + 1)
    ]


def best(watched: Watched) -> list[Recovered]:
    """Return the scores of the ridge that serves the observer best, which it cannot know."""
    return max((score(watched, ridge) for ridge in RIDGES), key=lambda scores: sum(one.own for one in scores))


def _cosine(first: Floats, second: Floats) -> float:
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / size if size else 0.0


def main(
    data: Annotated[str, typer.Option(help="digits, mnist, or a MedMNIST name")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    alpha: Annotated[float, typer.Option(help="Of a Dirichlet dealing; 0 deals evenly")] = 0.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds watched")] = 10,
    seed: Annotated[int, typer.Option(help="Of data and training")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Print what least squares recover of each hospital's updates from public weights and models."""
    cell = Cell(data=data, alpha=alpha or None, rounds=rounds, seed=seed, verification=300)
    scores = best(watch(cell, data_dir))
    table = Table(title=f"{data}, {cell.hospitals} hospitals, {rounds} rounds: cosines with the true updates")
    for heading in ("hospital", "recovered", "the models' own step", "what is its own, recovered"):
        table.add_column(heading, justify="right")
    for one in scores:
        table.add_row(one.hospital, f"{one.step:.2f}", f"{one.anybody:.2f}", f"{one.own:.2f}")
    columns = zip(*((one.step, one.anybody, one.own) for one in scores), strict=True)
    table.add_row("mean", *(f"{np.mean(column):.2f}" for column in columns))
    Console().print(table)
    if json_file:
        rows = [asdict(one) for one in scores]
        json_file.write_text(json.dumps({"cell": cell.model_dump(mode="json"), "hospitals": rows}, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
