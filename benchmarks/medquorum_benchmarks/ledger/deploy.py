# SPDX-License-Identifier: Apache-2.0
"""[SMV] Fig. 12 in kind: seconds to deploy a global model on real Fabric and to verify it, by number of peers.

``scripts/bench deploy [--peers 5]... [--model mlp]... [--repeats N] [--results DIR]``. Deploy: every chunk and the
manifest ordered and committed at the writer's peer, endorsed by two verifiers. Verify: a hospital reads the model from
its own peer and checks chunks, manifest, signatures and blocks (``medquorum hospital fetch``); the models are initial
ones, without a round's attestations. All peers, orderers and
chaincodes share this machine. A number of peers is brought up once; models it has measured are not measured again.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from medquorum.clients.admin.tasks import store_model
from medquorum.clients.hospital.fetch import fetch_proven
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.blocks.walk import Trust
from medquorum.clients.proof.trust_root import read_root
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.session import CHAINCODE, CHANNEL
from medquorum.network.supervision.waiting import await_true
from medquorum_benchmarks.ledger.modelnetwork import MODELS, Bench, bench_network, drawn
from medquorum_federation.command import run_main

PEERS = (5, 10, 15, 20)
PAPER = {"deploy": (0.140, 0.270), "verify": (0.100, 0.220)}
"""[SMV] Fig. 12: seconds from 5 to 20 nodes."""
COMPARABLE = """\
Comparable is the number of peers, and what a hospital knows in the end: the model is the one the ledger names, signed
by a quorum. The seconds are not: [SMV] measured other software on other machines. Here the model's bytes themselves go
through two endorsements, a BFT ordering service of four and every peer's validation, blocks wait up to 200 ms to fill,
and all peers, orderers and chaincodes share the cores of one machine, so that most of what more peers cost is their
share of these, which as many hosts would not pay. Verifying here includes reading the model and the blocks that hold
its evidence; the models are initial ones, so that is their task and manifest: a round's model has its round and the
nodes' attestations to be checked as well. `mlp` (0.4 MB) and `lenet` (0.2 MB) are public, in one chunk; `resnet18` (45
MB, 11 chunks) goes to the private collection, as `create-task` does by default."""


def measure(bench: Bench, name: str, repeats: int) -> dict[str, Any]:
    """Deploy and verify ``repeats`` models of a kind; return the seconds of each."""
    writer, reader = bench.sessions["Coordinator"], bench.sessions["Hospital1"]
    root = read_root(bench.organizations, None)
    quiet = Report("bench", writer.msp, as_json=True, stream=StringIO())
    store = "private" if name == "resnet18" else "public"
    seconds: dict[str, Any] = {"deploy": [], "verify": []}
    for number in range(repeats):
        model, task = drawn(name, 1000 * MODELS.index(name) + number), f"{name}-{number}"
        transactions = writer.consortium_transactions()
        begun = time.perf_counter()
        stored = store_model(writer.ledger, transactions, model.layout, model.packed, store, quiet)
        seconds["deploy"].append(time.perf_counter() - begun)
        bench.create_task(writer, task, model, store)
        await_true(partial(bench.has, reader, task, stored), 120, "the model at the hospital's peer")
        document = reader.ledger.task(task)
        begun = time.perf_counter()
        chain = Chain(reader.network, Trust(CHANNEL, CHAINCODE, root.authorities))
        fetch_proven(chain, reader.ledger, document, 0, root)
        seconds["verify"].append(time.perf_counter() - begun)
    return seconds | {"bytes": len(model.packed), "store": store, "load": os.getloadavg()[0]}


def run(peers: list[int], models: list[str], repeats: int, results: Path, port_base: int, console: Console) -> None:
    """Measure what is not in the results yet, one network for each number of peers."""
    for count in peers:
        due = [name for name in models if not _place(results, count, name).exists()]
        if not due:
            continue
        console.print(f"{count} peers: {', '.join(due)}")
        with bench_network(count, port_base) as bench:
            for name in due:
                measurement = measure(bench, name, repeats)
                place = _place(results, count, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                new = place.with_suffix(".new")
                new.write_text(json.dumps({"peers": count, "model": name} | measurement, indent=1) + "\n")
                new.replace(place)


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table: median and 95th percentile of both, in milliseconds, beside the paper's range."""
    lines = [
        "| model | MB | store | peers | models | deploy, median | p95 | verify, median | p95 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        told = (f"{1000 * value:.0f}" for what in PAPER for value in (statistics.median(row[what]), _p95(row[what])))
        about = (row["model"], f"{row['bytes'] / 1e6:.1f}", row["store"], str(row["peers"]), str(len(row["deploy"])))
        lines.append(f"| {' | '.join((*about, *told))} |")
    ends = (f"{1000 * low:.0f} - {1000 * high:.0f} | " for low, high in PAPER.values())
    return "\n".join([*lines, f"| [SMV] Fig. 12 | | | 5 - 20 | | {'| '.join(ends)}|"])


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw medians, with bars to the 95th percentile, by number of peers; the paper's range is shaded."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True)
    for place, (what, (low, high)) in zip(axes, PAPER.items(), strict=True):
        place.axhspan(low, high, color="tab:gray", alpha=0.25, label="[SMV] Fig. 12")
        for name in dict.fromkeys(row["model"] for row in rows):
            own = [row for row in rows if row["model"] == name]
            medians = [statistics.median(row[what]) for row in own]
            above = [_p95(row[what]) - median for row, median in zip(own, medians, strict=True)]
            bars = ([0.0] * len(own), above)
            place.errorbar([row["peers"] for row in own], medians, yerr=bars, marker="o", capsize=3, label=name)
        place.set_yscale("log")
        place.set_xlabel("peers")
        place.set_ylabel(f"seconds to {what}")
        place.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _place(results: Path, peers: int, model: str) -> Path:
    return results / f"{peers:02d}-{model}.json"


def _p95(values: list[float]) -> float:
    """Return the 95th percentile, the largest of fewer than 20 values."""
    return sorted(values)[-(-95 * len(values) // 100) - 1]


def main(
    peers: Annotated[list[int] | None, typer.Option(min=3, help=f"By default {', '.join(map(str, PEERS))}")] = None,
    model: Annotated[list[str] | None, typer.Option(help=f"By default {', '.join(MODELS)}")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Models deployed of each kind and number of peers")] = 20,
    results: Annotated[Path, typer.Option(help="Measurements found there are kept")] = Path("results/deploy"),
    port_base: Annotated[int, typer.Option(help="First port of the network")] = 7050,
) -> None:
    """Measure what is missing, then write table.md and plot.png over all there is."""
    unknown = set(model or ()) - set(MODELS)
    if unknown:
        raise typer.BadParameter(f"no model {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    console = Console()
    run(sorted(peers or PEERS), list(model or MODELS), repeats, results, port_base, console)
    rows = [json.loads(path.read_text()) for path in sorted(results.glob("*-*.json"))]
    rows.sort(key=lambda row: (MODELS.index(row["model"]), row["peers"]))
    text = table(rows)
    (results / "table.md").write_text(f"Milliseconds, {os.cpu_count()} processors.\n\n{text}\n\n{COMPARABLE}\n")
    plot(rows, results / "plot.png")
    console.print(text, COMPARABLE, sep="\n\n", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run_main(main)
