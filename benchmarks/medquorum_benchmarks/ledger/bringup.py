# SPDX-License-Identifier: Apache-2.0
"""From nothing to the first committed transaction of our chaincode, phase by phase.

``scripts/bench bringup [--network NAME]... [--json FILE]``. Keys, genesis block, nodes, channel, chaincode processes,
installation, approvals, commit, and InitConsortium through the gateway client. Every network is made in a folder of
its own and purged. Wall-clock seconds depend on what else the machine does, so the processor seconds of each kind of
process, from its start to the commit, stand beside them.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from medquorum.errors import BinaryMissing
from medquorum.gateway import connect_profile, retrying
from medquorum.network.consortium.consortium import Consortium, sample, write
from medquorum.network.deployment.chaincodes import DEFAULT_NAME, request
from medquorum.network.fabric import binaries
from medquorum.network.network import Kind, Network, open_network
from medquorum.network.supervision.processes import alive, processes, records
from medquorum.network.supervision.progress import Progress
from medquorum_federation.command import run_main

Name = Literal["small", "quickstart", "devnet"]
# kind of network, hospitals, seconds it may take; two verifiers beside the hospitals, and four orderers on Fabric
CASES: dict[Name, tuple[Kind, int, float | None]] = {
    "small": ("fabric", 1, 4.0),
    "quickstart": ("fabric", 10, 30.0),
    "devnet": ("devnet", 10, None),
}
FIRST = "first transaction"


def bring_up(kind: Kind, consortium: Consortium, folder: Path) -> dict[str, Any]:
    """Bring a network up in an empty folder, commit a transaction, and purge it.

    Returns
    -------
    dict
        ``seconds`` by phase, their ``total``, and ``processor_seconds`` by kind of process: ``processes``, ``total``
        and ``each``.
    """
    begun = time.monotonic()
    write(consortium, folder / "consortium.toml")
    network = open_network(folder, Progress(quiet=True))
    try:
        network.up(kind)
        network.deploy(request(consortium))
        with network.progress.step(FIRST):
            first_transaction(network)
        total = time.monotonic() - begun
        used = processor_seconds(network)
    finally:
        network.down(purge=True)
    return {
        "seconds": {step: round(taken, 2) for step, taken in network.progress.seconds.items()},
        "total": round(total, 2),
        "processor_seconds": used,
    }


def first_transaction(network: Network) -> None:
    """Commit InitConsortium as the first verifier's administrator; peers that have only just met may refuse it."""
    consortium = network.consortium
    members = {organisation.msp_id: list(organisation.roles) for organisation in consortium.organisations}
    document = json.dumps({"quorum": consortium.quorum, "members": members})
    profile = network.folder.profile(consortium.having("verifier")[0])
    with connect_profile(profile, "Admin") as gateway:
        contract = gateway.get_network(consortium.channel.name).get_contract(DEFAULT_NAME)
        retrying(attempts=30, longest_wait=0.5)(contract.submit_transaction, "InitConsortium", document)


def processor_seconds(network: Network) -> dict[str, dict[str, float]]:
    """Sum what the network's processes have used since they started, by kind."""
    running = records(network.folder)
    used: defaultdict[str, list[float]] = defaultdict(list)
    for entry in processes(network.folder):
        process = alive(running[entry.name])
        if process:
            times = process.cpu_times()
            used[entry.kind].append(times.user + times.system)
    return {
        kind: {"processes": len(each), "total": round(sum(each), 2), "each": round(sum(each) / len(each), 2)}
        for kind, each in sorted(used.items())
    }


def print_case(console: Console, name: str, run: dict[str, Any], budget: float | None) -> None:
    """Print the phases and the processor time of one bring-up."""
    allowed = f", {budget:.0f} s allowed" if budget else ""
    table = Table("phase", "seconds", title=f"{name}: {run['total']:.1f} s{allowed}")
    for step, taken in run["seconds"].items():
        table.add_row(step, f"{taken:.2f}")
    console.print(table)
    for kind, used in run["processor_seconds"].items():
        console.print(
            f"{used['processes']} {kind}: {used['each']:.2f} processor seconds each, {used['total']:.2f} in all"
        )


def main(
    network: Annotated[list[str] | None, typer.Option(help=f"{', '.join(CASES)}; by default all")] = None,
    repeats: Annotated[int, typer.Option(help="Bring-ups of each; the fastest is printed", min=1)] = 1,
    port_base: Annotated[int, typer.Option(help="First port of the network")] = 7050,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure to this file")] = None,
) -> None:
    """Time bring-ups: small (3 peers, 4 BFT orderers), quickstart (12 peers, 4 BFT orderers), devnet (12 addresses)."""
    unknown = set(network or ()) - set(CASES)
    if unknown:
        raise typer.BadParameter(f"no network {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    console = Console()
    results: dict[str, Any] = {}
    for name, (kind, hospitals, budget) in CASES.items():
        if network and name not in network:
            continue
        consortium = sample("quickstart", hospitals=hospitals, port_base=port_base)
        try:
            if kind == "fabric":
                binaries.find()
        except BinaryMissing as missing:
            console.print(f"{name}: left out. {missing}")
            continue
        runs = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                runs.append(bring_up(kind, consortium, Path(folder)))
        print_case(console, name, min(runs, key=lambda run: run["total"]), budget)
        results[name] = {"budget": budget, "runs": runs}
    if json_file:
        machine = {"processors": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()}
        json_file.write_text(json.dumps({"machine": machine, "networks": results}, indent=1) + "\n")


if __name__ == "__main__":
    run_main(main)
