# SPDX-License-Identifier: Apache-2.0
"""Latency of our gateway client beside the official Node one, in turns on one network.

``scripts/bench latency [--network fabric|devnet] [--json FILE]``. Needs node and npm. Three organisations, any two
endorse, blocks every 50 ms, the asset chaincode; one client at a time, one call after the other.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from medquorum import gateway
from medquorum.network.network import Kind
from medquorum_federation.command import run_main
from medquorum_testing.gateway.conformance_network import conformance_network
from medquorum_testing.gateway.scenario import CHAINCODE, CHANNEL, Organisation
from medquorum_testing.gateway.scenario_node import NodeClient, NodeRunner

Stage = Literal["evaluate", "submit"]
CALLS: dict[Stage, tuple[str, list[str]]] = {"evaluate": ("Echo", ["a"]), "submit": ("Put", ["latency"])}
Measure = Callable[[Stage, int], list[float]]


def python_client(organisation: Organisation) -> Measure:
    """Measure our client: milliseconds of each of ``count`` calls."""
    identity = organisation.identity()
    channel = gateway.tls_channel(
        organisation.endpoint, organisation.roots, organisation.server_name, client=organisation.tls
    )
    connected = gateway.connect(
        channel, gateway.X509Identity(identity.msp_id, identity.certificate), gateway.private_key_signer(identity.key)
    )
    contract = connected.get_network(CHANNEL).get_contract(CHAINCODE)

    def measure(stage: Stage, count: int) -> list[float]:
        name, arguments = CALLS[stage]
        call = contract.evaluate_transaction if stage == "evaluate" else contract.submit_transaction
        milliseconds = []
        for number in range(count):
            start = time.perf_counter_ns()
            call(name, *arguments, str(number))
            milliseconds.append((time.perf_counter_ns() - start) / 1e6)
        return milliseconds

    return measure


def node_client(organisation: Organisation, runner: NodeRunner) -> Measure:
    """Measure the official client, which takes the time itself, inside its process."""
    client = NodeClient(runner, organisation, organisation.identity())

    def measure(stage: Stage, count: int) -> list[float]:
        name, arguments = CALLS[stage]
        values = {"stage": stage, "count": count, "name": name, "arguments": arguments}
        return list(client.ask("measure", channel=CHANNEL, chaincode=CHAINCODE, **values))

    return measure


def compare(clients: dict[str, Measure], counts: dict[Stage, int], turns: int) -> dict[str, Any]:
    """Let the clients take turns after a warm-up; return median and 95th percentile in milliseconds."""
    results: dict[str, Any] = {}
    for stage, count in counts.items():
        times: dict[str, list[float]] = {name: [] for name in clients}
        for turn in range(turns + 1):
            for name, measure in clients.items():
                taken = measure(stage, count)
                times[name] += taken if turn else []
        results[stage] = {name: _summary(values) for name, values in times.items()}
        results[stage]["ratio_p50"] = round(results[stage]["python"]["p50"] / results[stage]["node"]["p50"], 3)
    return results


def _summary(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=20)
    return {
        "calls": len(milliseconds),
        "p50": round(statistics.median(milliseconds), 3),
        "p95": round(cuts[-1], 3),
    }


def main(
    network: Annotated[Kind, typer.Option(help="fabric or devnet")] = "fabric",
    evaluates: Annotated[int, typer.Option(help="Evaluate calls in a turn")] = 200,
    submits: Annotated[int, typer.Option(help="Submit calls in a turn")] = 40,
    turns: Annotated[int, typer.Option(help="Turns of each client, after one that does not count")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file")] = None,
) -> None:
    """Compare the latency of evaluate and submit."""
    with tempfile.TemporaryDirectory() as folder, conformance_network(network, Path(folder)) as running:
        organisation = running.organisations[0]
        with closing(NodeRunner()) as runner:
            clients = {"python": python_client(organisation), "node": node_client(organisation, runner)}
            results = compare(clients, {"evaluate": evaluates, "submit": submits}, turns)
    table = Table("stage", "client", "calls", "p50 ms", "p95 ms", title=f"Gateway clients on {network}")
    for stage, by_client in results.items():
        for name in clients:
            table.add_row(stage, name, *(str(value) for value in by_client[name].values()))
    console = Console()
    console.print(table)
    for stage, by_client in results.items():
        console.print(f"{stage}: p50 of python / node = {by_client['ratio_p50']}")
    if json_file:
        machine = {"processors": os.cpu_count(), "python": platform.python_version()}
        json_file.write_text(json.dumps({"network": network, "machine": machine, "milliseconds": results}, indent=1))


if __name__ == "__main__":
    run_main(main)
