# SPDX-License-Identifier: Apache-2.0
"""What runs: one row per process, with its restarts, memory and health."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from medquorum.network.consortium.consortium import LOOPBACK, Consortium
from medquorum.network.deployment.chaincodes import deployments
from medquorum.network.network import Network
from medquorum.network.supervision import health
from medquorum.network.supervision.processes import Process, Record, alive, processes, records

__all__ = ["Row", "rows", "status"]


@dataclass(frozen=True)
class Row:
    """One process.

    ``state`` is running, starting (not healthy yet), waiting (died, restart due), full (no space on the disk), stopped
    or dead.
    """

    name: str
    organisation: str
    kind: str
    state: str
    pid: int | None
    restarts: int
    last_exit: int | None
    seconds: float
    memory_mb: float
    address: str


def rows(network: Network) -> list[Row]:
    """Look at every process that should run."""
    known = records(network.folder)
    addresses = _addresses(network)
    return [
        _row(process, known.get(process.name), addresses.get(process.name, "")) for process in processes(network.folder)
    ]


def status(network: Network) -> dict[str, Any]:
    """Return the network's state as plain values."""
    process_rows = rows(network)
    supervisors = [r for name, r in records(network.folder).items() if name.startswith("supervisor")]
    return {
        "folder": str(network.folder.root),
        "network": network.kind,
        "consensus": network.consortium.consensus if network.kind == "fabric" else None,
        "channel": network.consortium.channel.name,
        "running": bool(process_rows) and all(row.state == "running" for row in process_rows),
        "supervisors": [record.name for record in supervisors if alive(record)],
        "chaincodes": [
            {
                "name": deployment.name,
                "version": deployment.version,
                "sequence": deployment.sequence,
                "package_id": deployment.package_id,
            }
            for deployment in deployments(network.folder).values()
        ],
        "processes": [asdict(row) for row in process_rows],
    }


def _row(process: Process, record: Record | None, address: str) -> Row:
    seen = record or Record(process.name, process.organisation, 0, 0.0, "stopped")
    running = alive(seen)
    if running is None:
        last = "dead" if record is None or seen.state == "running" else seen.state
        return Row(
            process.name,
            process.organisation,
            process.kind,
            last if process.enabled else "stopped",
            None,
            seen.restarts,
            seen.last_exit,
            0.0,
            0.0,
            address,
        )
    return Row(
        process.name,
        process.organisation,
        process.kind,
        "running" if _answers(address) else "starting",
        seen.pid,
        seen.restarts,
        seen.last_exit,
        round(time.time() - seen.started, 1),
        _megabytes(running),
        address,
    )


def _megabytes(process: psutil.Process) -> float:
    try:
        return round(process.memory_info().rss / 1e6, 1)
    except psutil.NoSuchProcess:  # ended meanwhile
        return 0.0


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return not port or health.listens(host, int(port))


def _addresses(network: Network) -> dict[str, str]:
    consortium: Consortium = network.consortium
    addresses = {organisation.node: organisation.address for organisation in consortium.orderers}
    addresses |= {
        organisation.node: organisation.peer.address for organisation in consortium.members if organisation.peer
    }
    for deployment in deployments(network.folder).values():
        for organisation in consortium.members:
            if organisation.peer:
                port = organisation.peer.chaincode_ports[deployment.slot]
                addresses[deployment.process_name(organisation)] = f"{LOOPBACK}:{port}"
    return addresses
