# SPDX-License-Identifier: Apache-2.0
"""Deploys a chaincode on real Fabric: processes, package, approvals, commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import tenacity

from medquorum.errors import ConfigError, MedquorumError, NetworkError
from medquorum.network.consortium import policies
from medquorum.network.consortium.consortium import Consortium, Organisation
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
from medquorum.network.fabric import builder
from medquorum.network.fabric.bringup import in_parallel
from medquorum.network.fabric.channel import await_caught_up
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.lifecycle import Lifecycle
from medquorum.network.supervision import control, health
from medquorum.network.supervision.progress import Progress
from medquorum.network.supervision.waiting import becomes_true

__all__ = ["deploy"]

PEER_LAG_TIMEOUT = 20.0
"""Seconds one peer may be behind the others."""


def deploy(
    client: AdminClient,
    wanted: Deployment,
    progress: Progress,
    *,
    sequence: int | None = None,
    organisation: str | None = None,
) -> Deployment:
    """Bring a chaincode definition into the channel and its processes up.

    The same definition again only repeats what is missing (a wiped peer, a dead process); a changed one becomes the
    next sequence, and its processes run beside the old until it is committed. An organisation whose peer is down is
    left out and named, if the others suffice. With ``organisation`` only that one installs and approves; it commits
    when enough have approved.
    """
    folder, consortium = client.folder, client.consortium
    package = make_package(wanted.label)
    wanted = replace(wanted, package_id=package_id(wanted.label, package), slot=free_slot(folder, wanted))
    file = folder.packages / f"{wanted.label}.tar.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(package)
    members = [member for member in consortium.members if organisation in (None, member.name)]
    with progress.step(f"{len(members)} chaincode processes"):
        _start(client, wanted, members, organisation)  # they import while peers install and approve
    with progress.step("install"):
        works = _those_that_can(lambda member: Lifecycle(client, wanted).install(member, file), members, progress)
    first = works[0]
    with progress.step(f"{first.name}'s peer has the channel's blocks"):
        await_caught_up(client, first)
    committed = Lifecycle(client, wanted).committed_sequence(first)
    if sequence is not None and sequence > committed + 1:
        raise ConfigError(f"sequence {sequence} is too high", f"The next one of {wanted.name} is {committed + 1}")
    if sequence in (None, committed) and _is_committed(client, replace(wanted, sequence=committed), first):
        wanted = replace(wanted, sequence=committed)
        with progress.step("approvals that are missing"):
            _those_that_can(Lifecycle(client, wanted).approve, works, progress)
        _await_processes(wanted, members, folder, progress)
    else:
        wanted = replace(wanted, sequence=sequence or committed + 1)
        lifecycle = Lifecycle(client, wanted)
        works, endorsers = _approve(lifecycle, works, consortium, progress)
        _await_processes(wanted, members, folder, progress)
        _commit_and_initialise(lifecycle, works[0], endorsers, progress)
    save(folder, wanted)
    retire(folder, wanted)
    control.supervise(folder, organisation)
    return wanted


def _is_committed(client: AdminClient, wanted: Deployment, asked: Organisation) -> bool:
    """Return whether the channel's definition is the wanted one; if others committed it, ``asked`` approves it now."""
    before = deployments(client.folder).get(wanted.name)
    if wanted.sequence == 0:
        return False
    if before and before.sequence == wanted.sequence:
        return before.same_definition(wanted)
    lifecycle = Lifecycle(client, wanted)
    lifecycle.write_collections()
    return lifecycle.approve_committed(asked)


def _approve(
    lifecycle: Lifecycle, works: list[Organisation], consortium: Consortium, progress: Progress
) -> tuple[list[Organisation], list[Organisation]]:
    """Approve for the organisations; return those that did, and those of the whole consortium that can endorse."""
    wanted = lifecycle.deployment
    lifecycle.write_collections()
    with progress.step(f"approve {wanted.name} {wanted.version}, sequence {wanted.sequence}"):
        works = _those_that_can(lifecycle.approve, works, progress)
        approved = _approvals(lifecycle, works)
    lacking = _lacking(approved, consortium)
    if lacking:
        raise NetworkError(
            f"approved but not committed: {lacking}", "Run deployCC for the others (`--org`), then again"
        )
    return works, [
        organisation
        for organisation in consortium.members
        if approved.get(organisation.msp_id) and _reachable(organisation)
    ]


def _approvals(lifecycle: Lifecycle, works: list[Organisation]) -> dict[str, bool]:
    """Ask the first organisation's peer for all approvals, until it has those of ``works``."""
    approved: dict[str, bool] = {}

    def has_them() -> bool:
        approved.update(lifecycle.approvals(works[0]))
        return all(approved.get(member.msp_id) for member in works)

    becomes_true(has_them, PEER_LAG_TIMEOUT)
    return approved


def _await_processes(
    wanted: Deployment, members: list[Organisation], folder: NetworkFolder, progress: Progress
) -> None:
    with progress.step("chaincode processes listen"):
        await_listening(members, wanted, folder)


def _commit_and_initialise(
    lifecycle: Lifecycle, sender: Organisation, endorsers: list[Organisation], progress: Progress
) -> None:
    with progress.step("commit"):
        _commit(lifecycle, sender, endorsers)
    if lifecycle.deployment.init:
        with progress.step(f"initialise with {lifecycle.deployment.init}"):
            lifecycle.initialise(endorsers)


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(NetworkError),
    wait=tenacity.wait_fixed(0.5),
    stop=tenacity.stop_after_attempt(6),
    reraise=True,
)
def _commit(lifecycle: Lifecycle, sender: Organisation, endorsers: list[Organisation]) -> None:
    """Commit; peers that have only just met may refuse at first."""
    if lifecycle.committed_sequence(sender) < lifecycle.deployment.sequence:
        lifecycle.commit(sender, endorsers)


def _start(client: AdminClient, wanted: Deployment, members: list[Organisation], organisation: str | None) -> None:
    folder = client.folder
    for member in members:
        process, address = chaincode_process(wanted, member, client.consortium, folder)
        process.save(folder)
        builder.set_target(folder, member, wanted.label, address)
    control.supervise(folder, organisation)


def _those_that_can(
    action: Callable[[Organisation], None], organisations: list[Organisation], progress: Progress
) -> list[Organisation]:
    """Act for every organisation; those that fail are named, all failing is an error."""

    def attempt(organisation: Organisation) -> MedquorumError | None:
        try:
            action(organisation)
        except MedquorumError as error:
            return error
        return None

    failures = dict(
        zip((organisation.name for organisation in organisations), in_parallel(attempt, organisations), strict=True)
    )
    failed = {name: error for name, error in failures.items() if error}
    if len(failed) == len(organisations):
        raise next(iter(failed.values()))
    for name, error in failed.items():
        progress.warn(f"{name} is left out: {error}")
    return [organisation for organisation in organisations if organisation.name not in failed]


def _lacking(approved: dict[str, bool], consortium: Consortium) -> str:
    """Return what the approvals lack of k verifiers and a third of the hospitals; empty when they suffice."""
    verifiers = sum(approved.get(organisation.msp_id, False) for organisation in consortium.having("verifier"))
    hospitals = sum(approved.get(organisation.msp_id, False) for organisation in consortium.having("hospital"))
    third = policies.third_of_hospitals(consortium)
    if verifiers >= consortium.quorum and hospitals >= third:
        return ""
    return f"approved by {verifiers} verifiers and {hospitals} hospitals; {consortium.quorum} and {third} are needed"


def _reachable(organisation: Organisation) -> bool:
    return organisation.peer is not None and health.listens(organisation.peer.host, organisation.peer.port)
