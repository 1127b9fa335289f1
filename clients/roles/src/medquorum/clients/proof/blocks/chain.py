# SPDX-License-Identifier: Apache-2.0
"""Blocks as a chain: what a header's hash is over, and that each block follows the one before it."""

from __future__ import annotations

import hashlib
from typing import Any

from medquorum.clients.proof.envelope import REMEDY
from medquorum.core.block_header import header_hash
from medquorum.errors import CheckFailed

__all__ = ["check_link"]


def check_link(block: Any, number: int, previous: bytes | None) -> bytes:
    """Check a block's number and data hash and, unless ``previous`` is None, that it follows the header of that hash.

    Returns
    -------
    The hash of its own header.

    Raises
    ------
    CheckFailed
        The number or one of the hashes is another one.
    """
    block_number = block.header.number
    if block_number != number:
        raise CheckFailed(f"block {number} is missing: the peer gave {block_number}", REMEDY, check="block")
    if hashlib.sha256(b"".join(block.data.data)).digest() != block.header.data_hash:
        raise CheckFailed(f"the transactions of block {number} are not those its header names", REMEDY, check="block")
    if previous is not None and block.header.previous_hash != previous:
        raise CheckFailed(f"block {number} does not follow the block before it", REMEDY, check="block")
    return header_hash(block.header)
