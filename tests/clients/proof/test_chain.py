# SPDX-License-Identifier: Apache-2.0
"""Blocks as a chain: numbers, hashes, and the form they are hashed in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from fabric_protos.common.common_pb2 import Block

from medquorum.clients.proof.blocks.chain import check_link
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.core.block_header import header_hash
from medquorum.errors import CheckFailed, ConfigError


def chain(length: int) -> list[Any]:
    blocks: list[Any] = []
    for number in range(length):
        block = Block()
        block.data.data.append(b"transaction %d" % number)
        block.header.number = number
        block.header.data_hash = hashlib.sha256(b"transaction %d" % number).digest()
        if blocks:
            block.header.previous_hash = header_hash(blocks[-1].header)
        blocks.append(block)
    return blocks


def test_a_chain_is_followed_and_a_changed_block_found() -> None:
    blocks = chain(300)
    previous = None
    for number, block in enumerate(blocks):
        previous = check_link(block, number, previous)
    with pytest.raises(CheckFailed, match="block 7 is missing: the peer gave 8"):
        check_link(blocks[8], 7, header_hash(blocks[6].header))
    blocks[7].data.data[0] = b"forged"
    with pytest.raises(CheckFailed, match="block 7 are not those"):
        check_link(blocks[7], 7, header_hash(blocks[6].header))
    blocks[7].header.data_hash = hashlib.sha256(b"forged").digest()
    with pytest.raises(CheckFailed, match="block 8 does not follow"):
        check_link(blocks[8], 8, header_hash(blocks[7].header))


def test_the_header_hash_is_that_of_its_asn1_form() -> None:
    block = chain(1)[0]
    block.header.number = 128
    block.header.previous_hash = b"\x01" * 32
    encoded = b"\x30\x48\x02\x02\x00\x80\x04\x20" + b"\x01" * 32 + b"\x04\x20" + block.header.data_hash
    assert header_hash(block.header) == hashlib.sha256(encoded).digest()


def test_a_folder_without_organisations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no organisation"):
        Authorities.read(tmp_path)
