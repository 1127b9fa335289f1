# SPDX-License-Identifier: Apache-2.0
"""Joining orderers and peers to a channel; each step may be repeated."""

from __future__ import annotations

import re

import tenacity

from medquorum import NetworkError
from network.consortium import OrdererOrganisation, Organisation
from network.fabric.client import AdminClient

__all__ = ["join_orderer", "join_peer"]

CREATED, ALREADY_THERE = 201, 405

# A node that has just started may report its health before it takes administrators' calls.
_retried = tenacity.retry(
    retry=tenacity.retry_if_exception_type(NetworkError),
    wait=tenacity.wait_fixed(0.3),
    stop=tenacity.stop_after_attempt(20),
    reraise=True,
)


@_retried
def join_orderer(client: AdminClient, one: OrdererOrganisation, channel: str) -> bool:
    """Join an orderer through its admin port (mutual TLS); False when it was in the channel already."""
    block = client.folder.block(channel)
    answer = client.osnadmin(one, "channel", "join", "--channelID", channel, "--config-block", str(block))
    found = re.search(r"Status: (\d+)", answer)
    status = int(found.group(1)) if found else 0
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
