# SPDX-License-Identifier: Apache-2.0
"""Reading one snapshot of the world state: public keys, hashes of private keys, one organisation's private data."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

from medquorum.network.devnet.ledger.block_file import Location
from medquorum.network.devnet.ledger.updates import Value, Version

__all__ = ["State", "key_hash"]

NO_UPPER_BOUND = b"\xff"  # no UTF-8 text starts with this byte
RANGE = (
    "SELECT key, value, metadata, block, position FROM state WHERE namespace = ? AND key >= ? AND key < ? ORDER BY key"
)
PRIVATE_RANGE = (
    "SELECT s.key, w.value, s.block, s.position FROM private_state s JOIN private_write w ON w.id = s.write "
    "WHERE s.namespace = ? AND s.collection = ? AND s.key >= ? AND s.key < ? ORDER BY s.key"
)


def key_hash(key: str) -> bytes:
    """Return the SHA-256 under which a private key is public."""
    return hashlib.sha256(key.encode()).digest()


class State:
    """Queries over a connection whose snapshot the caller holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, namespace: str, key: str) -> Value | None:
        """Read a public key."""
        return self._value(
            "SELECT value, metadata, block, position FROM state WHERE namespace = ? AND key = ?",
            (namespace, key.encode()),
        )

    def hashed(self, namespace: str, collection: str, hashed_key: bytes) -> Value | None:
        """Read the hash of a private key's value."""
        return self._value(
            "SELECT value, metadata, block, position FROM hashed WHERE namespace = ? AND collection = ? AND key = ?",
            (namespace, collection, hashed_key),
        )

    def private(self, msp_id: str, namespace: str, collection: str, key: str) -> Value | None:
        """Read a private key as an organisation holds it; None also where its copy is missing."""
        row = self._connection.execute(
            "SELECT w.value, s.block, s.position FROM private_state s JOIN private_write w ON w.id = s.write "
            "WHERE s.namespace = ? AND s.collection = ? AND s.key = ?",
            (namespace, collection, key.encode()),
        ).fetchone()
        if row is None or self.missing(msp_id, namespace, collection, (row[1], row[2])):
            return None
        return Value(row[0], b"", (row[1], row[2]))

    def missing(self, msp_id: str, namespace: str, collection: str, version: Version) -> bool:
        """Return whether an organisation lacks the private data of a transaction."""
        cursor = self._connection.execute(
            "SELECT 1 FROM missing WHERE msp = ? AND namespace = ? AND collection = ? AND block = ? AND position = ?",
            (msp_id, namespace, collection, *version),
        )
        return cursor.fetchone() is not None

    def range(self, namespace: str, start: str, end: str) -> Iterator[tuple[str, Value]]:
        """Yield public keys from ``start`` to before ``end``, in the order of their bytes; an empty end is open."""
        rows = self._connection.execute(RANGE, (namespace, start.encode(), end.encode() or NO_UPPER_BOUND))
        for key, value, metadata, block, position in rows:
            yield key.decode(), Value(value, metadata, (block, position))

    def private_range(
        self, msp_id: str, namespace: str, collection: str, start: str, end: str
    ) -> Iterator[tuple[str, Value]]:
        """Yield private keys as `range` does, of those an organisation holds."""
        bounds = (start.encode(), end.encode() or NO_UPPER_BOUND)
        rows = self._connection.execute(PRIVATE_RANGE, (namespace, collection, *bounds))
        for key, value, block, position in rows:
            if not self.missing(msp_id, namespace, collection, (block, position)):
                yield key.decode(), Value(value, b"", (block, position))

    def history(self, namespace: str, key: str) -> Iterator[Version]:
        """Yield the versions of a public key, newest first."""
        rows = self._connection.execute(
            "SELECT block, position FROM history WHERE namespace = ? AND key = ? ORDER BY block DESC, position DESC",
            (namespace, key.encode()),
        )
        yield from rows.fetchall()

    def transaction(self, tx_id: str) -> tuple[int, int, int] | None:
        """Find a committed transaction: block, position, validation code."""
        row: tuple[int, int, int] | None = self._connection.execute(
            "SELECT block, position, code FROM transactions WHERE id = ?", (tx_id,)
        ).fetchone()
        return row

    def location(self, number: int) -> Location | None:
        """Find a block's place in the files."""
        row = self._connection.execute("SELECT file, offset, length FROM block WHERE number = ?", (number,)).fetchone()
        return Location(*row) if row else None

    def number_of(self, block_hash: bytes) -> int | None:
        """Find a block by its header's hash."""
        row = self._connection.execute("SELECT number FROM block WHERE hash = ?", (block_hash,)).fetchone()
        return row[0] if row else None

    def tip(self) -> tuple[int, bytes] | None:
        """Return the last block's number and hash; None before the first."""
        row: tuple[int, bytes] | None = self._connection.execute(
            "SELECT number, hash FROM block ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return row

    def _value(self, query: str, arguments: tuple[str | bytes, ...]) -> Value | None:
        row = self._connection.execute(query, arguments).fetchone()
        return Value(row[0], row[1], (row[2], row[3])) if row else None
