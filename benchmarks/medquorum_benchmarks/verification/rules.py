# SPDX-License-Identifier: Apache-2.0
"""What judging a round costs a plain verifier under each rule: models evaluated and processor seconds, one thread.

Each update is the base moved along one random step with noise of its own, and so is the root update. What the rule
``direction`` evaluates depends little on what the images say: nine models at most, with drops 22 of ten updates. Its
root's training comes beside the hospitals' and is not in these seconds.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from medquorum.clients.admin.tasks import DROPS
from medquorum.core.aggregate import aggregate
from medquorum.core.combination import Combination
from medquorum.core.fixedpoint import encode
from medquorum.core.inference import Program, compile_model, compile_scaled, count_correct
from medquorum.core.model import Kind, ModelDescription, Tensors, catalogue, layout, parse
from medquorum.core.rules import (
    WEIGHT_BITS,
    Candidate,
    Direction,
    LossJudge,
    RootUpdate,
    Weights,
    counting_rule,
    judge,
    judge_direction,
    margin_loss,
)

HALF = {"lambda_numerator": 1, "lambda_bits": 1}


@dataclass
class Round:
    """A round's models and the verification set, with a count of the models that were evaluated."""

    description: ModelDescription
    base: Tensors
    root: Tensors
    updates: Mapping[str, Tensors]
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    evaluated: int = field(default=0)

    def counted(self, program: Program) -> Program:
        """Count a model and return it."""
        self.evaluated += 1
        return program

    def correct(self, base: Tensors, update: Tensors | None = None) -> Any:
        """Return accuracy counts of a model, or of the mixture."""
        program = compile_model(self.description, base, update, **(HALF if update is not None else {}))
        return count_correct(self.counted(program), self.images, self.labels)

    def by_counts(self, rule: str) -> None:
        """Judge by ``strict`` or ``prefix``."""
        document: dict[str, object] = {"name": rule} | ({"slack": 5} if rule == "prefix" else {})
        candidates = [Candidate(name, mixed=self.correct(self.base, update)) for name, update in self.updates.items()]

        def together(names: Sequence[str]) -> Any:
            return self.correct(aggregate(self.description, self.base, (self.updates[n] for n in names), **HALF))

        judge(counting_rule(document), self.correct(self.base), candidates, aggregate_counts=together)

    def by_direction(self, drops: int) -> None:
        """Judge by ``direction`` that drops so many at most."""
        rule = Direction(name="direction", drops=drops)
        root = RootUpdate(self.description, self.base, self.root)
        candidates = [Candidate(name, levels=root.levels(update)) for name, update in self.updates.items()]

        def loss(weights: Weights) -> int:
            program = compile_model(self.description, self.base)
            if weights:
                combination = Combination(self.description, self.base, dict(weights))
                for name in combination.names:
                    combination.add(name, self.updates[name])
                program = compile_scaled(self.description, combination.scaled, WEIGHT_BITS)
            return margin_loss(rule, self.counted(program), self.images, self.labels)

        judge_direction(rule, candidates, full=1 << (WEIGHT_BITS - 1), judge=LossJudge(loss))


def drawn(description: ModelDescription, random: np.random.Generator, deviation: float) -> Tensors:
    """Return parameters as large as trained ones times ``deviation``; those that have to be positive are about 1."""
    result = {}
    for spec in layout(description):
        near = 1.0 if spec.kind in (Kind.GAMMA, Kind.SCALE) else 0.0
        width = deviation * (spec.size // spec.shape[0]) ** -0.5
        result[spec.name] = encode(random.normal(near, min(width, 0.1), spec.shape)).astype(np.int32)
    return result


def made(model: str, hospitals: int, images: int) -> Round:
    """Return a round of a catalogue's model on 28x28 images of 10 classes."""
    description, random = parse(catalogue.describe(model, (1, 28, 28), 10)), np.random.default_rng(0)
    base, step = (drawn(description, random, deviation) for deviation in (1.0, 0.05))

    def moved() -> Tensors:
        noise = drawn(description, random, 0.05)
        positive = {spec.name for spec in layout(description) if spec.kind in (Kind.GAMMA, Kind.SCALE)}
        return {
            name: values if name in positive else (values + step[name] + noise[name] // 2).astype(np.int32)
            for name, values in base.items()
        }

    updates = {f"Hospital{number:02}MSP": moved() for number in range(1, hospitals + 1)}
    pixels = random.integers(0, 256, (images, 28, 28), dtype=np.uint8)
    return Round(description, base, moved(), updates, pixels, np.arange(images) % 10)


def measure(model: str, hospitals: int, images: int) -> list[dict[str, Any]]:
    """Return a row for each rule."""
    round_ = made(model, hospitals, images)
    judges: dict[str, Callable[[], None]] = {
        "strict": lambda: round_.by_counts("strict"),
        "prefix": lambda: round_.by_counts("prefix"),
        "direction, no drops": lambda: round_.by_direction(0),
        "direction": lambda: round_.by_direction(DROPS),
    }
    rows = []
    for rule, judged in judges.items():
        round_.evaluated, started = 0, process_time()
        judged()
        seconds = process_time() - started
        rows.append({"model": model, "rule": rule, "models_evaluated": round_.evaluated, "seconds": round(seconds, 3)})
    return rows


def main() -> None:
    """Print a table and, with ``--json FILE``, write the rows."""
    parser = argparse.ArgumentParser("scripts/bench rules", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=tuple(catalogue.MODELS), action="append", help="default: all")
    parser.add_argument("--hospitals", type=int, default=10)
    parser.add_argument("--images", type=int, default=256)
    options = parser.parse_args()
    rows = [
        row for name in options.model or catalogue.MODELS for row in measure(name, options.hospitals, options.images)
    ]
    table = Table(
        *(name.replace("_", " ") for name in rows[0]),
        title=f"Judging a round of {options.hospitals} updates on {options.images} images, 28x28, one thread",
    )
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
    if options.json:
        about = {"threads": 1, "hospitals": options.hospitals, "images": options.images}
        options.json.write_text(json.dumps(about | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
