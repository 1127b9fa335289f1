# SPDX-License-Identifier: Apache-2.0
"""Brings the embedded devnet up and chaincode onto it: the same folders, processes and supervision as real Fabric."""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import asdict, replace

from medquorum.core.private_files import make_private_folder
from medquorum.network.consortium.consortium import LOOPBACK, Consortium
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.chaincodes import (
    Deployment,
    await_listening,
    chaincode_process,
    deployments,
    free_slot,
    retire,
    save,
)
from medquorum.network.deployment.package import make_package, package_id
from medquorum.network.identity import crypto, profiles
from medquorum.network.supervision import control, health
from medquorum.network.supervision.processes import Process
from medquorum.network.supervision.progress import Progress
from medquorum.network.supervision.waiting import await_true

__all__ = ["DEVNET", "bring_up", "deploy"]

DEVNET = "devnet"
START_SECONDS = 60


def bring_up(consortium: Consortium, folder: NetworkFolder, progress: Progress, *, fork: bool = True) -> None:
    """Make keys and start the devnet's one process; returns when every organisation's address answers."""
    with progress.step(f"keys of all {len(consortium.everyone)} organisations, in one place (for trials)"):
        crypto.generate(consortium, folder)
        profiles.write_all(consortium, folder)
    with progress.step(f"devnet with {len(consortium.members)} organisations"):
        command = [sys.executable, "-m", "medquorum.network.devnet", "--dir", str(folder.root)]
        Process(DEVNET, DEVNET, DEVNET, command, {}).save(folder)
        control.supervise(folder, fork=fork)
        for organisation in consortium.members:
            if organisation.peer:
                # Also there when the organisation's peer is switched down.
                ready = functools.partial(health.listens, LOOPBACK, organisation.peer.operations_port)
                await_true(ready, START_SECONDS, f"{organisation.name}'s address does not answer", folder.log(DEVNET))


def deploy(consortium: Consortium, folder: NetworkFolder, wanted: Deployment, progress: Progress) -> Deployment:
    """Start the chaincode processes and tell the devnet where they are; it has no approvals."""
    package = make_package(wanted.label)
    wanted = replace(wanted, package_id=package_id(wanted.label, package), slot=free_slot(folder, wanted))
    before = deployments(folder).get(wanted.name)
    sequence = 1 if before is None else before.sequence + (not before.same_definition(wanted))
    wanted = replace(wanted, sequence=sequence)
    endpoints = {}
    with progress.step(f"{len(consortium.members)} chaincode processes"):
        for organisation in consortium.members:
            process, address = chaincode_process(wanted, organisation, consortium, folder)
            process.save(folder)
            tls = folder.node_tls(organisation)
            endpoints[organisation.msp_id] = {
                "address": address,
                "root_cert": str(folder.tls_ca(organisation)),
                "client_cert": str(tls / "server.crt"),
                "client_key": str(tls / "server.key"),
            }
        control.supervise(folder)
        await_listening(consortium.members, wanted, folder)
    path = folder.devnet_chaincodes
    known = json.loads(path.read_text()) if path.exists() else {}
    fields = {key: asdict(wanted)[key] for key in ("version", "sequence", "policy", "collections", "package_id")}
    make_private_folder(path.parent)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(known | {wanted.name: fields | {"endpoints": endpoints}}, indent=1))
    new.replace(path)
    save(folder, wanted)
    retire(folder, wanted)
    control.supervise(folder)
    return wanted
