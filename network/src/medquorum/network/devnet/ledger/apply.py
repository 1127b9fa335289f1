# SPDX-License-Identifier: Apache-2.0
"""Writes a block's updates into the database, in one transaction; ends private data whose time is over."""

from __future__ import annotations

import sqlite3

from medquorum.network.devnet.ledger.block_file import Location
from medquorum.network.devnet.ledger.state import key_hash
from medquorum.network.devnet.ledger.updates import PrivateWrite, Updates, Version

__all__ = ["apply"]


def apply(connection: sqlite3.Connection, number: int, block_hash: bytes, location: Location, updates: Updates) -> None:
    """Apply block ``number``; the caller holds the transaction."""
    place = (location.file, location.offset, location.length)
    connection.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?)", (number, *place, block_hash))
    connection.executemany(
        "INSERT OR IGNORE INTO transactions VALUES (?, ?, ?, ?)",  # a repeated id keeps its first outcome
        [(tx_id, number, position, code) for tx_id, position, code in updates.transactions],
    )
    _public(connection, updates)
    _hashed(connection, updates)
    for write in updates.private:
        _private(connection, write)
    for (namespace, collection, hashed), version in updates.purges.items():
        _purge(connection, namespace, collection, hashed, version)
    connection.executemany(
        "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?, ?)",
        [(msp, ns, coll, *version, lost) for msp, ns, coll, version, lost in updates.missing],
    )
    connection.executemany(
        "INSERT INTO expiry VALUES (?, ?, ?, ?, ?)",
        [(expires, ns, coll, *version) for expires, ns, coll, version in updates.expiries],
    )
    _expire(connection, number)


def _public(connection: sqlite3.Connection, updates: Updates) -> None:
    for (namespace, key), value in updates.public.items():
        if value.value is None:
            connection.execute("DELETE FROM state WHERE namespace = ? AND key = ?", (namespace, key.encode()))
        else:
            row = (namespace, key.encode(), value.value, value.metadata, *value.version)
            connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.executemany(
        "INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?)",
        [(namespace, key.encode(), *version) for namespace, key, version in updates.history],
    )


def _hashed(connection: sqlite3.Connection, updates: Updates) -> None:
    for (namespace, collection, hashed), value in updates.hashed.items():
        if value.value is None:
            connection.execute(
                "DELETE FROM hashed WHERE namespace = ? AND collection = ? AND key = ?", (namespace, collection, hashed)
            )
        else:
            row = (namespace, collection, hashed, value.value, value.metadata, *value.version)
            connection.execute("INSERT OR REPLACE INTO hashed VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _private(connection: sqlite3.Connection, write: PrivateWrite) -> None:
    name = (write.namespace, write.collection, write.key.encode())
    hashed = key_hash(write.key)
    cursor = connection.execute(
        "INSERT INTO private_write (namespace, collection, key, hash, value, keeps, block, position) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*name, hashed, write.value, write.keeps, *write.version),
    )
    if write.keeps:
        connection.execute(
            "UPDATE private_state SET block = ?, position = ? WHERE namespace = ? AND collection = ? AND key = ?",
            (*write.version, *name),
        )
    elif write.value is None:
        connection.execute("DELETE FROM private_state WHERE namespace = ? AND collection = ? AND key = ?", name)
    else:
        row = (*name, hashed, cursor.lastrowid, *write.version)
        connection.execute("INSERT OR REPLACE INTO private_state VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _purge(connection: sqlite3.Connection, namespace: str, collection: str, hashed: bytes, version: Version) -> None:
    """Remove every trace of a private key's values up to a version, but not its hashes in the blocks."""
    bound = (namespace, collection, hashed, *version)
    connection.execute(
        "DELETE FROM private_write WHERE namespace = ? AND collection = ? AND hash = ? AND (block, position) <= (?, ?)",
        bound,
    )
    connection.execute(
        "DELETE FROM private_state WHERE namespace = ? AND collection = ? AND hash = ? AND (block, position) <= (?, ?)",
        bound,
    )


def _expire(connection: sqlite3.Connection, number: int) -> None:
    due = connection.execute(
        "SELECT namespace, collection, block, position FROM expiry WHERE expires <= ?", (number,)
    ).fetchall()
    for namespace, collection, block, position in due:
        written = (block, position, namespace, collection)
        connection.execute(
            "DELETE FROM hashed WHERE block = ? AND position = ? AND namespace = ? AND collection = ?", written
        )
        connection.execute(
            "DELETE FROM private_state WHERE (namespace, collection, key) IN (SELECT namespace, collection, key "
            "FROM private_write WHERE block = ? AND position = ? AND namespace = ? AND collection = ?) "
            "AND block = ? AND position = ?",
            (*written, block, position),
        )
        connection.execute(
            "DELETE FROM private_write WHERE block = ? AND position = ? AND namespace = ? AND collection = ? "
            "AND id NOT IN (SELECT write FROM private_state WHERE namespace = ? AND collection = ?)",
            (*written, namespace, collection),
        )
    connection.execute("DELETE FROM expiry WHERE expires <= ?", (number,))
