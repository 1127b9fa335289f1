# SPDX-License-Identifier: Apache-2.0
"""Blocks as an auditor reads them from a peer, every second one sealed anew so that what lies within is reached too."""

from contextlib import suppress

from fabric_protos.common.common_pb2 import Block
from google.protobuf.message import DecodeError

from medquorum.clients.proof.blocks.transaction import AUTHORS, check_author, read_result
from medquorum.clients.proof.blocks.walk import Tip, begin, follow, skip
from medquorum.clients.proof.endorsement import Endorsers, check_endorsements
from medquorum.errors import CheckFailed
from medquorum.network.devnet.ledger.block import data_hash
from medquorum_testing.chain.block_forger import sign
from medquorum_testing.chain.memory_chain import CHAINCODE, VERIFIERS, MemoryChain

CHAINS = [MemoryChain(), MemoryChain(bft=True)]
for chain in CHAINS:
    chain.write("key", b"value")
    chain.configure(lambda group: None)
SEEDS = [block.SerializeToString() for chain in CHAINS for block in chain.blocks]
TIPS = [begin(chain.blocks[0], chain.trust) for chain in CHAINS]


def run(data: bytes) -> None:
    try:
        block = Block.FromString(data)
    except DecodeError:
        return  # gRPC reads the message, not the auditor
    for chain, tip in zip(CHAINS, TIPS, strict=True):
        if len(data) % 2:
            _seal(block, chain, tip)
        for step in (follow, skip):
            with suppress(CheckFailed):
                _prove(step(block, tip, chain.trust), chain)
        with suppress(CheckFailed):
            begin(block, chain.trust)


def _seal(block: Block, chain: MemoryChain, tip: Tip) -> None:
    block.header.number, block.header.previous_hash = 1, tip.hash
    block.header.data_hash = data_hash(block.data.data)
    with suppress(DecodeError, IndexError):
        sign(block, chain.orderers, bft=chain.bft)


def _prove(tip: Tip, chain: MemoryChain) -> None:
    authorities = chain.trust.authorities
    for one in tip.transactions:
        with suppress(CheckFailed):
            check_author(one.entry, AUTHORS, tip.configuration, authorities, tip.moment, "it")
        with suppress(CheckFailed):
            result = read_result(one, CHAINCODE)
            check_endorsements(result, Endorsers(VERIFIERS, 2, authorities), tip.configuration, tip.moment)
