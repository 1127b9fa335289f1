# SPDX-License-Identifier: Apache-2.0
"""The encrypted evaluation's own costs, dealer and both parties as threads of one process: no sockets, no TLS.

Processor time of each role's thread, so that the roles' sharing of cores does not count; bytes and rounds are exact.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from medquorum.core.fixedpoint import encode
from medquorum.core.model import Kind, TensorSpec, catalogue, layout, parse
from medquorum.verifier.arithmetic.kernels.library import path_in_use
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.session.local import Inputs, measure

BACK_ENDS: dict[str, Callable[[], Comparison]] = {"tree": Tree, "fss": lambda: Fss(b"benchmark")}
BATCHES = {"tree": (1, 8, 32, 128), "fss": (1, 8, 32)}


def parameters(specs: tuple[TensorSpec, ...]) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """Draw a model of the size of a trained one."""
    rng = np.random.default_rng(0)
    result = {}
    for spec in specs:
        fan = spec.size // spec.shape[0]
        centre, width = (1.0, 0.1) if spec.kind in (Kind.GAMMA, Kind.SCALE) else (0.0, fan**-0.5)
        result[spec.name] = encode(rng.normal(centre, width, spec.shape))
    return result


def rows(model: str, back_end: str, batch: int) -> dict[str, Any]:
    """Verify one update on one batch of 28x28 images and return the costs."""
    description = parse(catalogue.describe(model, (1, 28, 28), 10))
    specs = layout(description)
    base = parameters(specs)
    plan = make_plan(description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    flat = np.concatenate([base[spec.name].reshape(-1) for spec in specs])
    rng = np.random.default_rng(1)
    inputs = Inputs(
        base,
        flat,
        rng.integers(0, 256, (batch, 28, 28), dtype=np.uint8),
        rng.integers(0, 10, batch),
        batch,
    )
    report = measure(plan, inputs, BACK_ENDS[back_end])
    first, second = (outcome.batches for outcome in report.outcomes)
    once = [outcome.model for outcome in report.outcomes]
    return {
        "model": model,
        "back_end": back_end,
        "batch": batch,
        "p0_ms": round(first.processor / batch * 1e3, 3),
        "p1_ms": round(second.processor / batch * 1e3, 3),
        "dealer_ms": round(report.batches.processor / batch * 1e3, 3),
        "wire_kb": round((first.sent + second.sent) / batch / 1e3, 1),
        "dealer_kb": round(report.batches.material / batch / 1e3, 1),
        "rounds": first.rounds,
        "once_party_s": round(max(costs.processor for costs in once), 3),
        "once_dealer_s": round(report.model.processor, 3),
        "once_wire_mb": round(sum(costs.sent for costs in once) / 1e6, 2),
        "once_dealer_mb": round(report.model.material / 1e6, 2),
    }


def main() -> None:
    """Print a table and, with ``--json FILE``, write the rows."""
    parser = argparse.ArgumentParser("scripts/bench engine", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=tuple(catalogue.MODELS), action="append", help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    measured = [
        rows(model, back_end, batch)
        for model in options.model or catalogue.MODELS
        for back_end in BACK_ENDS
        for batch in BATCHES[back_end]
    ]
    table = Table(
        *(name.replace("_", " ") for name in measured[0]),
        title=f"Encrypted evaluation, {path_in_use()} kernels: processor time and bytes per image (wire: both "
        "directions), and once per model",
    )
    for row in measured:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=180).print(table)
    if options.json:
        options.json.write_text(json.dumps({"threads": 1, "kernels": path_in_use(), "rows": measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
