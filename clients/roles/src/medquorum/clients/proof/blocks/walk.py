# SPDX-License-Identifier: Apache-2.0
"""A walk along the chain: each block is held against the one before it and the configuration in force there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fabric_protos.common.common_pb2 import BlockMetadataIndex, HeaderType
from fabric_protos.peer.proposal_pb2 import ChaincodeHeaderExtension
from fabric_protos.peer.transaction_pb2 import TxValidationCode
from google.protobuf.message import DecodeError

from medquorum.clients.proof.blocks.chain import check_link
from medquorum.clients.proof.blocks.ordering import check_block_signatures, last_configuration
from medquorum.clients.proof.blocks.transaction import BlockTransaction, check_author
from medquorum.clients.proof.configuration import Configuration, is_configuration, read_configuration, time_of
from medquorum.clients.proof.envelope import REMEDY, Entry, read_entry, read_genesis_entry
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.identities.msp import TIME_WINDOW
from medquorum.errors import CheckFailed

__all__ = ["Tip", "Trust", "begin", "follow", "skip"]


@dataclass(frozen=True)
class Trust:
    """What a walk starts from, whoever answers: the channel and chaincode, the authorities, block 0 if it is known.

    ``now`` is the reader's own clock.
    """

    channel: str
    chaincode: str
    authorities: Authorities
    genesis: bytes | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Tip:
    """Where a walk stands: the last block, its transactions, the configuration and the time after it."""

    number: int
    hash: bytes
    configuration: Configuration = field(repr=False)
    moment: datetime
    transactions: tuple[BlockTransaction, ...] = field(default=(), repr=False)


def begin(block: Any, trust: Trust) -> Tip:
    """Return the walk's start at block 0, which nobody signed.

    Raises
    ------
    CheckFailed
        It is not the block 0 the caller knows, or no channel's first configuration.
    """
    block_hash = check_link(block, 0, None)
    if trust.genesis is not None and block_hash != trust.genesis:
        raise CheckFailed(
            f"block 0 has the hash {block_hash.hex()}, not {trust.genesis.hex()}",
            "This is another channel: compare its first block with another organisation's",
            check="block",
        )
    if len(block.data.data) != 1:
        raise CheckFailed("block 0 has more entries than its configuration", REMEDY, check="block")
    entry = read_genesis_entry(block.data.data[0], "block 0")
    _check_channel(entry, trust, "block 0")
    return Tip(0, block_hash, read_configuration(entry, 0), time_of(entry))


def follow(block: Any, tip: Tip, trust: Trust) -> Tip:
    """Return the walk one block further, once all of it is right: number, hashes, form, orderers, channel.

    Transactions are taken as they are: any member can have a broken one ordered, which the peers then refuse.

    Raises
    ------
    CheckFailed
        Something is not.
    """
    return _checked(block, check_link(block, tip.number + 1, tip.hash), tip, trust)


def skip(block: Any, tip: Tip, trust: Trust) -> Tip:
    """Return the walk at a later block that no configuration block lies before: its orderers say so by their signature.

    Raises
    ------
    CheckFailed
        The block does not name the last configuration, or is not signed by the orderers of that.
    """
    return _checked(block, check_link(block, block.header.number, None), tip, trust)


def _checked(block: Any, block_hash: bytes, tip: Tip, trust: Trust) -> Tip:
    number = block.header.number
    entries = [read_entry(raw, f"entry {index} of block {number}") for index, raw in enumerate(block.data.data)]
    check_block_signatures(block, tip.configuration, trust.authorities, tip.moment)
    for index, entry in enumerate(entries):
        _check_channel(entry, trust, f"entry {index} of block {number}")
    changes = [entry for entry in entries if is_configuration(entry)]
    configuration = _next(changes[0], number, tip, trust) if changes else tip.configuration
    if len(changes) > 1 or (changes and len(entries) > 1):
        raise CheckFailed(f"block {number} has more entries than its configuration", REMEDY, check="block")
    if last_configuration(block) != configuration.block:
        raise CheckFailed(
            f"block {number} names block {last_configuration(block)} as the last configuration, "
            f"it is block {configuration.block}",
            REMEDY,
            check="block",
        )
    transactions = tuple(_transactions(block, entries))
    stated = [time_of(entry) for entry in _stating(transactions, changes, trust)]
    moment = max([tip.moment, *(time for time in stated if time <= trust.now + TIME_WINDOW)])
    return Tip(number, block_hash, configuration, moment, transactions)


def _next(entry: Entry, number: int, tip: Tip, trust: Trust) -> Configuration:
    """Return the configuration that an orderer's entry sets after the one in force."""
    check_author(
        entry, ("orderer",), tip.configuration, trust.authorities, tip.moment, f"the configuration in block {number}"
    )
    configuration = read_configuration(entry, number)
    if configuration.sequence != tip.configuration.sequence + 1:
        raise CheckFailed(
            f"the configuration in block {number} is number {configuration.sequence}, "
            f"the one before it is {tip.configuration.sequence}",
            REMEDY,
            check="block",
        )
    return configuration


def _check_channel(entry: Entry, trust: Trust, what: str) -> None:
    channel_id = entry.channel_header.channel_id
    if channel_id != trust.channel:
        raise CheckFailed(f"{what} is of the channel {channel_id!r}, not {trust.channel!r}", REMEDY, check="block")


def _transactions(block: Any, entries: list[Entry]) -> list[BlockTransaction]:
    """Return a block's endorser transactions with the validation codes that the peer gives."""
    number, fields = block.header.number, block.metadata.metadata
    index = BlockMetadataIndex.TRANSACTIONS_FILTER
    codes = fields[index] if len(fields) > index else b""
    if len(codes) != len(entries):
        raise CheckFailed(
            f"block {number} has {len(entries)} entries and {len(codes)} validation codes", REMEDY, check="block"
        )
    return [
        BlockTransaction(number, _code(code), entry)
        for code, entry in zip(codes, entries, strict=True)
        if entry.channel_header.type == HeaderType.ENDORSER_TRANSACTION
    ]


def _code(code: int) -> str:
    return str(TxValidationCode.Name(code)) if code in TxValidationCode.values() else f"of the unknown code {code}"


def _stating(transactions: tuple[BlockTransaction, ...], changes: list[Entry], trust: Trust) -> list[Entry]:
    """Return the entries whose time counts: configurations, and valid transactions of the chaincode."""
    return changes + [
        transaction.entry
        for transaction in transactions
        if transaction.code == "VALID" and _chaincode(transaction.entry) == trust.chaincode
    ]


def _chaincode(entry: Entry) -> str:
    try:
        return str(ChaincodeHeaderExtension.FromString(entry.channel_header.extension).chaincode_id.name)
    except DecodeError:
        return ""
