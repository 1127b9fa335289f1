# SPDX-License-Identifier: Apache-2.0
"""What lossless compression makes of global models, and how often two successive ones have an equal chunk.

``scripts/bench compression --data FILE.npz|mnist [--data-dir DIR] [--model NAME]... [--rounds N]``. Trains the models
for a few rounds in this process, three hospitals and the ledger's own integer mean, and packs each round's model:
alone and as the difference to its parent, with the bytes as they are or plane by plane (all lowest bytes first).
``stored form`` is what the ledger has (``medquorum.core.model.storedform``): no compressor, high bits left out.
"""

from __future__ import annotations

import itertools
import json
import lzma
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.table import Table

from medquorum.clients.data.sources import load
from medquorum.clients.data.split import deal
from medquorum.clients.training import parameters
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.train import Recipe, train
from medquorum.core import model as modelformat
from medquorum.core.aggregate import aggregate
from medquorum.core.model import catalogue
from medquorum_federation.command import run_main

Integers = npt.NDArray[np.int32]
HOSPITALS = 3


def trained(name: str, data: str, data_dir: Path | None, rounds: int, limit: int) -> list[bytes]:
    """Return w_0 and the model of each round, packed."""
    torch.set_num_threads(1)
    source = load(data, data_dir, 0)
    dealt = deal(source, HOSPITALS, seed=0, limit=limit * HOSPITALS, verification=10)
    channels, height, width = source.train.pixels.shape[1:]
    description = modelformat.parse(catalogue.describe(name, (channels, height, width), source.classes))
    models = [drawn_model(description, 0)]
    for number in range(rounds):
        updates = []
        for seed, shard in enumerate(dealt.shards):
            model = DescribedModel(description)
            parameters.load(model, models[-1])
            train(model, shard, Recipe(1, 32), 100 * number + seed, lambda done, total: None)
            updates.append(modelformat.unpack(description, parameters.parameters_of(model)))
        base = modelformat.unpack(description, models[-1])
        models.append(
            modelformat.pack(description, aggregate(description, base, updates, lambda_numerator=1, lambda_bits=1))
        )
    return models


def planes(values: Integers) -> bytes:
    """Return the bytes plane by plane, lowest first."""
    return np.ascontiguousarray(values.astype("<i4").view(np.uint8).reshape(-1, 4).T).tobytes()


METHODS: dict[str, Callable[[Integers], bytes]] = {
    "zlib 1": lambda values: zlib.compress(values.tobytes(), 1),
    "zlib 6": lambda values: zlib.compress(values.tobytes(), 6),
    "stored form": lambda values: b"".join(map(modelformat.stored_form, modelformat.split(values.tobytes()))),
    "planes, zlib 1": lambda values: zlib.compress(planes(values), 1),
    "planes, zlib 6": lambda values: zlib.compress(planes(values), 6),
    "planes, lzma 1": lambda values: lzma.compress(planes(values), preset=1),
}


def measure(models: Sequence[bytes]) -> list[dict[str, Any]]:
    """Compress the last model alone and as a difference to its parent."""
    last, parent = (np.frombuffer(model, "<i4") for model in (models[-1], models[-2]))
    rows = []
    for form, values in (("model", last), ("difference", (last - parent).astype(np.int32))):
        for name, method in METHODS.items():
            begun = time.process_time()
            size = len(method(values))
            seconds = time.process_time() - begun
            rows.append({"form": form, "method": name, "ratio": size / last.nbytes, "seconds": seconds})
    return rows


def equal_chunks(models: Sequence[bytes]) -> tuple[int, int]:
    """Count the chunks of successive models that are equal, and all of them."""
    pairs = [
        (before, after)
        for first, second in itertools.pairwise(models)
        for before, after in zip(modelformat.chunk_hashes(first), modelformat.chunk_hashes(second), strict=True)
    ]
    return sum(before == after for before, after in pairs), len(pairs)


def main(
    data: Annotated[str, typer.Option(help="As for scripts/quickstart")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    model: Annotated[list[str] | None, typer.Option(help="mlp, lenet, resnet18; by default mlp")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    limit: Annotated[int, typer.Option(min=1, help="Training images of a hospital")] = 1000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Train, compress, and print a table for each model."""
    figures: dict[str, Any] = {}
    for name in model or ("mlp",):
        models = trained(name, data, data_dir, rounds, limit)
        rows, (equal, pairs) = measure(models), equal_chunks(models)
        size = len(models[0]) / 1e6
        table = Table(title=f"{name} on {data}, {size:.2f} MB, after {rounds} rounds; {equal} of {pairs} chunks equal")
        for heading in ("", "form", "of the bytes", "processor s", "MB/s"):
            table.add_column(heading, justify="right")
        for row in rows:
            speed = size / max(row["seconds"], 1e-9)
            told = (f"{row['ratio']:.1%}", f"{row['seconds']:.2f}", f"{speed:.0f}")
            table.add_row(row["method"], row["form"], *told)
        Console().print(table)
        figures[name] = {"bytes": len(models[0]), "equal": equal, "chunks": pairs, "rows": rows}
    if json_file:
        json_file.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
