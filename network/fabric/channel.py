# SPDX-License-Identifier: Apache-2.0
"""Joining orderers and peers to a channel; each step may be repeated."""

from __future__ import annotations

import re

import tenacity

from medquorum import NetworkError
from network.consortium import AnyOrganisation, OrdererOrganisation, Organisation
from network.fabric.client import AdminClient

__all__ = ["is_joined", "join_orderer", "join_peer"]

FOUND, CREATED, UNKNOWN, ALREADY_THERE = 200, 201, 404, 405

# A node that has just started may report its health before it takes administrators' calls.
_retried = tenacity.retry(
    retry=tenacity.retry_if_exception_type(NetworkError),
    wait=tenacity.wait_fixed(0.3),
    stop=tenacity.stop_after_attempt(20),
    reraise=True,
)


@_retried
def is_joined(client: AdminClient, one: AnyOrganisation, channel: str) -> bool:
    """Ask an organisation's running node whether it is in the channel."""
    if isinstance(one, Organisation):
        return channel in client.peer(one, "channel", "list").splitlines()
    answer = client.osnadmin(one, "channel", "list", "--channelID", channel)
    status = _status(answer)
    if status not in (FOUND, UNKNOWN):
        raise NetworkError(
            f"{one.name} does not list {channel}: {answer.strip()}", f"See {client.folder.log(one.node)}"
        )
    return status == FOUND


@_retried
def join_orderer(client: AdminClient, one: OrdererOrganisation, channel: str) -> bool:
    """Join an orderer through its admin port (mutual TLS); False when it was in the channel already."""
    block = client.folder.block(channel)
    answer = client.osnadmin(one, "channel", "join", "--channelID", channel, "--config-block", str(block))
    status = _status(answer)
    if status not in (CREATED, ALREADY_THERE):
        raise NetworkError(f"{one.name} did not join {channel}: {answer.strip()}", f"See {client.folder.log(one.node)}")
    return status == CREATED


@_retried
def join_peer(client: AdminClient, one: Organisation, channel: str) -> bool:
    """Join an organisation's peer from the genesis block; False when it was in the channel already."""
    try:
        client.peer(one, "channel", "join", "-b", str(client.folder.block(channel)))
    except NetworkError as error:
        if "already exists" in error.cause:
            return False
        raise
    return True


def _status(answer: str) -> int:
    """Read the HTTP status in what ``osnadmin`` printed, 0 when there is none."""
    found = re.search(r"Status: (\d+)", answer)
    return int(found.group(1)) if found else 0
