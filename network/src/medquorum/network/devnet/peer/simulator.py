# SPDX-License-Identifier: Apache-2.0
"""One simulation on one organisation's peer: reads of a snapshot, and the read-write set that follows from them.

A simulation's own writes are not visible to its reads. Calls come one at a time, possibly from different threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVMetadataWrite, QueryReads, RangeQueryInfo

from medquorum.network.devnet.ledger.endorsement import key_policy
from medquorum.network.devnet.ledger.history import Modification, history
from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.ledger.state import State, key_hash
from medquorum.network.devnet.ledger.updates import Value
from medquorum.network.devnet.peer.read_write_set import ReadWriteSet, read_message
from medquorum.network.devnet.policy import policy
from medquorum.network.devnet.policy.definition import Collection
from medquorum.network.identity.msp import Identity

__all__ = ["Refused", "Simulator"]


class Refused(Exception):
    """The peer answers a chaincode's request with ERROR and this text."""


class Simulator:
    """The ledger as one proposal sees it on the peer of ``msp_id``; ``creator`` is who proposes."""

    def __init__(self, ledger: Ledger, msp_id: str, creator: Identity) -> None:
        self._ledger = ledger
        self._msp_id = msp_id
        self._creator = creator
        self._connection = ledger.store.open_snapshot()
        self._state = State(self._connection)
        self.result = ReadWriteSet()
        self.private_reads: set[tuple[str, str]] = set()
        self.key_policies: dict[tuple[str, str], list[bytes]] = {}
        """Key-level policies of written keys, by namespace and collection; b"" stands for a key without one."""
        self._wrote = False
        self._read_only_query = ""

    def close(self) -> None:
        """Return the snapshot back."""
        self._ledger.store.close_snapshot(self._connection)

    def get(self, namespace: str, collection: str, key: str) -> bytes:
        """Read a value; empty when absent."""
        if collection:
            self._readable(namespace, collection)
            return self._get_private(namespace, collection, key)
        entry = self._state.get(namespace, key)
        self.result.read(namespace, key, entry.version if entry else None)
        return entry.value or b"" if entry else b""

    def get_hash(self, namespace: str, collection: str, key: str) -> bytes:
        """Read the SHA-256 of a private value; empty when absent. Every peer can."""
        self._collection(namespace, collection)
        entry = self._hashed(namespace, collection, key)
        return entry.value or b"" if entry else b""

    def get_metadata(self, namespace: str, collection: str, key: str) -> Any:
        """Read a key's metadata (``KVMetadataWrite``)."""
        if collection:
            self._readable(namespace, collection)
            entry = self._hashed(namespace, collection, key)
        else:
            entry = self._state.get(namespace, key)
            self.result.read(namespace, key, entry.version if entry else None)
        return KVMetadataWrite.FromString(entry.metadata if entry else b"")

    def put(self, namespace: str, collection: str, key: str, value: bytes, *, purge: bool = False) -> None:
        """Write a value; an empty one deletes."""
        self._before_write(namespace, collection)
        if collection:
            self.result.write_private(namespace, collection, key, value, purge=purge)
        else:
            self.result.write(namespace, key, value)
        self._note_policy(namespace, collection, key)

    def purge(self, namespace: str, collection: str, key: str) -> None:
        """Delete a private key with all its former values."""
        if not collection:
            raise Refused("only applicable for private data")
        self.put(namespace, collection, key, b"", purge=True)

    def put_metadata(self, namespace: str, collection: str, key: str, name: str, value: bytes) -> None:
        """Write a key's metadata."""
        self._before_write(namespace, collection)
        if collection:
            self.result.write_private_metadata(namespace, collection, key, name, value)
        else:
            self.result.write_metadata(namespace, key, name, value)
        self._note_policy(namespace, collection, key)

    def range(self, namespace: str, start: str, end: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over public keys; how far the caller goes is what is checked for phantoms."""
        query = RangeQueryInfo(start_key=start, raw_reads=QueryReads())
        self.result.range(namespace, query)
        return self._observed(query, self._state.range(namespace, start, end), end)

    def page(self, namespace: str, start: str, end: str) -> Iterator[tuple[str, bytes]]:
        """Iterate as `range` does, for a paginated query: only in transactions that write nothing."""
        self._before_query("Paginated queries are", "already performed a paginated query")
        return self.range(namespace, start, end)

    def private_range(self, namespace: str, collection: str, start: str, end: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over private keys: only in transactions that write nothing, and unchecked at validation."""
        self._readable(namespace, collection)
        self._before_query("Queries on pvt data is", "already performed queries on pvt data")
        if not self._member(namespace, collection):
            return iter(())
        pairs = self._state.private_range(self._msp_id, namespace, collection, start, end)
        return ((key, value.value or b"") for key, value in pairs)

    def history(self, namespace: str, key: str) -> Iterator[Modification]:
        """Iterate over a public key's versions, newest first."""
        return history(self._state, self._ledger.files, namespace, key)

    def _observed(self, query: Any, entries: Iterator[tuple[str, Value]], end: str) -> Iterator[tuple[str, bytes]]:
        for key, value in entries:
            query.raw_reads.kv_reads.append(read_message(key, value.version))
            query.end_key = key
            yield key, value.value or b""
        query.end_key = end
        query.itr_exhausted = True

    def _get_private(self, namespace: str, collection: str, key: str) -> bytes:
        held = None
        if self._member(namespace, collection):
            held = self._state.private(self._msp_id, namespace, collection, key)
        public = self._state.hashed(namespace, collection, key_hash(key))
        if (held.version if held else None) != (public.version if public else None):
            raise Refused(
                "private data matching public hash version is not available. Public hash version = "
                f"{public.version if public else None}, Private data version = {held.version if held else None}"
            )
        self.result.read_hash(namespace, collection, key, held.version if held else None)
        self.private_reads.add((namespace, collection))
        return held.value or b"" if held else b""

    def _hashed(self, namespace: str, collection: str, key: str) -> Value | None:
        entry = self._state.hashed(namespace, collection, key_hash(key))
        self.result.read_hash(namespace, collection, key, entry.version if entry else None)
        return entry

    def _note_policy(self, namespace: str, collection: str, key: str) -> None:
        if collection:
            entry = self._state.hashed(namespace, collection, key_hash(key))
        else:
            entry = self._state.get(namespace, key)
        parameter = key_policy(entry.metadata) if entry else b""
        self.key_policies.setdefault((namespace, collection), []).append(parameter)

    def _before_write(self, namespace: str, collection: str) -> None:
        if collection:
            self._permitted(namespace, collection, lambda config: config.member_only_write, "write")
        if self._read_only_query:
            raise Refused(f"unsuppored transaction. Transaction has {self._read_only_query}. Writes are not allowed")
        self._wrote = True

    def _before_query(self, what: str, done: str) -> None:
        if self._wrote:
            raise Refused(f"unsuppored transaction. {what} supported only in a read-only transaction")
        self._read_only_query = done

    def _readable(self, namespace: str, collection: str) -> None:
        self._permitted(namespace, collection, lambda config: config.member_only_read, "read")

    def _permitted(self, namespace: str, collection: str, limited: Callable[[Collection], bool], what: str) -> None:
        config = self._collection(namespace, collection)
        if limited(config) and not policy.satisfied(config.members, [self._creator]):
            raise Refused(
                f"tx creator does not have {what} access permission on privatedata in "
                f"chaincodeName:{namespace} collectionName: {collection}"
            )

    def _collection(self, namespace: str, name: str) -> Collection:
        definition = self._ledger.definitions.get(namespace)
        config = definition.collection(name) if definition else None
        if config is None:
            raise Refused(f"collection {self._ledger.channel_id}/{namespace}/{name} could not be found")
        return config

    def _member(self, namespace: str, collection: str) -> bool:
        config = self._collection(namespace, collection)
        return policy.satisfied(config.members, [self._ledger.members.peers[self._msp_id]])
