# SPDX-License-Identifier: Apache-2.0
"""One network folder and what can be done with it, whichever network it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from medquorum.errors import BinaryMissing, ConfigError, NetworkError
from medquorum.network.consortium.consortium import Consortium, load
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.chaincodes import Deployment, await_listening, deployments, renewed
from medquorum.network.devnet import bringup as embedded
from medquorum.network.devnet import switch as devnet
from medquorum.network.fabric import binaries, bringup, config_update
from medquorum.network.fabric import deploy as fabric
from medquorum.network.fabric.client import AdminClient
from medquorum.network.identity import crypto
from medquorum.network.supervision import control
from medquorum.network.supervision.ports import check_ports
from medquorum.network.supervision.processes import processes
from medquorum.network.supervision.progress import Progress

__all__ = ["Kind", "Network", "open_network"]

Kind = Literal["fabric", "devnet"]


@dataclass(frozen=True)
class Network:
    """A folder with its consortium."""

    folder: NetworkFolder
    consortium: Consortium
    progress: Progress = field(default_factory=Progress)

    @property
    def kind(self) -> Kind | None:
        """What the folder was brought up as, None before."""
        path = self.folder.kind
        word = path.read_text().strip() if path.exists() else ""
        return next((kind for kind in get_args(Kind) if kind == word), None)

    @property
    def client(self) -> AdminClient:
        """Fabric's command lines for this network.

        Raises
        ------
        NetworkError
            When the folder does not run real Fabric.
        """
        if self.kind != "fabric":
            raise NetworkError(
                "this needs a network of real peers",
                "Bring one up with `medquorum-network up --network fabric`; the devnet serves Gateway clients only",
            )
        return AdminClient(self.consortium, self.folder, binaries.find())

    def up(self, kind: Kind | None = None, organisation: str | None = None, *, fork: bool = True) -> Kind:
        """Bring the network up, or what of it is missing; return its kind.

        Without ``kind``: as before, else real Fabric when its binaries are found, else the devnet. Without ``fork`` the
        chaincodes of several organisations share nothing that they import.
        """
        chosen = kind or self.kind or _available()
        if organisation:
            organisation = self.consortium.anyone(organisation).name
            if chosen == "devnet":
                raise ConfigError("the devnet is one process for all", "Leave --org out, or use real Fabric")
        if self.kind not in (None, chosen):
            raise ConfigError(
                f"{self.folder.root} holds a network of kind {self.kind}", "Use another folder, or `down --purge` first"
            )
        check_ports(self.consortium, self.folder, organisation=organisation)
        fabric_programs = binaries.find() if chosen == "fabric" else None
        self.folder.kind.write_text(chosen + "\n")
        if fabric_programs is None:
            embedded.bring_up(self.consortium, self.folder, self.progress, fork=fork)
        else:
            bringup.bring_up(self.consortium, self.folder, fabric_programs, self.progress, organisation, fork=fork)
        chaincodes = {process.name for process in processes(self.folder, organisation) if process.kind == "chaincode"}
        for deployed in deployments(self.folder).values():
            members = [
                organisation
                for organisation in self.consortium.members
                if deployed.process_name(organisation) in chaincodes
            ]
            with self.progress.step(f"chaincode {deployed.name}"):
                await_listening(members, deployed, self.folder)
        return chosen

    def create_channel(self) -> None:
        """Make the consortium's channel and join everyone; on the devnet the channel is there from the start."""
        if self.kind == "fabric":
            bringup.create_channel(self.consortium, self.folder, binaries.find(), self.progress)
        elif self.consortium.channel.name != load(self.folder.consortium).channel.name:
            raise ConfigError("the devnet has one channel", "Name it in consortium.toml before the first `up`")

    def deploy(self, wanted: Deployment, *, sequence: int | None = None, organisation: str | None = None) -> Deployment:
        """Deploy a chaincode, or what of its deployment is missing."""
        if self.kind == "devnet":
            return embedded.deploy(self.consortium, self.folder, wanted, self.progress)
        return fabric.deploy(self.client, wanted, self.progress, sequence=sequence, organisation=organisation)

    def with_consortium(self, consortium: Consortium) -> Network:
        """Return the same folder with a changed consortium, which the caller writes."""
        return replace(self, consortium=consortium)

    def adopt(self) -> None:
        """Make the running channel what the consortium's file says, with the keys of everyone in this folder.

        Keys and nodes of new organisations, configuration, chaincode definitions; the processes of organisations that
        left end. Each step is skipped where it was done.
        """
        with self.progress.step("channel configuration"):
            crypto.generate(self.consortium, self.folder)
            config_update.apply(self.client)
        names = [organisation.name for organisation in self.consortium.everyone]
        for process in processes(self.folder):
            if process.organisation not in names:
                self.folder.process(process.name).unlink()
        self.up()
        for deployment in deployments(self.folder).values():
            self.deploy(renewed(deployment, self.consortium))

    def down(self, *, purge: bool = False) -> int:
        """End every process of this network; return their number."""
        return control.bring_down(self.folder, purge=purge)

    def restart(self) -> Kind:
        """End every process and bring them up again; ledgers and chaincodes stay."""
        self.down()
        return self.up()

    def switch(self, name: str, on: bool) -> list[str]:
        """Stop or start one process, or all of one organisation's; return their names."""
        known = processes(self.folder)
        names = [process.name for process in known if process.name == name]
        if not names:
            organisation = self.consortium.organisation(name)
            names = [process.name for process in known if process.organisation == organisation.name]
            if self.kind == "devnet":
                devnet.switch(self.folder.root, organisation.name, devnet.State.UP if on else devnet.State.DOWN)
        control.switch(self.folder, names, on)
        return names


def open_network(root: Path, progress: Progress | None = None, channel: str | None = None) -> Network:
    """Open a network folder, on the consortium's channel or another.

    Raises
    ------
    ConfigError
        When it has no valid ``consortium.toml``, or the channel's name is not one.
    """
    folder = NetworkFolder(root.resolve())
    consortium = load(folder.consortium)
    return Network(folder, consortium.on_channel(channel) if channel else consortium, progress or Progress())


def _available() -> Kind:
    try:
        binaries.find()
    except BinaryMissing:
        return "devnet"
    return "fabric"
