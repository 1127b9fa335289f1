# SPDX-License-Identifier: Apache-2.0
"""A block's header as orderers hash and sign it (Fabric's ``protoutil.BlockHeaderBytes``)."""

from __future__ import annotations

import hashlib
from typing import Protocol

__all__ = ["BlockHeader", "header_bytes", "header_hash"]

ASN1_INTEGER = 0x02
ASN1_OCTETS = 0x04
ASN1_SEQUENCE = 0x30


class BlockHeader(Protocol):
    """The fields of Fabric's message ``common.BlockHeader``."""

    number: int
    previous_hash: bytes
    data_hash: bytes


def header_bytes(header: BlockHeader) -> bytes:
    """Return a header's DER form: SEQUENCE of number, previous hash and data hash."""
    number = header.number.to_bytes(header.number.bit_length() // 8 + 1, "big")
    hashes = _der(ASN1_OCTETS, header.previous_hash) + _der(ASN1_OCTETS, header.data_hash)
    return _der(ASN1_SEQUENCE, _der(ASN1_INTEGER, number) + hashes)


def header_hash(header: BlockHeader) -> bytes:
    """Return the SHA-256 of a header, which the next block names."""
    return hashlib.sha256(header_bytes(header)).digest()


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
