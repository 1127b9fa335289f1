# SPDX-License-Identifier: Apache-2.0
"""A chain to bend, one way to bend it, and what several bends need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.common.common_pb2 import BlockMetadataIndex, Envelope

from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.network.identity.msp import P256_ORDER
from medquorum_testing.chain.block_forger import Keys, Parts

__all__ = ["Bend", "Chain", "flipped", "high_s", "set_codes", "wire_field"]


@dataclass
class Chain:
    """Blocks to bend, where the target lies, and what the caller believes."""

    blocks: list[Any]
    number: int
    index: int
    keys: Keys
    authorities: Authorities
    genesis: bytes | None
    renamed: dict[str, str] = field(default_factory=dict)
    """Ids that the lying peer's histories give in place of the true ones."""

    @property
    def bft(self) -> bool:
        return self.keys.consortium.consensus == "BFT"

    @property
    def block(self) -> Any:
        return self.blocks[self.number]

    @property
    def raw(self) -> bytes:
        return bytes(self.block.data.data[self.index])

    @raw.setter
    def raw(self, value: bytes) -> None:
        self.block.data.data[self.index] = value

    @property
    def envelope(self) -> Any:
        return Envelope.FromString(self.raw)

    def change(self, changed: Callable[[Parts], object]) -> None:
        """Change the target, signed anew by all who have to."""
        parts = Parts(self.raw, self.keys)
        before = parts.id
        changed(parts)
        self.raw = parts.seal()
        if parts.id != before:
            self.renamed[before] = parts.id


@dataclass(frozen=True)
class Bend:
    """One way to bend; ``words`` is how the audit names it, for SmartBFT ``bft`` where that differs."""

    name: str
    words: str
    apply: Callable[[Chain], object]
    raw: bool = False
    bft: str = ""


def wire_field(number: int, content: bytes) -> bytes:
    size = len(content)
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def high_s(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def set_codes(chain: Chain, codes: bytes) -> None:
    chain.block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER] = codes
