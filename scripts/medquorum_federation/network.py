# SPDX-License-Identifier: Apache-2.0
"""A network for a run: brought up, its chaincode deployed, and taken down whatever happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from medquorum.errors import BinaryMissing, ConfigError
from medquorum.network.cli.status import status
from medquorum.network.consortium.consortium import Consortium, load, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.chaincodes import request
from medquorum.network.fabric.binaries import find
from medquorum.network.network import Kind, open_network
from medquorum.network.supervision.ports import check_ports, local_ports
from medquorum.network.supervision.processes import marked
from medquorum.network.supervision.reservation import FIRST_PORT, reserved_folder, reserved_ports

from .options import LAST_PORT
from .processes.environment import proxies_left_out

__all__ = ["Network", "check_folder", "choose_network", "running_network", "trial_folder"]

MARKER = "made-by-quickstart"
_KINDS: dict[str, Kind] = {"fabric": "fabric", "devnet": "devnet"}


@dataclass(frozen=True)
class Network:
    """A running network's folder (docs/reference/network.md) and what kind it is (``fabric`` or ``devnet``)."""

    directory: Path
    kind: str

    def organisation(self, name: str) -> Path:
        """Return the folder of a peer organisation, by the first label of its domain."""
        return self.directory / "organizations" / "peerOrganizations" / f"{name}.example.com"

    def profile(self, name: str) -> Path:
        """Return an organisation's connection profile."""
        return self.organisation(name) / f"connection-{name}.json"

    def msp_id(self, name: str) -> str:
        """Return an organisation's MSP id."""
        document = self._profile(name)
        return str(document["organizations"][document["client"]["organization"]]["mspid"])

    def service(self, name: str) -> str:
        """Return the address of an organisation's own service (verifiers and dealer)."""
        return str(self._profile(name)["medquorum"]["service"])

    def _profile(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.profile(name).read_text()))

    def consortium_document(self) -> dict[str, Any]:
        """Return the ledger's consortium: who is a member in which roles, and how many verifiers endorse."""
        described = load(self.directory / "consortium.toml")
        members = {organisation.msp_id: list(organisation.roles) for organisation in described.organisations}
        return {"quorum": described.quorum, "members": members}

    def ledger_bytes(self, organisation: str) -> int:
        """Count what one organisation's peer keeps on disk (the devnet: its one ledger)."""
        places = [self.directory / "devnet"] if self.kind == "devnet" else []
        places = places or list((self.directory / "data").glob(f"*{organisation}.example.com"))
        return sum(file.stat().st_size for path in places for file in path.rglob("*") if file.is_file())


def choose_network(wanted: str | None, console: Console) -> str:
    """Return ``fabric`` when its binaries are found (or wanted), otherwise ``devnet``, and say which and why."""
    if wanted == "devnet":
        console.print("Network: the embedded devnet, as asked. It is no production ledger.")
        return wanted
    try:
        binaries = find()
    except BinaryMissing as missing:
        if wanted == "fabric":
            raise
        console.print(f"Network: the embedded devnet, no production ledger. {missing}", highlight=False)
        return "devnet"
    console.print(f"Network: real Fabric, binaries in {binaries.home}", highlight=False)
    return "fabric"


@contextmanager
def trial_folder(wanted: Path) -> Iterator[Path]:
    """Yield the network's folder for a trial: the one that is wanted, or one beside it while another trial uses it."""
    with reserved_folder(wanted) as folder:
        if folder != wanted:
            _print(f"Another trial runs in {wanted}: this one takes {folder}.")
        yield folder


