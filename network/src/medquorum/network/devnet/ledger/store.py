# SPDX-License-Identifier: Apache-2.0
"""SQLite: state, history, hashes and private data behind the block files. One writer, any number of snapshots.

The block files are the truth: what a crash kept out of the database is applied again from them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medquorum.core.private_files import make_private_folder

__all__ = ["Store"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS block (
    number INTEGER PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS transactions (
    id TEXT PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL, code INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (
    namespace TEXT, key BLOB, value BLOB NOT NULL, metadata BLOB NOT NULL, block INTEGER, position INTEGER,
    PRIMARY KEY (namespace, key));
CREATE TABLE IF NOT EXISTS history (
    namespace TEXT, key BLOB, block INTEGER, position INTEGER,
    PRIMARY KEY (namespace, key, block, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hashed (
    namespace TEXT, collection TEXT, key BLOB, value BLOB NOT NULL, metadata BLOB NOT NULL,
    block INTEGER, position INTEGER, PRIMARY KEY (namespace, collection, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hashed_version ON hashed (block, position);
CREATE TABLE IF NOT EXISTS private_write (
    id INTEGER PRIMARY KEY, namespace TEXT, collection TEXT, key BLOB, hash BLOB, value BLOB, keeps INTEGER,
    block INTEGER, position INTEGER);
CREATE INDEX IF NOT EXISTS private_write_version ON private_write (block, position);
CREATE INDEX IF NOT EXISTS private_write_hash ON private_write (namespace, collection, hash);
CREATE TABLE IF NOT EXISTS private_state (
    namespace TEXT, collection TEXT, key BLOB, hash BLOB, write INTEGER NOT NULL, block INTEGER, position INTEGER,
    PRIMARY KEY (namespace, collection, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS private_state_hash ON private_state (namespace, collection, hash);
CREATE TABLE IF NOT EXISTS missing (
    msp TEXT, namespace TEXT, collection TEXT, block INTEGER, position INTEGER, lost INTEGER NOT NULL,
    PRIMARY KEY (msp, namespace, collection, block, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS expiry (
    expires INTEGER, namespace TEXT, collection TEXT, block INTEGER, position INTEGER);
CREATE INDEX IF NOT EXISTS expiry_block ON expiry (expires);
"""
BUSY_SECONDS = 30
IDLE_SNAPSHOTS = 32


class Store:
    """The database file: a writing connection and a pool of reading ones."""

    def __init__(self, path: Path) -> None:
        make_private_folder(path.parent)
        path.touch(mode=0o600)  # as are the files that SQLite puts beside it
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self.writer = self._connect()
        self.writer.executescript(SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything or nothing; only the committing thread may call this."""
        self.writer.execute("BEGIN IMMEDIATE")
        try:
            yield self.writer
        except BaseException:
            self.writer.execute("ROLLBACK")
            raise
        self.writer.execute("COMMIT")

    def open_snapshot(self) -> sqlite3.Connection:
        """Return a connection that sees the database as it is now until ``close_snapshot``."""
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        connection.execute("BEGIN")
        connection.execute("SELECT max(number) FROM block").fetchone()  # the first read fixes the snapshot
        return connection

    def close_snapshot(self, connection: sqlite3.Connection) -> None:
        """End a snapshot."""
        connection.execute("ROLLBACK")
        with self._guard:
            if len(self._idle) < IDLE_SNAPSHOTS:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read one consistent state."""
        connection = self.open_snapshot()
        try:
            yield connection
        finally:
            self.close_snapshot(connection)

    def close(self) -> None:
        """Close every connection; the caller has ended its snapshots."""
        with self._guard:
            for connection in (*self._idle, self.writer):
                connection.close()
            self._idle.clear()
