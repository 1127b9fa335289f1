# SPDX-License-Identifier: Apache-2.0
"""[SMV] Fig. 11 in kind: seconds to verify one model on 100 to 1,000 images, plain and encrypted; and the memory.

Plain: the chaincode's integer evaluation in one process, and torch float32, one thread each. Encrypted: dealer, P0 and
P1 as processes over loopback with mutual TLS, dealer included, everything from the model to the verdict. Both
placements run the same engine; where P1 is the hospital (``smv-semi-honest``), only whose process it is differs.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.peers import ours
from benchmarks.peers.networks import Network
from chaincode import catalogue
from chaincode.evaluation import compile_model, merit
from scripts.federation.command import run_command

COUNTS = (100, 250, 500, 1000)
Row = dict[str, Any]


def plain(network: Network, count: int) -> float:
    """Give the seconds of the chaincode's evaluation of p, as it does it for a verdict."""
    images, labels = network.images(count)
    start = perf_counter()
    program = compile_model(network.description, network.base, network.base, lambda_numerator=1, lambda_bits=1)
    merit(program, images[..., None], labels)
    return perf_counter() - start


def measure(options: argparse.Namespace, console: Console) -> list[Row]:
    """Measure every count of images."""
    found = []
    for name in options.model or ("resnet18",):
        network = Network(name)
        for count in options.images or COUNTS:
            batches = max(1, round(count / options.batch))
            images = batches * options.batch
            told = ours.verify(network, options.back_end, options.batch, batches, None, ahead=False)
            row = {
                "model": name,
                "images": images,
                "load": round(os.getloadavg()[0], 2),
                "plain_s": plain(network, images),
                "torch_s": network.seconds(network.images(images)[0], 1),
                "encrypted_s": max(report["whole"] for report in told["parties"]),
                "peak_bytes": [*(report["peak"] for report in told["parties"]), told["dealer"]["peak"]],
            }
            console.print(
                f"{name}, {images} images: encrypted {row['encrypted_s']:.1f} s, plain {row['plain_s']:.1f} s"
            )
            found.append(row)
    return found


def show(found: list[Row], console: Console) -> None:
    """Print the rows."""
    heads = ("model", "images", "encrypted s", "plain s", "torch s", "encrypted / plain", "peak MiB P0, P1, dealer")
    table = Table(*heads, title="One model's verification")
    for row in found:
        table.add_row(
            row["model"],
            str(row["images"]),
            f"{row['encrypted_s']:.1f}",
            f"{row['plain_s']:.2f}",
            f"{row['torch_s']:.2f}",
            f"{row['encrypted_s'] / row['plain_s']:.1f}",
            " ".join(str(peak >> 20) for peak in row["peak_bytes"]),
        )
    console.print(table)


def plot(found: list[Row], place: Path) -> None:
    """Draw seconds against images."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for name in dict.fromkeys(row["model"] for row in found):
        rows = [row for row in found if row["model"] == name]
        counts = [row["images"] for row in rows]
        for field, text in (("encrypted_s", "encrypted"), ("plain_s", "plain, integers"), ("torch_s", "plain, torch")):
            axes.plot(counts, [row[field] for row in rows], marker="o", label=f"{name}, {text}")
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=tuple(catalogue.MODELS), action="append", help="default: resnet18")
    parser.add_argument("--images", type=int, action="append", help=f"default: {', '.join(map(str, COUNTS))}")
    parser.add_argument("--batch", type=int, default=32, help="images evaluated together (default: %(default)s)")
    parser.add_argument("--back-end", choices=("tree", "fss"), default="tree")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=150)
    found = measure(options, console)
    show(found, console)
    if options.plot:
        plot(found, options.plot)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
