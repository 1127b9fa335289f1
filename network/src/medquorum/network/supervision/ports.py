# SPDX-License-Identifier: Apache-2.0
"""Ports of this host: which are taken, and by which process."""

from __future__ import annotations

import os
from collections.abc import Collection

import psutil

from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import Consortium
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.processes import marked

__all__ = ["check_ports", "is_local", "local_ports", "occupants"]


def check_ports(
    consortium: Consortium, folder: NetworkFolder, *, services: bool = False, organisation: str | None = None
) -> None:
    """Check that nobody else listens where nodes of this host will, or with ``services`` also their clients' services.

    ``organisation`` is the name of the only one whose nodes are meant: the others' may run from folders of their own.

    Raises
    ------
    NetworkError
        A port is taken: by which process, as far as that can be seen.
    """
    if organisation is not None:
        own = [
            [candidate for candidate in each if candidate.name == organisation]
            for each in (consortium.organisations, consortium.orderers)
        ]
        consortium = consortium.model_copy(update={"organisations": own[0], "orderers": own[1]})
    taken = occupants(local_ports(consortium, services=services), {process.pid for process in marked(folder)})
    if taken:
        named = ", ".join(f"port {port} is in use by {process}" for port, process in list(taken.items())[:3])
        raise NetworkError(f"{named}{' ...' if len(taken) > 3 else ''}", "End it, or take others with --port-base")


def local_ports(consortium: Consortium, *, services: bool = False) -> list[int]:
    """Return the ports of the nodes that are on this host; with ``services`` also those of services."""
    ports = [port for organisation in consortium.orderers if is_local(organisation.host) for port in organisation.ports]
    ports += [
        port
        for organisation in consortium.members
        if organisation.peer and is_local(organisation.peer.host)
        for port in organisation.peer.ports
    ]
    served = (
        [organisation.service for organisation in consortium.organisations if organisation.service] if services else []
    )
    return ports + [service.port for service in served if is_local(service.host)]


def occupants(ports: Collection[int], ours: Collection[int] = ()) -> dict[int, str]:
    """Return who listens on ports, by port: name and pid of each process but ``ours``, which are pids."""
    wanted, listeners = set(ports), {}
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status != psutil.CONN_LISTEN or connection.pid in ours or not connection.laddr:
            continue
        if (port := connection.laddr.port) in wanted:
            listeners[port] = _named(connection.pid)
    return dict(sorted(listeners.items()))


def is_local(host: str) -> bool:
    """Return whether a host is this one."""
    local = {"localhost", os.uname().nodename}
    local |= {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}
    return host in local


def _named(pid: int | None) -> str:
    """Return a process' name and pid; the system tells another user's pid to nobody but root."""
    if pid is None:
        return "another user's process"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
