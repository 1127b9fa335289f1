# SPDX-License-Identifier: Apache-2.0
"""Questions to the index: documents of a task or round, transactions, what the channel consists of."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from medquorum.clients.ledger.round_status import RoundStatus, read_document
from medquorum.core.documents.aggregation.aggregate import Aggregate
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.attestation import Attestation
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.document import Document, composite_key
from medquorum.core.documents.model import Model
from medquorum.core.documents.root import Root, RootAttestation
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.documents.verdict import Verdict

__all__ = ["Queries", "RoundTransaction", "VerdictLine"]

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class RoundTransaction:
    """A valid transaction that wrote something of a round, and the names of what it wrote."""

    block: int
    id: str
    function: str
    author: str
    seconds: int
    endorsers: Sequence[str]
    writes: Sequence[str]


@dataclass(frozen=True)
class VerdictLine:
    """What a task's tables need of one verdict."""

    round: int
    hospital: str
    accepted: bool
    reason: str | None
    quality: int | None
    weight: int | None


class Queries:
    """Reads one state of the index, from ``IndexFile.reader``.

    Whatever yields documents raises ``CheckFailed`` where one has not the form of this release.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tasks(self) -> list[str]:
        """Return the names of all tasks, the latest first."""
        rows = self._rows("SELECT task FROM documents WHERE kind = 'task' ORDER BY block DESC, position DESC")
        return [row["task"] for row in rows if row["task"]]

    def task(self, task: str) -> Task | None:
        """Return a task, None where there is none of that name."""
        return self._document(Task, (task,))

    def consortium(self) -> Consortium | None:
        """Return who is a member."""
        return self._document(Consortium, ())

    def model(self, model: str) -> Model | None:
        """Return a model's manifest."""
        return self._document(Model, (model,))

    def rounds(self, task: str) -> list[Round]:
        """Return all rounds of a task, the first one first."""
        return self._documents(Round, task)

    def results(self, task: str) -> dict[int, list[Aggregate | Conclusion]]:
        """Return what verifiers found of each round's new model, by round."""
        found: dict[int, list[Aggregate | Conclusion]] = defaultdict(list)
        for conclusion in self._documents(Conclusion, task):
            found[conclusion.round].append(conclusion)
        for aggregate in self._documents(Aggregate, task):
            found[aggregate.round].append(aggregate)
        return found

    def models(self, task: str) -> list[Model]:
        """Return the manifests of the models that a task's rounds made, the first one first."""
        return self._documents(Model, task)

    def verdicts(self, task: str) -> list[VerdictLine]:
        """Return every verdict of a task in short, by round and hospital."""
        rows = self._rows(
            "SELECT json_extract(document, '$.round'), json_extract(document, '$.hospital'),"
            " json_extract(document, '$.accepted'), json_extract(document, '$.reason'),"
            " json_extract(document, '$.quality'), json_extract(document, '$.weight')"
            " FROM documents WHERE task = ? AND kind = 'verdict' ORDER BY round, key",
            task,
        )
        return [VerdictLine(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    def submitted(self, task: str, hospital: str) -> set[int]:
        """Return the rounds to which a hospital has submitted an update."""
        rows = self._rows(
            "SELECT round FROM documents WHERE task = ? AND kind = 'update' "
            "AND json_extract(document, '$.hospital') = ?",
            task,
            hospital,
        )
        return {row["round"] for row in rows}

    def status(self, task: str, round_number: int) -> RoundStatus:
        """Return all documents of a round, as the contract's ReadRoundStatus would."""
        held: dict[str, list[dict[str, Any]]] = defaultdict(list)
        rows = self._rows(
            "SELECT kind, document FROM documents WHERE task = ? AND round = ? ORDER BY key", task, round_number
        )
        for row in rows:
            held[row["kind"]].append(json.loads(row["document"]))
        attestations: dict[str, dict[str, Attestation]] = defaultdict(dict)
        for attestation in _all(Attestation, held):
            attestations[attestation.hospital][attestation.verifier] = attestation
        return RoundStatus(
            _one(Round, held),
            {update.hospital: update for update in _all(Update, held)},
            {verdict.hospital: verdict for verdict in _all(Verdict, held)},
            {aggregate.verifier: aggregate for aggregate in _all(Aggregate, held)},
            _one(Conclusion, held),
            attestations,
            _one(Masks, held),
            _one(Root, held),
            {attestation.verifier: attestation for attestation in _all(RootAttestation, held)},
        )

    def transactions(self, task: str, round_number: int) -> list[RoundTransaction]:
        """Return the transactions that wrote something of a round, in the chain's order."""
        rows = self._rows(
            "SELECT t.block, t.id, t.function, t.author, t.seconds, t.endorsers, group_concat(w.name, char(10))"
            " FROM writes w JOIN transactions t ON t.block = w.block AND t.position = w.position"
            " WHERE w.task = ? AND w.round = ? GROUP BY t.block, t.position ORDER BY t.block, t.position",
            task,
            round_number,
        )
        return [
            RoundTransaction(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6].split("\n"))
            for row in rows
        ]

    def round_blocks(self, task: str) -> dict[int, tuple[int, int]]:
        """Return the block that wrote each round's latest state, and its time in seconds, by round."""
        rows = self._rows(
            "SELECT d.round, d.block, b.seconds FROM documents d JOIN blocks b ON b.number = d.block"
            " WHERE d.task = ? AND d.kind = 'round'",
            task,
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def invalid(self, last: int) -> list[sqlite3.Row]:
        """Return the latest transactions that the peers refused: block, id, code, function, author."""
        return self._rows(
            "SELECT block, id, code, function, author FROM transactions WHERE code != 'VALID'"
            " ORDER BY block DESC, position DESC LIMIT ?",
            last,
        )

    def blocks(self, last: int) -> list[sqlite3.Row]:
        """Return the latest blocks: number, hash, seconds, and how many transactions each has."""
        return self._rows(
            "SELECT number, hash, seconds, (SELECT count(*) FROM transactions WHERE block = number) AS transactions"
            " FROM blocks ORDER BY number DESC LIMIT ?",
            last,
        )

    def certificates(self) -> list[sqlite3.Row]:
        """Return every certificate seen in the blocks: msp, name, role, ends (seconds), seen (block)."""
        return self._rows("SELECT msp, name, role, ends, seen FROM certificates ORDER BY ends, msp, name")

    def configuration(self) -> sqlite3.Row | None:
        """Return the channel's configuration: block, consensus, orderers and members as JSON lists of MSP ids."""
        return next(iter(self._rows("SELECT block, consensus, orderers, members FROM configuration")), None)

    def chaincode_version(self) -> str:
        """Return the chaincode's version as the latest transaction states it."""
        rows = self._rows("SELECT version FROM transactions WHERE version != '' ORDER BY block DESC LIMIT 1")
        return str(rows[0]["version"]) if rows else ""

    def _rows(self, question: str, *values: str | int) -> list[sqlite3.Row]:
        return self._connection.execute(question, values).fetchall()

    def _document(self, kind: type[D], attributes: tuple[str | int, ...]) -> D | None:
        key = composite_key(kind.kind, attributes).encode(errors="replace")
        row = self._connection.execute("SELECT document FROM documents WHERE key = ?", (key,)).fetchone()
        return None if row is None else read_document(kind, json.loads(row["document"]))

    def _documents(self, kind: type[D], task: str) -> list[D]:
        rows = self._rows(
            "SELECT document FROM documents WHERE task = ? AND kind = ? ORDER BY round, key", task, kind.kind
        )
        return [read_document(kind, json.loads(row["document"])) for row in rows]


def _all(kind: type[D], held: dict[str, list[dict[str, Any]]]) -> list[D]:
    return [read_document(kind, document) for document in held[kind.kind]]


def _one(kind: type[D], held: dict[str, list[dict[str, Any]]]) -> D | None:
    documents = _all(kind, held)
    return documents[0] if documents else None
