# SPDX-License-Identifier: Apache-2.0
"""[SMV] Fig. 11 in kind: seconds to verify one model on 100 to 1,000 images, plain and in both placements; the memory.

Plain: the chaincode's integer evaluation in one process, and torch float32, one thread each. Encrypted: dealer, P0,
witness and hospital as processes over loopback with mutual TLS, by the clients' own code, ledger played: from the
hospital's hiding its update, uploaded to P0 and witness, to the result of both parties. P1 is the witness
(``outsourced``), or the hospital itself (``smv-semi-honest``), which dials P0, and P0 asks the witness for its share.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import torch
from rich.console import Console
from rich.table import Table

from medquorum.core.documents.encrypted import Placement
from medquorum.core.inference import compile_model, count_correct
from medquorum.core.model import catalogue
from medquorum_benchmarks.verification.peers.networks import Network
from medquorum_benchmarks.verification.peers.placed import place
from medquorum_federation.command import run_command

COUNTS = (100, 250, 500, 1000)
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
Row = dict[str, Any]


def plain(network: Network, count: int) -> float:
    """Return the seconds of the chaincode's evaluation of p, as it does it for a verdict."""
    images, labels = network.images(count)
    start = perf_counter()
    program = compile_model(network.description, network.base, network.base, lambda_numerator=1, lambda_bits=1)
    count_correct(program, images[..., None], labels)
    return perf_counter() - start


def measure(options: argparse.Namespace, console: Console) -> list[Row]:
    """Measure every count of images."""
    rows = []
    for name in options.model or ("resnet18",):
        network = Network(name)
        for images in options.images or COUNTS:
            told = {way: place(network, options.back_end, options.batch, images, way) for way in PLACEMENTS}
            row: Row = {
                "model": name,
                "images": images,
                "load": round(os.getloadavg()[0], 2),
                "plain_s": plain(network, images),
                "torch_s": network.seconds(network.images(images)[0], 1),
                "encrypted_s": {way: costs["seconds"] for way, costs in told.items()},
                "peak_bytes": {way: costs["peaks"] for way, costs in told.items()},
            }
            seconds = ", ".join(f"{way} {row['encrypted_s'][way]:.2f} s" for way in PLACEMENTS)
            console.print(f"{name}, {images} images: {seconds}, plain {row['plain_s']:.2f} s")
            rows.append(row)
    return rows


def show(rows: list[Row], console: Console) -> None:
    """Print the rows."""
    heads = ("model", "images", "placement", "encrypted s", "plain s", "torch s", "encrypted / plain")
    table = Table(*heads, "peak MiB P0, P1, dealer", title="One model's verification")
    for row, way in ((row, way) for row in rows for way in PLACEMENTS):
        table.add_row(
            row["model"],
            str(row["images"]),
            way,
            f"{row['encrypted_s'][way]:.2f}",
            f"{row['plain_s']:.2f}",
            f"{row['torch_s']:.2f}",
            f"{row['encrypted_s'][way] / row['plain_s']:.1f}",
            " ".join(str(peak >> 20) for peak in row["peak_bytes"][way]),
        )
    console.print(table)


def plot(rows: list[Row], place: Path) -> None:
    """Draw seconds against images."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for name in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == name]
        counts = [row["images"] for row in of_model]
        curves = {f"encrypted, {way}": [row["encrypted_s"][way] for row in of_model] for way in PLACEMENTS}
        curves |= {
            "plain, integers": [row["plain_s"] for row in of_model],
            "plain, torch": [row["torch_s"] for row in of_model],
        }
        for text, seconds in curves.items():
            axes.plot(counts, seconds, marker="o", label=f"{name}, {text}")
    axes.set_xlabel("verification images")
    axes.set_ylabel("seconds per model")
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(place, dpi=120)
    plt.close(figure)


def main() -> None:
    """Measure, print, draw with ``--plot FILE`` and write the rows with ``--json FILE``."""
    parser = argparse.ArgumentParser(
        "scripts/bench images", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=tuple(catalogue.MODELS), action="append", help="default: resnet18")
    parser.add_argument("--images", type=int, action="append", help=f"default: {', '.join(map(str, COUNTS))}")
    parser.add_argument("--batch", type=int, default=32, help="images evaluated together (default: %(default)s)")
    parser.add_argument("--back-end", choices=("tree", "fss"), default="tree")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=150)
    rows = measure(options, console)
    show(rows, console)
    if options.plot:
        plot(rows, options.plot)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
