# SPDX-License-Identifier: Apache-2.0
"""The transient store: private write sets between endorsement and commit, per endorsing organisation."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from fabric_protos.ledger.rwset.rwset_pb2 import TxPvtReadWriteSet

from medquorum.core.private_files import make_private_folder

__all__ = ["TransientStore"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS pending (
    id TEXT, msp TEXT, height INTEGER NOT NULL, writes BLOB NOT NULL, PRIMARY KEY (id, msp));
CREATE INDEX IF NOT EXISTS pending_height ON pending (height);
"""
RETENTION_BLOCKS = 1000
BUSY_SECONDS = 30


class TransientStore:
    """A database of its own, so that endorsing never waits for a commit."""

    def __init__(self, path: Path) -> None:
        make_private_folder(path.parent)
        path.touch(mode=0o600)  # as are the files that SQLite puts beside it
        self._guard = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def keep(self, tx_id: str, msp_id: str, height: int, writes: bytes) -> None:
        """Store a serialized ``TxPvtReadWriteSet`` under its transaction and endorser."""
        with self._guard:
            self._connection.execute(
                "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?)", (tx_id, msp_id, height, writes)
            )

    def find(self, tx_id: str, namespace: str, collection: str, wanted: bytes) -> bytes | None:
        """Find a collection's write set (serialized ``KVRWSet``) by its SHA-256, whoever endorsed it."""
        with self._guard:
            rows = self._connection.execute("SELECT writes FROM pending WHERE id = ?", (tx_id,)).fetchall()
        for (writes,) in rows:
            for namespace_set in TxPvtReadWriteSet.FromString(writes).ns_pvt_rwset:
                if namespace_set.namespace != namespace:
                    continue
                for part in namespace_set.collection_pvt_rwset:
                    if part.collection_name == collection and hashlib.sha256(part.rwset).digest() == wanted:
                        return bytes(part.rwset)
        return None

    def prune(self, tx_ids: Iterable[str], height: int) -> None:
        """Drop what is committed, and what was endorsed so long before ``height`` that it never will be."""
        with self._guard:
            self._connection.executemany("DELETE FROM pending WHERE id = ?", [(tx_id,) for tx_id in tx_ids])
            self._connection.execute("DELETE FROM pending WHERE height < ?", (height - RETENTION_BLOCKS,))

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
