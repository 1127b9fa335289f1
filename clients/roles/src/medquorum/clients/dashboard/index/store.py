# SPDX-License-Identifier: Apache-2.0
"""The index as a file: written block by block by one thread, read by as many as ask."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from medquorum.clients.dashboard.index.block import IndexedBlock, IndexedTransaction, Written
from medquorum.clients.proof.configuration import read_configuration
from medquorum.core import canonical
from medquorum.core.private_files import create_private
from medquorum.errors import CheckFailed

__all__ = ["IndexFile", "Position"]

FORMAT = 1
"""Of the tables below. A file of another one is written anew: the blocks are still there."""

ROUND = re.compile("[0-9]{6}")
"""A round in a key."""

TABLES = """
CREATE TABLE position (only INTEGER PRIMARY KEY CHECK (only = 0), height INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash TEXT NOT NULL, seconds INTEGER NOT NULL);
CREATE TABLE transactions (
    block INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, code TEXT NOT NULL, function TEXT NOT NULL,
    author TEXT NOT NULL, seconds INTEGER NOT NULL, endorsers TEXT NOT NULL, version TEXT NOT NULL,
    PRIMARY KEY (block, position)
) WITHOUT ROWID;
CREATE TABLE documents (
    key BLOB PRIMARY KEY, kind TEXT NOT NULL, task TEXT, round INTEGER, document TEXT NOT NULL,
    block INTEGER NOT NULL, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX documents_by_round ON documents (task, round, kind);
CREATE INDEX documents_by_kind ON documents (kind, task);
CREATE TABLE writes (
    block INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
    task TEXT, round INTEGER, note TEXT NOT NULL
);
CREATE INDEX writes_by_round ON writes (task, round);
CREATE TABLE certificates (
    msp TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, ends INTEGER NOT NULL, seen INTEGER NOT NULL,
    PRIMARY KEY (msp, name, role)
) WITHOUT ROWID;
CREATE TABLE configuration (
    only INTEGER PRIMARY KEY CHECK (only = 0), block INTEGER NOT NULL, consensus TEXT NOT NULL,
    orderers TEXT NOT NULL, members TEXT NOT NULL
);
"""


class Position(NamedTuple):
    """How many blocks are in the index, and the hash of the last one's header; None before the first."""

    height: int
    hash: bytes | None


class IndexFile:
    """The index of one channel in a file for its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        if self._is_of_another_format():
            self._path.unlink()
        if not self._path.exists():
            create_private(self._path).close()
            with self._connected("rw") as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
        # One connection for all blocks: the last one that closes makes the disk wait for every block.
        self._writer = self._connection("rw")
        self._writer.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Let the file go."""
        self._writer.close()

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Return a connection that reads the index as it is now, whatever is written meanwhile."""
        with self._connected("ro") as connection:
            connection.execute("BEGIN")
            yield connection

    def position(self) -> Position:
        """Return how far the index is."""
        with self._connected("ro") as connection:
            row = connection.execute("SELECT height, hash FROM position").fetchone()
        return Position(0, None) if row is None else Position(row["height"], row["hash"])

    def add(self, block: IndexedBlock, block_hash: bytes) -> None:
        """Add the next block, all of it or nothing."""
        connection = self._writer
        connection.execute("BEGIN IMMEDIATE")
        with connection:  # commits, or takes all of it back
            seconds = max((transaction.seconds for transaction in block.transactions), default=0)
            connection.execute("INSERT INTO blocks VALUES (?, ?, ?)", (block.number, block_hash.hex(), seconds))
            for transaction in block.transactions:
                _add_transaction(connection, block.number, transaction)
            _add_certificates(connection, block)
            _add_configuration(connection, block)
            connection.execute("REPLACE INTO position VALUES (0, ?, ?)", (block.number + 1, block_hash))

    def _connection(self, mode: str) -> sqlite3.Connection:
        address = f"{self._path.as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        return connection

    @contextmanager
    def _connected(self, mode: str) -> Iterator[sqlite3.Connection]:
        with closing(self._connection(mode)) as connection:
            yield connection

    def _is_of_another_format(self) -> bool:
        if not self._path.exists():
            return False
        try:
            with self._connected("ro") as connection:
                return bool(connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT)
        except sqlite3.DatabaseError:
            return True


def _add_transaction(connection: sqlite3.Connection, block: int, transaction: IndexedTransaction) -> None:
    place = block, transaction.position
    connection.execute(
        "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *place,
            transaction.id,
            transaction.code,
            transaction.function,
            transaction.author,
            transaction.seconds,
            json.dumps(transaction.endorsers),
            transaction.version,
        ),
    )
    for written in transaction.written:
        _add_write(connection, place, written)


def _add_write(connection: sqlite3.Connection, place: tuple[int, int], written: Written) -> None:
    kind, *attributes = written.key.strip("\0").split("\0")
    document = None if written.document is None else written.document.plain()
    task, round_number = _belongs_to(attributes, document)
    name = " ".join((kind, *attributes))
    connection.execute(
        "INSERT INTO writes VALUES (?, ?, ?, ?, ?, ?, ?)", (*place, name, kind, task, round_number, written.note)
    )
    key = written.key.encode()
    if document is None:
        connection.execute("DELETE FROM documents WHERE key = ?", (key,))
    else:
        text = canonical.encode(document).decode()
        connection.execute(
            "REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", (key, kind, task, round_number, text, *place)
        )


def _belongs_to(attributes: list[str], document: dict[str, Any] | None) -> tuple[str | None, int | None]:
    """Return the task and round of a key: most have them as their first attributes, a model in its document."""
    if document is not None:
        return document.get("task"), document.get("round")
    task, number = [*attributes, "", ""][:2]
    return task or None, int(number) if ROUND.fullmatch(number) else None


def _add_certificates(connection: sqlite3.Connection, block: IndexedBlock) -> None:
    rows = [(*certificate, block.number) for certificate in block.certificates]
    connection.executemany("REPLACE INTO certificates VALUES (?, ?, ?, ?, ?)", rows)


def _add_configuration(connection: sqlite3.Connection, block: IndexedBlock) -> None:
    if block.configuration is None:
        return
    try:
        configuration = read_configuration(block.configuration, block.number)
    except CheckFailed:
        return  # the auditor's check says what is wrong; the page keeps the configuration before
    orderers, members = (json.dumps(sorted(group)) for group in (configuration.orderers, configuration.members))
    connection.execute(
        "REPLACE INTO configuration VALUES (0, ?, ?, ?, ?)",
        (block.number, configuration.consensus, orderers, members),
    )
