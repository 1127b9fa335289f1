# SPDX-License-Identifier: Apache-2.0
"""Collects what a simulation reads and writes, and gives it as Fabric's messages, every list sorted by key."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import (
    HashedRWSet,
    KVMetadataEntry,
    KVMetadataWrite,
    KVMetadataWriteHash,
    KVRead,
    KVReadHash,
    KVRWSet,
    KVWrite,
    KVWriteHash,
)
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import Version as VersionMessage
from fabric_protos.ledger.rwset.rwset_pb2 import (
    CollectionHashedReadWriteSet,
    CollectionPvtReadWriteSet,
    NsPvtReadWriteSet,
    NsReadWriteSet,
    TxPvtReadWriteSet,
    TxReadWriteSet,
)

from medquorum.network.devnet.ledger.state import key_hash
from medquorum.network.devnet.ledger.updates import Version

__all__ = ["ReadWriteSet", "read_message"]


@dataclass
class _Collection:
    reads: dict[str, Version | None] = field(default_factory=dict)
    writes: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    metadata: dict[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass
class _Namespace:
    reads: dict[str, Version | None] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    ranges: list[Any] = field(default_factory=list)
    collections: defaultdict[str, _Collection] = field(default_factory=lambda: defaultdict(_Collection))


class ReadWriteSet:
    """The read-write set of one simulation; a later write of a key replaces an earlier one."""

    def __init__(self) -> None:
        self._namespaces: defaultdict[str, _Namespace] = defaultdict(_Namespace)

    def read(self, namespace: str, key: str, version: Version | None) -> None:
        """Note a public read."""
        self._namespaces[namespace].reads[key] = version

    def range(self, namespace: str, query: Any) -> None:
        """Note a range (``RangeQueryInfo``, completed by the caller as the iteration goes on)."""
        self._namespaces[namespace].ranges.append(query)

    def write(self, namespace: str, key: str, value: bytes) -> None:
        """Note a public write; an empty value deletes."""
        self._namespaces[namespace].writes[key] = value

    def write_metadata(self, namespace: str, key: str, name: str, value: bytes) -> None:
        """Note a public key's new metadata."""
        self._namespaces[namespace].metadata[key] = (name, value)

    def read_hash(self, namespace: str, collection: str, key: str, version: Version | None) -> None:
        """Note a private read."""
        self._namespaces[namespace].collections[collection].reads[key] = version

    def write_private(self, namespace: str, collection: str, key: str, value: bytes, *, purge: bool = False) -> None:
        """Note a private write; an empty value deletes."""
        self._namespaces[namespace].collections[collection].writes[key] = (value, purge)

    def write_private_metadata(self, namespace: str, collection: str, key: str, name: str, value: bytes) -> None:
        """Note a private key's new metadata."""
        self._namespaces[namespace].collections[collection].metadata[key] = (name, value)

    @property
    def namespaces(self) -> Sequence[str]:
        """Every namespace that is read or written."""
        return sorted(self._namespaces)

    def private(self) -> Any | None:
        """Return the ``TxPvtReadWriteSet``; None without private writes."""
        sets = []
        for name in sorted(self._namespaces):
            parts = [
                CollectionPvtReadWriteSet(collection_name=coll, rwset=_private(collection))
                for coll, collection in sorted(self._namespaces[name].collections.items())
                if collection.writes or collection.metadata
            ]
            if parts:
                sets.append(NsPvtReadWriteSet(namespace=name, collection_pvt_rwset=parts))
        return TxPvtReadWriteSet(ns_pvt_rwset=sets) if sets else None

    def public(self) -> Any:
        """Return the ``TxReadWriteSet``: public reads and writes, and the hashes of private ones."""
        return TxReadWriteSet(ns_rwset=[_public(name, self._namespaces[name]) for name in sorted(self._namespaces)])


def read_message(key: str, version: Version | None) -> Any:
    """Make a ``KVRead``; an absent key has no version."""
    return KVRead(key=key, version=_version(version))


def _version(version: Version | None) -> Any | None:
    return VersionMessage(block_num=version[0], tx_num=version[1]) if version else None


def _public(name: str, namespace: _Namespace) -> Any:
    public = KVRWSet(
        reads=[read_message(key, version) for key, version in sorted(namespace.reads.items())],
        range_queries_info=namespace.ranges,
        writes=[KVWrite(key=key, is_delete=not value, value=value) for key, value in sorted(namespace.writes.items())],
        metadata_writes=[KVMetadataWrite(key=k, entries=_entries(m)) for k, m in sorted(namespace.metadata.items())],
    )
    hashed = [
        CollectionHashedReadWriteSet(
            collection_name=coll,
            hashed_rwset=_hashed(part).SerializeToString(),
            pvt_rwset_hash=hashlib.sha256(_private(part)).digest() if part.writes or part.metadata else b"",
        )
        for coll, part in sorted(namespace.collections.items())
    ]
    return NsReadWriteSet(namespace=name, rwset=public.SerializeToString(), collection_hashed_rwset=hashed)


def _hashed(collection: _Collection) -> Any:
    return HashedRWSet(
        hashed_reads=[
            KVReadHash(key_hash=key_hash(k), version=_version(v)) for k, v in sorted(collection.reads.items())
        ],
        hashed_writes=[
            KVWriteHash(
                key_hash=key_hash(key),
                is_delete=not value,
                value_hash=hashlib.sha256(value).digest() if value else b"",
                is_purge=purge,
            )
            for key, (value, purge) in sorted(collection.writes.items())
        ],
        metadata_writes=[
            KVMetadataWriteHash(key_hash=key_hash(k), entries=_entries(m))
            for k, m in sorted(collection.metadata.items())
        ],
    )


def _private(collection: _Collection) -> bytes:
    message = KVRWSet(
        writes=[
            KVWrite(key=key, is_delete=not value, value=value) for key, (value, _) in sorted(collection.writes.items())
        ],
        metadata_writes=[KVMetadataWrite(key=key) for key in sorted(collection.metadata)],
    )
    return bytes(message.SerializeToString())


def _entries(metadata: tuple[str, bytes]) -> list[Any]:
    return [KVMetadataEntry(name=metadata[0], value=metadata[1])]
