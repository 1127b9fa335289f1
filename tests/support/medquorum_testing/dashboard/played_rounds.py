# SPDX-License-Identifier: Apache-2.0
"""Rounds of a task as the documents a chain would have, of any number of rounds and hospitals; no network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from medquorum.clients.dashboard.index.block import Certificate, IndexedBlock, IndexedTransaction, Written
from medquorum.clients.dashboard.index.store import IndexFile
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.document import Document
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.documents.verdict import Verdict

__all__ = ["VERIFIERS", "add", "digest", "fill", "play_round", "task_of"]

VERIFIERS = ["VerifierAMSP", "VerifierBMSP"]
SET = 200
"""Images of the verification set."""


def digest(*names: Any) -> str:
    """Return some hash."""
    return hashlib.sha256(repr(names).encode()).hexdigest()


def task_of(hospitals: int, rounds: int, name: str = "demo", **changes: Any) -> Task:
    """Return a plain task."""
    fields: dict[str, Any] = {
        "task": name,
        "model": {},
        "layout": digest("layout"),
        "length": 4,
        "initial_model": digest("w", 0),
        "lambda_numerator": 1,
        "lambda_bits": 1,
        "rule": {"name": "strict"},
        "disclosure": "count",
        "dataset": digest("set"),
        "dataset_size": SET,
        "fraction_bits": 16,
        "coordinator": "CoordinatorMSP",
        "standby": None,
        "verifiers": VERIFIERS,
        "hospitals": [f"Hospital{number}MSP" for number in range(1, hospitals + 1)],
        "quorum": 2,
        "minimum_accepted": 1,
        "model_tolerance": 0,
        "rounds": rounds,
        "verification": "plain",
        "model_store": "public",
        "keep_updates": False,
        "created_by": "CoordinatorMSP",
    }
    return Task.model_validate(fields | changes)


def play_round(task: Task, number: int, refused: str) -> Iterator[list[Document]]:
    """Yield a round's documents, transaction by transaction: opened, one update each, concluded."""
    named: dict[str, Any] = {"task": task.task, "round": number}
    base, model = digest("w", number - 1), digest("w", number)
    opened = Round(**named, state="open", base=base)
    yield [opened]
    updates = [
        Update(**named, hospital=msp, base=base, layout=task.layout, chunks=[digest(msp, number)])
        for msp in task.hospitals
    ]
    yield from ([update] for update in updates)
    accepted = [msp for msp in task.hospitals if msp != refused]
    right = min(SET, 100 + number)
    verdicts = [
        Verdict(
            **named,
            hospital=msp,
            accepted=msp != refused,
            reason=None if msp != refused else "RULE",
            rule="strict",
            counts={"base": right - 1, "mixed": right if msp != refused else 3, "total": SET},
            quality=1 if msp != refused else 4 - right,
        )
        for msp in task.hospitals
    ]
    ended = {
        "state": "closed",
        "candidates": task.hospitals,
        "commitments": {update.hospital: update.commitment for update in updates},
        "outcomes": {msp: "accepted" if msp != refused else "refused" for msp in task.hospitals},
        "accepted": accepted,
        "model": model,
    }
    counts: Any = {"base": right - 1, "model": right}
    manifest: dict[str, Any] = {"layout": task.layout, "length": 4, "chunks": [digest("chunk", number)]}
    yield [
        Round(**named, base=base, **ended),
        *verdicts,
        Conclusion(**named, model=model, accepted=accepted, worse=False, counts=counts),
        Model(**named, **manifest, model=model, store="public", parent=base, accepted=accepted),
    ]


def fill(index: IndexFile, task: Task, rounds: int) -> None:
    """Put a task and its first rounds into an index: the task's block, then one for each round."""
    add(index, [task])
    for number in range(1, rounds + 1):
        add(index, *play_round(task, number, task.hospitals[number % len(task.hospitals)]))


def add(index: IndexFile, *transactions: list[Document]) -> int:
    """Put transactions that wrote these documents into an index as its next block; return its number."""
    number = index.position().height
    indexed = tuple(
        IndexedTransaction(
            position,
            digest("transaction", number, position),
            "VALID",
            "Transaction",
            "CoordinatorMSP",
            1_800_000_000 + number,
            tuple(VERIFIERS),
            "1.0",
            tuple(Written(document.key, document.kind, document) for document in documents),
        )
        for position, documents in enumerate(transactions)
    )
    certificate = Certificate("CoordinatorMSP", "User1", "client", 1_900_000_000)
    index.add(IndexedBlock(number, indexed, (certificate,)), bytes.fromhex(digest("block", number)))
    return number
