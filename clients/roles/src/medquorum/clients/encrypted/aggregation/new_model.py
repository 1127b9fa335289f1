# SPDX-License-Identifier: Apache-2.0
"""The round's new model at a party: P0 says how it does on its images, and a party stores it chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from medquorum.clients.encrypted.verification.images import PrivateImages
from medquorum.clients.encrypted.verification.round_folders import round_folder
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL
from medquorum.clients.runtime.report import Report
from medquorum.core import model as modelformat
from medquorum.core.documents.aggregation.aggregate import final, is_worse
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.inference import AccuracyCounts
from medquorum.core.model import Tensors

__all__ = ["ModelPublisher"]

PARALLEL = 2
TAKEOVER = 5.0
"""Seconds before P1 stores the chunks that P0 should have stored."""


class ModelPublisher:
    """Evaluates and stores the new models of one task.

    Parameters
    ----------
    base
        Returns the base model of that hash and, at P0, its accuracy counts.
    images
        P0's.
    folder
        Where the party's node leaves its models.
    """

    def __init__(
        self,
        transactions: Transactions,
        task: Task,
        base: Callable[[str], tuple[Tensors, AccuracyCounts | None]],
        images: PrivateImages | None,
        folder: Path,
        report: Report,
    ) -> None:
        self._transactions = transactions
        self._task = task
        self._base = base
        self._images = images
        self._folder = folder
        self._report = report

    def accuracy(self, round_: Round, packed: bytes) -> Mapping[str, Any] | None:
        """Return how a packed new model does, which is public: P0's part of the attestation, None at P1."""
        _, counts = self._base(round_.base)
        if self._images is None or counts is None:
            return None
        model = modelformat.unpack(modelformat.parse(self._task.model), packed)
        after = self._images.count_correct(model).correct
        comparison: dict[str, Any] = {"worse": is_worse(self._task, counts.correct, after)}
        return comparison | (
            {"counts": {"base": counts.correct, "model": after}} if self._task.disclosure == "count" else {}
        )

    def store(self, task: Task, status: RoundStatus, index: int, waited: float) -> float:
        """Store the chunks of the agreed model that are not on the ledger yet; P1 only when P0 does not.

        ``task`` is the task as it is now: its nodes may be fewer than when the process started.
        """
        round_, agreed = status.round, final(task, list(status.aggregates.values()))
        if round_ is None or agreed is None or agreed.keeps_base:
            return RESYNC_INTERVAL
        missing = [i for i in range(status.chunks) if i not in status.stored_chunks]
        if not missing or (index == 1 and waited < TAKEOVER):
            return TAKEOVER
        chunks = modelformat.split((round_folder(self._folder, round_.round) / "model.bin").read_bytes())
        document = {"chunks": [sha256(chunk).hexdigest() for chunk in chunks]}

        def put(index: int) -> None:
            name, stored = "PutAggregateChunk", modelformat.stored_form(chunks[index])
            self._transactions.submit(name, self._task.task, round_.round, index, document, chunk=stored)

        with (
            self._report.phase("store", round=round_.round, chunks=len(missing)),
            ThreadPoolExecutor(PARALLEL) as pool,
        ):
            list(pool.map(put, missing))
        return 0
