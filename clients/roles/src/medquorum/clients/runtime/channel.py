# SPDX-License-Identifier: Apache-2.0
"""Which channel a process' folder belongs to: what it keeps for ever means nothing, or harm, on another one."""

from __future__ import annotations

import json
from pathlib import Path

from medquorum.core.block_header import header_hash
from medquorum.core.files import write_durably
from medquorum.errors import ConfigError
from medquorum.gateway import Network

__all__ = ["bind_folder", "genesis_hash"]

SILENCE = 30.0
"""Seconds the own peer may take to send block 0."""


def genesis_hash(network: Network) -> str:
    """Return the hash of block 0 as the own peer holds it, hex: what `auditor verify` prints as genesis.

    Raises
    ------
    GatewayError
        The peer cannot be asked, or has no such channel.
    """
    with network.block_events(start_block=0, timeout=SILENCE) as blocks:
        return header_hash(next(iter(blocks)).header).hex()


def bind_folder(state: Path, channel: str, genesis: str) -> None:
    """Write into a process' folder which channel it belongs to; the first time, for ever.

    Raises
    ------
    ConfigError
        It belongs to another one: a network made anew, or another channel of the same name.
    """
    place = state / "channel.json"
    if not place.exists():
        write_durably(place, json.dumps({"channel": channel, "genesis": genesis}).encode())
        return
    try:
        known = json.loads(place.read_bytes())
        owner = known["channel"], known["genesis"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{place} names no channel", "Give another folder with --state-dir") from error
    if owner != (channel, genesis):
        raise ConfigError(
            f"{state} belongs to the channel {owner[0]} of genesis {owner[1]}, this is {channel} of genesis {genesis}",
            "Give this channel a folder of its own with --state-dir; remove the old one only with its network",
        )
