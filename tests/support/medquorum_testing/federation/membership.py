# SPDX-License-Identifier: Apache-2.0
"""Hospitals that join and leave a running federation, as one host with all keys does it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from medquorum.network.cli.main import main
from medquorum.network.network import open_network
from medquorum.network.supervision.progress import Progress
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.federation_task import COORDINATOR

__all__ = ["changed", "tell_the_ledger"]


def changed(fed: Federation, verb: str, name: str) -> None:
    """Change the members by the command, and read the folder anew."""
    assert main(["hospital", verb, name, "--quiet", "--dir", str(fed.running.folder.root)]) == 0
    fed.running = replace(fed.running, network=open_network(fed.running.folder.root, Progress(quiet=True)))
    fed.hospitals = [one.name for one in fed.running.consortium.having("hospital")]


def tell_the_ledger(fed: Federation) -> None:
    """Two verifiers approve the members, the coordinator changes the task; then every hospital's peer knows."""
    members = {one.msp_id: list(one.roles) for one in fed.running.consortium.organisations}
    for verifier in ("VerifierA", "VerifierB"):
        document = {"quorum": 2, "members": members}
        fed.transactions(verifier, "Admin").submit("UpdateConsortium", document)
    await_true(lambda: _members(fed) == members, 30, "the coordinator's peer does not know the members")
    hospitals = [fed.msp(name) for name in fed.hospitals]
    fed.transactions(COORDINATOR).submit("UpdateHospitals", fed.name, json.dumps(hospitals))
    for name in fed.hospitals:
        await_true(partial(_knows, fed, name, hospitals), 30, f"{name}'s peer does not know the task's hospitals")


def _members(fed: Federation) -> dict[str, list[str]]:
    return {msp: list(roles) for msp, roles in fed.ledger("VerifierA").consortium().members.items()}


def _knows(fed: Federation, name: str, hospitals: list[str]) -> bool:
    return sorted(fed.ledger(name).task(fed.name).hospitals) == sorted(hospitals)
