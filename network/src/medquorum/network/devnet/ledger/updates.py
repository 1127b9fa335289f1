# SPDX-License-Identifier: Apache-2.0
"""What a block changes: the last value, metadata and version of each key its valid transactions write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["PrivateWrite", "Updates", "Value", "Version", "version_of"]

Version = tuple[int, int]
"""Block number and position of the transaction that wrote a key."""


@dataclass(frozen=True)
class Value:
    """A key's value (or the hash of a private one), its serialized metadata and its version; None is absent."""

    value: bytes | None = field(repr=False)
    metadata: bytes = field(repr=False)
    version: Version


@dataclass(frozen=True)
class PrivateWrite:
    """One private write as its members receive it; a metadata-only write keeps the value (``keeps``)."""

    namespace: str
    collection: str
    key: str
    value: bytes | None = field(repr=False)
    keeps: bool
    version: Version


@dataclass
class Updates:
    """Changes of one block, in the order of its transactions.

    ``public`` and ``hashed`` are keyed by (namespace, key) and (namespace, collection, SHA-256 of the key).
    """

    public: dict[tuple[str, str], Value] = field(default_factory=dict)
    hashed: dict[tuple[str, str, bytes], Value] = field(default_factory=dict)
    history: list[tuple[str, str, Version]] = field(default_factory=list)
    purges: dict[tuple[str, str, bytes], Version] = field(default_factory=dict)
    collections: list[tuple[str, str, bytes, Version]] = field(default_factory=list)
    """Namespace, collection, hash of the private write set, version: what to look for in the transient store."""
    private: list[PrivateWrite] = field(default_factory=list)
    missing: list[tuple[str, str, str, Version, bool]] = field(default_factory=list)
    """MSP, namespace, collection, version, whether nobody has it: private data a member lacks."""
    expiries: list[tuple[int, str, str, Version]] = field(default_factory=list)
    """Block, namespace, collection, version: when private data of that version ends (blockToLive)."""
    transactions: list[tuple[str, int, int]] = field(default_factory=list)
    """Transaction id, position, validation code."""


def version_of(message: Any) -> Version | None:
    """Read a ``kvrwset.Version`` field's value; None where the message that holds it has none."""
    return (message.version.block_num, message.version.tx_num) if message.HasField("version") else None
