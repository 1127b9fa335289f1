# SPDX-License-Identifier: Apache-2.0
"""The channel: who is in it, how far each peer is, the chaincode, certificates that end, transactions refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medquorum.clients.dashboard.index.queries import Queries

__all__ = ["Ending", "NetworkPage", "network_page"]

DAY = 86_400
SOON = 30
"""Days before its end from which on a certificate is marked."""
BLOCKS, REFUSED = 10, 20
"""Latest blocks and refused transactions that are shown."""


@dataclass(frozen=True)
class Ending:
    """A certificate seen in the blocks, and the days it has left; the block it was seen in last."""

    msp: str
    name: str
    role: str
    ends: int
    days: int
    seen: int

    @property
    def is_soon(self) -> bool:
        """Return whether it ends soon, or has."""
        return self.days < SOON


@dataclass(frozen=True)
class NetworkPage:
    """What is known of the channel; ``roles`` are each member's in the consortium."""

    members: Sequence[str]
    orderers: Sequence[str]
    consensus: str
    configured: int
    roles: Mapping[str, Sequence[str]]
    quorum: int | None
    version: str
    certificates: Sequence[Ending]
    blocks: Sequence[sqlite3.Row]
    refused: Sequence[sqlite3.Row]


def network_page(queries: Queries, now: float) -> NetworkPage:
    """Return what the index knows of the channel; ``now`` in seconds since 1970."""
    configuration, consortium = queries.configuration(), queries.consortium()
    members, orderers, consensus, configured = [], [], "", 0
    if configuration is not None:
        members, orderers = json.loads(configuration["members"]), json.loads(configuration["orderers"])
        consensus, configured = configuration["consensus"], configuration["block"]
    certificates = [
        Ending(row["msp"], row["name"], row["role"], row["ends"], int(row["ends"] - now) // DAY, row["seen"])
        for row in queries.certificates()
    ]
    return NetworkPage(
        members,
        orderers,
        consensus,
        configured,
        {} if consortium is None else consortium.members,
        None if consortium is None else consortium.quorum,
        queries.chaincode_version(),
        certificates,
        queries.blocks(BLOCKS),
        queries.invalid(REFUSED),
    )
