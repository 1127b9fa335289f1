# SPDX-License-Identifier: Apache-2.0
"""Joining orderers and peers to a channel; each step may be repeated."""

from __future__ import annotations

import re

import tenacity
from fabric_protos.common import common_pb2

from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import AnyOrganisation, OrdererOrganisation, Organisation
from medquorum.network.fabric.client import AdminClient, document_in
from medquorum.network.supervision.waiting import await_true

__all__ = ["await_caught_up", "is_joined", "join_orderer", "join_peer"]

CATCH_UP = 900.0
"""Seconds a newcomer's peer may take to fetch the channel's blocks."""
FOUND, CREATED, UNKNOWN, ALREADY_THERE = 200, 201, 404, 405

# A node that has just started may report its health before it takes administrators' calls.
_retried = tenacity.retry(
    retry=tenacity.retry_if_exception_type(NetworkError),
    wait=tenacity.wait_fixed(0.3),
    stop=tenacity.stop_after_attempt(20),
    reraise=True,
)


@_retried
def is_joined(client: AdminClient, organisation: AnyOrganisation, channel: str) -> bool:
    """Ask an organisation's running node whether it is in the channel."""
    if isinstance(organisation, Organisation):
        return channel in client.peer(organisation, "channel", "list").splitlines()
    answer = client.osnadmin(organisation, "channel", "list", "--channelID", channel)
    status = _status(answer)
    if status not in (FOUND, UNKNOWN):
        raise NetworkError(
            f"{organisation.name} does not list {channel}: {answer.strip()}",
            f"See {client.folder.log(organisation.node)}",
        )
    return status == FOUND


@_retried
def join_orderer(client: AdminClient, organisation: OrdererOrganisation, channel: str) -> bool:
    """Join an orderer through its admin port (mutual TLS); False when it was in the channel already."""
    block = client.folder.block(channel)
    answer = client.osnadmin(organisation, "channel", "join", "--channelID", channel, "--config-block", str(block))
    status = _status(answer)
    if status not in (CREATED, ALREADY_THERE):
        raise NetworkError(
            f"{organisation.name} did not join {channel}: {answer.strip()}",
            f"See {client.folder.log(organisation.node)}",
        )
    return status == CREATED


@_retried
def join_peer(client: AdminClient, organisation: Organisation, channel: str) -> bool:
    """Join an organisation's peer from the genesis block; False when it was in the channel already."""
    try:
        client.peer(organisation, "channel", "join", "-b", str(client.folder.block(channel)))
    except NetworkError as error:
        if "already exists" in error.cause:
            return False
        raise
    return True


def await_caught_up(client: AdminClient, organisation: Organisation) -> None:
    """Wait until an organisation's peer has the blocks an orderer has now; where no orderer answers, there is no wait.

    Raises
    ------
    StartTimeout
        It is still fetching after `CATCH_UP` seconds.
    """
    try:
        block = client.fetch_block(organisation, "newest")
    except NetworkError:
        return
    newest = common_pb2.Block.FromString(block).header.number
    log = client.folder.log(organisation.node)
    await_true(
        lambda: _height(client, organisation) > newest,
        CATCH_UP,
        f"{organisation.name}'s peer still fetches blocks",
        log,
    )


def _height(client: AdminClient, organisation: Organisation) -> int:
    answer = client.peer(organisation, "channel", "getinfo", "-c", client.consortium.channel.name)
    return int(document_in(answer)["height"])


def _status(answer: str) -> int:
    """Read the HTTP status in what ``osnadmin`` printed, 0 when there is none."""
    match = re.search(r"Status: (\d+)", answer)
    return int(match.group(1)) if match else 0
