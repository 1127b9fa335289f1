# SPDX-License-Identifier: Apache-2.0
"""A block's entry: its form, its headers, and what it holds as a transaction and as a configuration."""

from contextlib import suppress

from medquorum.clients.proof.blocks.transaction import BlockTransaction, read_result
from medquorum.clients.proof.configuration import read_configuration, time_of
from medquorum.clients.proof.envelope import Entry, read_entry, read_genesis_entry
from medquorum.errors import CheckFailed
from medquorum_testing.chain.memory_chain import CHAINCODE, MemoryChain

CHAIN = MemoryChain(bft=True)
CHAIN.write("key", b"value")
CHAIN.configure(lambda group: None)
SEEDS = [bytes(block.data.data[0]) for block in CHAIN.blocks]


def run(data: bytes) -> None:
    for read in (read_entry, read_genesis_entry):
        with suppress(CheckFailed):
            _take_apart(read(data, "it"))


def _take_apart(entry: Entry) -> None:
    time_of(entry)
    with suppress(CheckFailed):
        read_result(BlockTransaction(1, "VALID", entry), CHAINCODE)
    read_configuration(entry, 0)
