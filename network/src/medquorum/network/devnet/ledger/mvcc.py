# SPDX-License-Identifier: Apache-2.0
"""Multi-version concurrency control within one block: stale reads, phantoms, and the writes of the valid rest."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVMetadataWrite
from fabric_protos.peer.transaction_pb2 import TxValidationCode

from medquorum.network.devnet.ledger.state import State
from medquorum.network.devnet.ledger.transaction import NamespaceSet, Parsed
from medquorum.network.devnet.ledger.updates import Updates, Value, Version, version_of

__all__ = ["Serializer"]


@dataclass
class Serializer:
    """Takes a block's transactions in order; each sees the state and the valid transactions before it."""

    state: State
    updates: Updates = field(default_factory=Updates)

    def code(self, transaction: Parsed) -> int:
        """Return VALID, MVCC_READ_CONFLICT or PHANTOM_READ_CONFLICT."""
        for namespace in transaction.namespaces:
            if not all(self._fresh(namespace.name, read) for read in namespace.public.reads):
                return int(TxValidationCode.MVCC_READ_CONFLICT)
            if not all(self._unchanged(namespace.name, query) for query in namespace.public.range_queries_info):
                return int(TxValidationCode.PHANTOM_READ_CONFLICT)
            if not all(
                self._fresh_hash(namespace.name, c.name, read)
                for c in namespace.collections
                for read in c.hashed.hashed_reads
            ):
                return int(TxValidationCode.MVCC_READ_CONFLICT)
        return int(TxValidationCode.VALID)

    def apply(self, transaction: Parsed, version: Version) -> None:
        """Add a valid transaction's writes."""
        for namespace in transaction.namespaces:
            self._apply_public(namespace, version)
            for collection in namespace.collections:
                self._apply_hashed(namespace.name, collection.name, collection.hashed, version)
                if collection.private_hash:
                    self.updates.collections.append((namespace.name, collection.name, collection.private_hash, version))

    def _fresh(self, namespace: str, read: Any) -> bool:
        if (namespace, read.key) in self.updates.public:
            return False
        entry = self.state.get(namespace, read.key)
        return (entry.version if entry else None) == version_of(read)

    def _fresh_hash(self, namespace: str, collection: str, read: Any) -> bool:
        if (namespace, collection, bytes(read.key_hash)) in self.updates.hashed:
            return False
        entry = self.state.hashed(namespace, collection, read.key_hash)
        return (entry.version if entry else None) == version_of(read)

    def _unchanged(self, namespace: str, query: Any) -> bool:
        """Run the range again; a range that was not read to its end ends with the last key read."""
        end = query.end_key if query.itr_exhausted else query.end_key + "\x00"
        now = self._range(namespace, query.start_key, end)
        then = ((read.key, version_of(read)) for read in query.raw_reads.kv_reads)
        return list(now) == list(then)

    def _range(self, namespace: str, start: str, end: str) -> Iterator[tuple[str, Version]]:
        changed = {key: value for (ns, key), value in self.updates.public.items() if ns == namespace}
        stored = (
            (key.encode(), key, value.version)
            for key, value in self.state.range(namespace, start, end)
            if key not in changed
        )
        first, last = start.encode(), end.encode()
        new = sorted(
            (key.encode(), key, value.version)
            for key, value in changed.items()
            if value.value is not None and first <= key.encode() and (not end or key.encode() < last)
        )
        for _, key, version in heapq.merge(stored, new):
            yield key, version

    def _apply_public(self, namespace: NamespaceSet, version: Version) -> None:
        metadata = {write.key: write.entries for write in namespace.public.metadata_writes}
        for write in namespace.public.writes:
            value = None if write.is_delete or not write.value else bytes(write.value)
            entries = metadata.pop(write.key, None)
            kept = self._public(namespace.name, write.key)
            self.updates.public[namespace.name, write.key] = _written(value, entries, kept, version)
            self.updates.history.append((namespace.name, write.key, version))
        for key, entries in metadata.items():
            kept = self._public(namespace.name, key)
            if kept is not None and kept.value is not None:  # metadata on an absent key is lost
                self.updates.public[namespace.name, key] = _written(kept.value, entries, kept, version)

    def _apply_hashed(self, namespace: str, collection: str, hashed: Any, version: Version) -> None:
        metadata = {bytes(write.key_hash): write.entries for write in hashed.metadata_writes}
        for write in hashed.hashed_writes:
            key = bytes(write.key_hash)
            value = None if write.is_delete or not write.value_hash else bytes(write.value_hash)
            kept = self._hashed(namespace, collection, key)
            slot = (namespace, collection, key)
            self.updates.hashed[slot] = _written(value, metadata.pop(key, None), kept, version)
            if write.is_purge:
                self.updates.purges[slot] = version
        for key, entries in metadata.items():
            kept = self._hashed(namespace, collection, key)
            if kept is not None and kept.value is not None:
                self.updates.hashed[namespace, collection, key] = _written(kept.value, entries, kept, version)

    def _public(self, namespace: str, key: str) -> Value | None:
        return self.updates.public.get((namespace, key)) or self.state.get(namespace, key)

    def _hashed(self, namespace: str, collection: str, key: bytes) -> Value | None:
        return self.updates.hashed.get((namespace, collection, key)) or self.state.hashed(namespace, collection, key)


def _written(value: bytes | None, entries: Any | None, kept: Value | None, version: Version) -> Value:
    """Make the new value: without metadata entries of its own a write keeps the key's, a delete loses them."""
    if value is None:
        return Value(None, b"", version)
    if entries is None:
        return Value(value, kept.metadata if kept else b"", version)
    return Value(value, KVMetadataWrite(entries=entries).SerializeToString(), version)