@contextmanager
def running_network(
    directory: Path,
    kind: str,
    hospitals: int,
    *,
    port_base: int | None = None,
    keep: bool = False,
    batch_interval: int | None = None,
    fork: bool = True,
) -> Iterator[Network]:
    """Bring the quickstart's network up with its chaincode, and down on leaving unless ``keep``.

    A folder that was there before keeps its data, and a network that ran before goes on running. Without ``port_base``
    a new network takes a block of ports that nobody uses, without ``batch_interval`` (milliseconds) the sample's.
    Without ``fork`` each chaincode is a new process.
    """
    with ExitStack() as held:
        folder = NetworkFolder(directory)
        if _is_outdated(folder, kind, hospitals):
            aside = directory.with_name(f"{directory.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
            _print(f"{directory} is of an earlier trial with other options, which does not run: moved to {aside}.")
            directory.rename(aside)
        existed = folder.consortium.exists()
        if existed:
            _report_more(directory, hospitals)
        else:
            base = held.enter_context(reserved_ports(_block(hospitals))) if port_base is None else port_base
            if port_base is None and base != FIRST_PORT:
                _print(
                    f"Ports from {FIRST_PORT} are in use: this network takes {base} to {base + _block(hospitals) - 1}."
                )
            described = sample("quickstart", hospitals=hospitals, port_base=base, batch_interval_ms=batch_interval)
            write(described, folder.consortium)
            (directory / MARKER).write_text("The quickstart made this folder; it may move it aside.\n")
        opened, chosen = open_network(directory), _KINDS[kind]
        ran = existed and bool(status(opened)["supervisors"])
        try:
            with proxies_left_out():
                opened.up(chosen, fork=fork)
                opened.deploy(request(opened.consortium))
            yield Network(directory, kind)
        finally:
            if not keep and not ran:
                opened.down(purge=not existed)


def check_folder(directory: Path, kind: str, hospitals: int, port_base: int | None = None) -> Consortium:
    """Return the consortium that a run in this folder will have; the folder need not exist yet.

    Raises
    ------
    ConfigError
        It holds a network with fewer hospitals, or of another kind, that runs or that is not the quickstart's.
    NetworkError
        Somebody else listens on a port of a network that does not run yet.
    """
    folder = NetworkFolder(directory)
    if not folder.consortium.exists() or _is_outdated(folder, kind, hospitals):
        if port_base is not None:
            _check_range(port_base, hospitals)
        consortium = sample("quickstart", hospitals=hospitals, port_base=port_base)
        if port_base is not None:
            check_ports(consortium, folder, services=True)
        return consortium
    consortium = load(folder.consortium)
    count = len(consortium.having("hospital"))
    if count < hospitals:
        raise ConfigError(
            f"the network in {directory} has {count} hospitals, not {hospitals}",
            "Choose another folder with --dir, or fewer with --hospitals",
        )
    if (brought_up := _kind(folder) or kind) != kind:
        raise ConfigError(
            f"the network in {directory} is of kind {brought_up}, not {kind}",
            f"Choose another folder with --dir, or --network {brought_up}",
        )
    if not marked(folder):
        check_ports(consortium, folder, services=True)
    return consortium


def _check_range(port_base: int, hospitals: int) -> None:
    if (last := port_base + _block(hospitals) - 1) > LAST_PORT:
        raise ConfigError(
            f"a network of {hospitals} hospitals takes the ports {port_base} to {last}, the last one is {LAST_PORT}",
            f"Give --port-base {LAST_PORT + 1 - _block(hospitals)} or less",
        )


def _is_outdated(folder: NetworkFolder, kind: str, hospitals: int) -> bool:
    """Return whether a folder is of an earlier trial with other options, and nothing runs in it."""
    if not (folder.root / MARKER).exists() or not folder.consortium.exists() or marked(folder):
        return False
    count = len(load(folder.consortium).having("hospital"))
    return count != hospitals or (_kind(folder) or kind) != kind


def _kind(folder: NetworkFolder) -> str:
    """Return what a folder was brought up as; empty before."""
    return folder.kind.read_text().strip() if folder.kind.exists() else ""


def _block(hospitals: int) -> int:
    """Return how many ports a network takes from its first one on."""
    base = FIRST_PORT
    return max(local_ports(sample("quickstart", hospitals=hospitals, port_base=base), services=True)) - base + 1


def _report_more(directory: Path, wanted: int) -> None:
    count = len(load(directory / "consortium.toml").having("hospital"))
    if count > wanted:
        _print(
            f"The network in {directory} has {count} hospitals: all their peers run, {wanted} of them train. "
            "Another --dir begins with a network of that size."
        )


def _print(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(text, highlight=False, markup=False)
