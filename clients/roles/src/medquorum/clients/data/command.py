# SPDX-License-Identifier: Apache-2.0
"""``medquorum data``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from medquorum.clients.data.images import THREE_CHANNELS, write_shard
from medquorum.clients.data.patients import read_patients
from medquorum.clients.data.sources import load
from medquorum.clients.data.split import deal
from medquorum.clients.runtime.options import AsJson, MaxBytes

__all__ = ["data"]

data = typer.Typer(no_args_is_help=True, help="Data sets, and how they are dealt out for a simulation.")


@data.callback()
def _group() -> None:
    """Keep ``split`` a sub-command."""


@data.command("split")
def split(
    name: Annotated[str, typer.Option("--data", help="digits, mnist, a MedMNIST name, or an npz file.")],
    out: Annotated[Path, typer.Option(help="Folder for hospital1.npz ..., verification.npz and test.npz.")],
    hospitals: Annotated[int, typer.Option(min=1)] = 10,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of idx or npz files.")] = None,
    dirichlet: Annotated[float | None, typer.Option(help="Deal by Dir(alpha) over the classes, not evenly.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most images all hospitals get together.")] = None,
    verification: Annotated[int | None, typer.Option(min=1, help="Images for the verifiers  [default: half]")] = None,
    patients: Annotated[
        Path | None, typer.Option(help="CSV file that tells the patient of each image, in order.")
    ] = None,
    patient_column: Annotated[str, typer.Option(help="Its column.")] = "patient",
    max_bytes: MaxBytes = None,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """Deal a data set to hospitals; verifiers and the final test get images that no hospital holds."""
    whose = None if patients is None else read_patients(patients, patient_column, max_bytes)
    source = load(name, data_dir, seed, whose, max_bytes)
    dealt = deal(source, hospitals, seed=seed, alpha=dirichlet, limit=limit, verification=verification)
    if source.train.pixels.shape[1] == 3:
        print(f"warning: {THREE_CHANNELS}", file=sys.stderr)
    parts = {f"hospital{number}": shard for number, shard in enumerate(dealt.shards, start=1)}
    parts |= {"verification": dealt.verification, "test": dealt.test}
    for part, images in parts.items():
        write_shard(out / f"{part}.npz", images)
    summary = {
        "image": list(source.train.pixels.shape[1:]),
        "classes": source.classes,
        "images": {part: len(images) for part, images in parts.items()},
        "folder": str(out),
    }
    print(json.dumps(summary) if as_json else "\n".join(f"{key}: {value}" for key, value in summary.items()))
