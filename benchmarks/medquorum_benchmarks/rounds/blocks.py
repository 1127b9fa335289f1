# SPDX-License-Identifier: Apache-2.0
"""How many transactions and blocks a round took: read from the blocks, between its opening and its end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, HeaderType, Payload

from medquorum.gateway import connect_profile

__all__ = ["RoundCost", "round_costs"]


@dataclass(frozen=True)
class RoundCost:
    """A round's transactions after the one that opened it, its last one included, and the blocks they are in.

    ``bytes`` are those of the transactions in the blocks.
    """

    round: int
    transactions: int
    blocks: int
    bytes: int


def round_costs(profile: Path, task: str, rounds: int) -> list[RoundCost]:
    """Count what the rounds from 2 on took; purges of what is over, and other tasks' steps, count too.

    ``profile`` is a verifier's, whose peer is asked.
    """
    with connect_profile(profile, "User1") as gateway:
        channel = gateway.get_network("mychannel")
        contract = channel.get_contract("medquorum")

        def steps(number: int) -> tuple[str, str]:
            versions = json.loads(contract.evaluate("ReadHistory", arguments=["round", json.dumps([task, number])]))
            return versions[-1]["tx_id"], versions[0]["tx_id"]

        bounds = {number: steps(number) for number in range(2, rounds + 1)}
        places: list[tuple[str, int, int]] = []
        with channel.block_events(start_block=0) as blocks:
            for block in blocks:
                places += [(name, block.header.number, size) for name, size in _transactions(block)]
                if bounds[rounds][1] in {name for name, *_ in places}:
                    break
    names = [name for name, *_ in places]
    costs = []
    for number, (opening, ending) in bounds.items():
        between = places[names.index(opening) + 1 : names.index(ending) + 1]
        blocks_in, sizes = {block for _, block, _ in between}, [size for *_, size in between]
        costs.append(RoundCost(number, len(between), len(blocks_in), sum(sizes)))
    return costs


def _transactions(block: Any) -> list[tuple[str, int]]:
    """Return the ids and bytes of a block's chaincode transactions, in order."""
    found = []
    for entry in block.data.data:
        header = ChannelHeader.FromString(Payload.FromString(Envelope.FromString(entry).payload).header.channel_header)
        if header.type == HeaderType.ENDORSER_TRANSACTION:
            found.append((header.tx_id, len(entry)))
    return found
