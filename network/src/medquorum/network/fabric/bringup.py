# SPDX-License-Identifier: Apache-2.0
"""From a consortium file to running peers and orderers in one channel; each step is skipped where it was done."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import (
    AnyOrganisation,
    Consortium,
    OrdererOrganisation,
    Organisation,
)
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import builder, nodes
from medquorum.network.fabric.binaries import Binaries
from medquorum.network.fabric.channel import is_joined, join_orderer, join_peer
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.configtx import make_genesis
from medquorum.network.fabric.genesis_check import check_genesis
from medquorum.network.identity import crypto, msp_folder, profiles
from medquorum.network.supervision import control, health
from medquorum.network.supervision.progress import Progress
from medquorum.network.supervision.waiting import await_true

__all__ = ["bring_up", "create_channel", "in_parallel"]

START_SECONDS = 60
WORKERS = 6
Item = TypeVar("Item")
Result = TypeVar("Result")


def bring_up(
    consortium: Consortium,
    folder: NetworkFolder,
    binaries: Binaries,
    progress: Progress,
    organisation: str | None = None,
    *,
    fork: bool = True,
) -> None:
    """Make keys and configuration, start the nodes and join them to the channel.

    With ``organisation`` only that one's nodes, from its own folder: the others run on hosts of their own, and the
    folder holds their bundles and the founder's genesis block, which is checked before the first join. Otherwise all
    keys are made in this one place.

    Raises
    ------
    CheckFailed
        When the founder's block is not what the consortium's file and the bundles make it; no node has joined.
    """
    version = binaries.version()
    if consortium.consensus == "BFT" and version.startswith("2."):
        raise ConfigError("Fabric 2 has no BFT", 'Use Fabric 3, or consensus = "raft"')
    _prepare_keys(consortium, folder, progress, organisation)
    with progress.step("genesis block and configuration"):
        _prepare_genesis(consortium, folder, binaries, organisation)
        builder.install(folder)
        peers, orderers = _chosen(consortium, organisation)
        limits = nodes.go_limits(len(peers) + len(orderers), os.cpu_count() or 1)
        for peer_of in peers:
            if peer_of.peer:
                nodes.peer_process(peer_of, peer_of.peer, folder, binaries, version, limits).save(folder)
        for orderer_of in orderers:
            nodes.orderer_process(orderer_of, consortium, folder, binaries, limits).save(folder)
    with progress.step(f"{len(orderers)} orderers and {len(peers)} peers"):
        control.supervise(folder, organisation, fork=fork)
        ports: list[tuple[AnyOrganisation, int]] = [(orderer_of, orderer_of.operations_port) for orderer_of in orderers]
        ports += [(peer_of, peer_of.peer.operations_port) for peer_of in peers if peer_of.peer]
        for node_of, port in ports:
            healthy = functools.partial(health.serves, port, folder.node_tls(node_of))
            await_true(healthy, START_SECONDS, f"{node_of.node} is not healthy", folder.log(node_of.node))
    create_channel(consortium, folder, binaries, progress, organisation)


def create_channel(
    consortium: Consortium,
    folder: NetworkFolder,
    binaries: Binaries,
    progress: Progress,
    organisation: str | None = None,
) -> None:
    """Make the channel's genesis block and join the running nodes to it."""
    channel = consortium.channel.name
    client = AdminClient(consortium, folder, binaries)
    peers, orderers = _chosen(consortium, organisation)
    with progress.step(f"channel {channel}"):
        _prepare_genesis(consortium, folder, binaries, organisation)
        nodes_of: list[AnyOrganisation] = [*peers, *orderers]
        if organisation and not all(is_joined(client, node, channel) for node in nodes_of):
            later = check_genesis(client)
            if later:
                progress.warn(f"{', '.join(later)} came after the founding: not in the genesis block")
        in_parallel(lambda orderer_of: join_orderer(client, orderer_of, channel), orderers)
        in_parallel(lambda peer_of: join_peer(client, peer_of, channel), peers)


def in_parallel(action: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Run an action on each item in a few threads; the first error is raised once all have ended."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(action, items))


def _prepare_keys(consortium: Consortium, folder: NetworkFolder, progress: Progress, organisation: str | None) -> None:
    if organisation:
        with progress.step(f"keys of {organisation}, bundles of the others"):
            msp_folder.require(consortium, folder, consortium.anyone(organisation))
            profiles.write_all(consortium, folder)
        return
    foreign = [
        organisation.name
        for organisation in consortium.everyone
        if folder.msp(organisation).is_dir() and not msp_folder.is_own(folder, organisation)
    ]
    if foreign:
        raise ConfigError(
            f"{foreign[0]}'s keys are on another host", "Name the organisation of this one: `up --org NAME`"
        )
    with progress.step(f"keys of all {len(consortium.everyone)} organisations, in one place (for trials)"):
        crypto.generate(consortium, folder)
        profiles.write_all(consortium, folder)


def _prepare_genesis(
    consortium: Consortium, folder: NetworkFolder, binaries: Binaries, organisation: str | None
) -> None:
    """Make the genesis block; an organisation on its own takes the founder's: another one is another channel."""
    block = folder.block(consortium.channel.name)
    if organisation and not block.exists():
        raise ConfigError(f"no genesis block {block}", "Copy the founder's, who makes it with `channel genesis`")
    make_genesis(consortium, folder, binaries)


def _chosen(consortium: Consortium, name: str | None) -> tuple[list[Organisation], list[OrdererOrganisation]]:
    peers = [organisation for organisation in consortium.members if name in (None, organisation.name)]
    orderers = [organisation for organisation in consortium.orderers if name in (None, organisation.name)]
    return peers, orderers
