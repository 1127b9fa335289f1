# SPDX-License-Identifier: Apache-2.0
"""Seconds to store a model on real Fabric, in public state and in the private collection, and to read it back checked.

``scripts/bench store [--model resnet18] [--repeats N] [--consensus BFT|raft] [--json FILE]``. Three peers and four BFT
or three Raft orderers, all on this machine. Stored: every chunk and the manifest committed at the writer's peer; also
of a model that the stored form cannot shorten, which is what a store of plain bytes would take. Read: a hospital reads
the model from its own peer and checks chunks, manifest and hash; a private chunk the peer has not been pushed it
fetches from others first, which is not counted as reading. Beside the seconds stand the processor seconds of all nodes,
chaincodes and the client: on a busy machine only these tell.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medquorum.clients.admin.tasks import store_model
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.runtime.report import Report
from medquorum.network.supervision.waiting import await_true
from medquorum_benchmarks.ledger.bringup import processor_seconds
from medquorum_benchmarks.ledger.modelnetwork import MODELS, ORDERERS, Bench, Model, bench_network, drawn
from medquorum_federation.command import run_main

PEERS = 3
ALLOWED = {"public": 4.0, "private": 10.0, "read": 1.0}
"""Seconds for 45 MB."""
KINDS = (("public", False), ("private", False), ("public", True))
"""Stores, and models of which nothing can be left out; one after the other: what was written slows what follows."""


def measure(bench: Bench, model: Model, store: str, name: str) -> dict[str, Any]:
    """Store a model, wait until the hospital's peer has all of it, and read it there."""
    writer, reader = bench.sessions["Coordinator"], bench.sessions["Hospital1"]
    quiet = Report("bench", writer.msp, as_json=True, stream=StringIO())
    used, begun = _processor(bench), time.perf_counter()
    stored = store_model(writer.ledger, writer.consortium_transactions(), model.layout, model.packed, store, quiet)
    writing = time.perf_counter() - begun
    cost = _processor(bench) - used
    bench.create_task(writer, name, model, store)
    await_true(lambda: bench.has(reader, name, stored), 60, "the model at the hospital's peer")
    task = reader.ledger.task(name)
    used, begun = _processor(bench), time.perf_counter()
    if fetch_model(reader.ledger, task, stored) != model.packed:
        raise AssertionError("another model came back")
    reading = time.perf_counter() - begun
    figures = {"stored": writing, "stored_cpu": cost, "read": reading, "read_cpu": _processor(bench) - used}
    return {"store": store} | figures


def _processor(bench: Bench) -> float:
    """Return the processor seconds that all nodes, chaincodes and this process have used."""
    nodes = sum(kind["total"] for kind in processor_seconds(bench.network).values())
    return nodes + time.process_time()


def main(
    model: Annotated[str, typer.Option(help=f"One of: {', '.join(MODELS)}")] = "resnet18",
    repeats: Annotated[int, typer.Option(min=1, help="Models of each kind of store")] = 3,
    port_base: Annotated[int, typer.Option(help="First port of the network")] = 7050,
    consensus: Annotated[str, typer.Option(help=f"One of: {', '.join(ORDERERS)}")] = "BFT",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Store and read models, and print a table."""
    load = os.getloadavg()
    console = Console()
    rows = []
    with bench_network(PEERS, port_base, consensus) as bench:
        for kind, (store, incompressible) in enumerate(KINDS):
            for number in range(repeats):
                drawing = drawn(model, len(KINDS) * number + kind, incompressible=incompressible)
                row = measure(bench, drawing, store, f"{store}-{kind}-{number}")
                rows.append(row | {"incompressible": incompressible, "bytes": len(drawing.packed)})
                what = f"{store}{', nothing left out' if incompressible else ''}"
                console.print(f"{what}: stored in {row['stored']:.2f} s, read in {row['read']:.2f} s")
    ordering = f"{ORDERERS[consensus]} {consensus} orderers"
    table = Table(title=f"{model}, {rows[0]['bytes'] / 1e6:.1f} MB, {PEERS} peers, {ordering}; load {load[0]:.1f}")
    for heading in ("", "median s", "least s", "most s", "allowed for 45 MB", "processor s"):
        table.add_column(heading, justify="right")
    for name, what, store, incompressible in (
        ("stored, public", "stored", "public", False),
        ("stored, private", "stored", "private", False),
        ("stored, public, nothing left out", "stored", "public", True),
        ("read and checked", "read", "", False),
    ):
        chosen = [row for row in rows if store in ("", row["store"]) and row["incompressible"] is incompressible]
        values = [row[what] for row in chosen]
        cost = statistics.median(row[f"{what}_cpu"] for row in chosen)
        shown = (statistics.median(values), min(values), max(values))
        table.add_row(
            name,
            *(f"{value:.2f}" for value in shown),
            "" if incompressible else f"{ALLOWED[store or what]:.0f}",
            f"{cost:.2f}",
        )
    console.print(table)
    if json_file:
        about = {"processors": os.cpu_count(), "load": load, "at": int(time.time()), "model": model}
        about |= {"peers": PEERS, "consensus": consensus}
        json_file.write_text(json.dumps(about | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
