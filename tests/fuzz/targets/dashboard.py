# SPDX-License-Identifier: Apache-2.0
"""Blocks as the dashboard's index takes them, whose links were checked and nothing else."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from fabric_protos.common.common_pb2 import Block
from google.protobuf.message import DecodeError

from medquorum.clients.dashboard.index.block import IndexedBlock, read_block
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.errors import CheckFailed
from medquorum_testing.chain.memory_chain import MemoryChain
from medquorum_testing.dashboard.played_rounds import play_round, task_of

CHAIN = MemoryChain()
for document in [task_of(2, 2), *(one for documents in play_round(task_of(2, 2), 1, "") for one in documents)]:
    CHAIN.write(document.key, document.encode())
CHAIN.configure(lambda group: None)
SEEDS = [block.SerializeToString() for block in CHAIN.blocks]


def run(data: bytes) -> None:
    try:
        block = Block.FromString(data)
    except DecodeError:
        return  # gRPC reads the message
    block.header.number %= 1 << 40
    with suppress(CheckFailed):
        _add(read_block(block))


def _add(indexed: IndexedBlock) -> None:
    folder = Path(tempfile.mkdtemp())
    index = IndexFile(folder / "index.sqlite")
    index.add(indexed, b"")
    index.close()
    shutil.rmtree(folder)
