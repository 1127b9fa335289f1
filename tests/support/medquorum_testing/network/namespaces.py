# SPDX-License-Identifier: Apache-2.0
"""Hosts of their own on one machine: network namespaces with an address and a name each, joined by a bridge.

Needs root and ``ip`` (iproute2). The bridge has a namespace of its own, so the machine's own network is not touched. A
name is known inside the hosts only, by ``/etc/netns/<namespace>/hosts``, which ``ip netns exec`` lays over
``/etc/hosts``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medquorum.network.supervision.waiting import becomes_true

__all__ = ["Hosts", "lacking", "lan"]

NETNS = Path("/etc/netns")
SUBNET = "10.91.7"
NOWHERE = "02:00:00:00:00:01"


def lacking() -> str:
    """Return what keeps this machine from having namespaces; empty when nothing does."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip` (iproute2)"
    name = f"mq-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"`ip netns add` is not allowed here: {made.stderr.strip()}"
    try:
        tried = subprocess.run(
            ["ip", "-n", name, "link", "add", "b0", "type", "bridge"], capture_output=True, text=True, check=False
        )
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return "" if tried.returncode == 0 else f"no bridge can be made: {tried.stderr.strip()}"


@dataclass(frozen=True)
class Hosts:
    """The hosts by name, each with its namespace and address."""

    tag: str
    addresses: dict[str, str]

    @property
    def names(self) -> list[str]:
        return list(self.addresses)

    def namespace(self, name: str) -> str:
        return f"{self.tag}-{list(self.addresses).index(name)}"

    def command(self, name: str, *command: str) -> list[str]:
        """Return the command line that runs a command on a host."""
        return ["ip", "netns", "exec", self.namespace(name), *command]

    def run(self, name: str, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command on a host to its end."""
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return subprocess.run(
            self.command(name, *command), env=env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def python(self, name: str, *arguments: str, timeout: float = 120) -> str:
        """Run this Python on a host; return what it printed."""
        done = self.run(name, sys.executable, *arguments, timeout=timeout)
        assert done.returncode == 0, f"{name}: {' '.join(arguments)}: {done.stdout[-800:]} {done.stderr[-1500:]}"
        return done.stdout

    def reaches(self, name: str, other: str, port: int) -> bool:
        """Return whether a host can connect to a port of another."""
        probe = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
        return self.run(name, sys.executable, "-c", probe, other, str(port)).returncode == 0

    @contextmanager
    def unplugged(self, name: str) -> Iterator[None]:
        """Take a host off the network: nothing is answered, nothing refused."""
        port = f"p{list(self.addresses).index(name)}"
        _ip("-n", f"{self.tag}-lan", "link", "set", port, "down")
        try:
            yield
        finally:
            _ip("-n", f"{self.tag}-lan", "link", "set", port, "up")

    @contextmanager
    def apart(self, one: str, other: str) -> Iterator[None]:
        """Lose every packet between two hosts; both still reach all others."""
        pairs = [(one, other), (other, one)]
        for here, there in pairs:
            place = ["neigh", "replace", self.addresses[there], "lladdr", NOWHERE, "nud", "permanent", "dev", "eth0"]
            _ip("-n", self.namespace(here), *place)
        try:
            yield
        finally:
            for here, there in pairs:
                _ip("-n", self.namespace(here), "neigh", "del", self.addresses[there], "dev", "eth0")

    def pids(self) -> list[int]:
        """List every process that runs on one of the hosts."""
        found = []
        for name in self.addresses:
            done = subprocess.run(
                ["ip", "netns", "pids", self.namespace(name)], capture_output=True, text=True, check=True
            )
            found += [int(pid) for pid in done.stdout.split()]
        return found


@contextmanager
def lan(names: Sequence[str]) -> Iterator[Hosts]:
    """Make hosts of those names, and take everything away again: processes, namespaces, files."""
    tag = f"mq{secrets.token_hex(2)}"
    hosts = Hosts(tag, {name: f"{SUBNET}.{index + 1}" for index, name in enumerate(names)})
    made: list[str] = []
    try:
        for namespace in (f"{tag}-lan", *(hosts.namespace(name) for name in names)):
            _ip("netns", "add", namespace)
            made.append(namespace)
        _ip("-n", f"{tag}-lan", "link", "add", "lan", "type", "bridge")
        _ip("-n", f"{tag}-lan", "link", "set", "lan", "up")
        for index, name in enumerate(names):
            _plug_in(hosts, index, name)
        yield hosts
    finally:
        _end(made)
        for namespace in made:
            _ip("netns", "del", namespace)
            shutil.rmtree(NETNS / namespace, ignore_errors=True)
        if NETNS.is_dir() and not any(NETNS.iterdir()):
            NETNS.rmdir()


def _plug_in(hosts: Hosts, index: int, name: str) -> None:
    here, switch = hosts.namespace(name), f"{hosts.tag}-lan"
    _ip("-n", switch, "link", "add", f"p{index}", "type", "veth", "peer", "name", "eth0", "netns", here)
    _ip("-n", switch, "link", "set", f"p{index}", "master", "lan", "up")
    for device in ("lo", "eth0"):
        _ip("-n", here, "link", "set", device, "up")
    _ip("-n", here, "address", "add", f"{hosts.addresses[name]}/24", "dev", "eth0")
    lines = ["127.0.0.1 localhost", *(f"{address} {other}" for other, address in hosts.addresses.items())]
    (NETNS / here).mkdir(parents=True)
    (NETNS / here / "hosts").write_text("\n".join(lines) + "\n")


def _end(namespaces: Iterable[str]) -> None:
    """End what still runs in the namespaces."""

    def left() -> list[int]:
        found = []
        for namespace in namespaces:
            done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
            found += [int(pid) for pid in done.stdout.split()]
        return found

    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left():
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # ended meanwhile
                continue
        if becomes_true(lambda: not left(), 15):
            return


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
