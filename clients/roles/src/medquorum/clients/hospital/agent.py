# SPDX-License-Identifier: Apache-2.0
"""A hospital in a task: looks at the ledger, trains, submits, and checks every model before it uses it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from medquorum.clients.hospital.actions import AwaitRound, AwaitVerdict, Late, Leave, Submit, next_action
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import check_round, fetch_model
from medquorum.clients.ledger.round_status import RoundStatus, ended, result_of
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.logs import get_logger
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import StoredUpdate, UpdateSource, UpdateStore
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError, ProtocolError, ShareError

if TYPE_CHECKING:
    from medquorum.clients.hospital.uploader import Uploader
    from medquorum.clients.hospital.verification import OwnVerification

__all__ = ["PARALLEL", "Hospital"]

PARALLEL = 2
"""Chunks on their way at the same time."""
WAIT_FOR_OTHERS = 1.0


@dataclass
class _Known:
    """What this process awaits and has said, and the round whose model comes next; never needed to act rightly."""

    awaited: int | None = None
    verdict: int | None = None
    late: int | None = None
    model: int | None = None


class Hospital:
    """One hospital's part in one task; ``step`` is idempotent and may be cut off anywhere.

    What became of an update is told once its round has decided, however often the process was killed before. A process
    that starts again tells it of the latest update on its disk, also when an earlier process did: nothing is kept of
    what was told.
    """

    def __init__(
        self,
        ledger: Ledger,
        transactions: Transactions,
        task: Task,
        trainer: UpdateSource,
        store: UpdateStore,
        report: Report,
        sender: Uploader | None = None,
        verification: OwnVerification | None = None,
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._task = task
        self._trainer = trainer
        self._store = store
        self._report = report
        self._sender = sender
        self._verification = verification
        self._known = _Known(awaited=store.latest())
        self._latest_task: Task | None = None  # as read in this step
        self._packed: tuple[str, bytes] = ("", b"")

    def step(self) -> float | None:
        """Do what is due now; return the seconds to the next look, None when the task ended."""
        status = self._ledger.current_status(self._task.task)
        self._latest_task = None
        self._report_verdict(status)
        models: dict[int, str] = {}
        if status is not None and status.round is not None:
            structlog.contextvars.bind_contextvars(round=status.round.round)
            models = self._checked_models(status, status.round)
        action = next_action(self._task, status, self._ledger.msp)
        if isinstance(action, Submit):  # the others wait for the update, nobody for how good the last model is
            self._check(action.round)
            seconds = self._submit(action.round.round, action.round.base)
            self._report_models(models)
            return seconds
        self._report_models(models)
        match action:
            case AwaitVerdict(round_number):
                self._known.awaited = None if round_number == self._known.verdict else round_number
                return self._serve_parties(status, round_number)
            case Late(round_number):
                self._report_late(round_number)
            case AwaitRound(round_number):
                self._store.prune(self._trainer.oldest_needed(round_number))
            case Leave(model):
                self._report.event("finished", task=self._task.task, model=model)
                return None
        return RESYNC_INTERVAL

    def _submit(self, round_number: int, base: str) -> float:
        update = self._stored(round_number, base)
        if update is None:
            return WAIT_FOR_OTHERS
        if self._task.has_root and self._ledger.status(self._task.task, round_number).root is None:
            return RESYNC_INTERVAL  # what verifiers hold updates against is bound first; its event ends the wait
        self._known.awaited = round_number
        try:
            document: dict[str, Any] = {"base": base, "layout": self._task.layout}
            transient: dict[str, bytes] = {}
            if self._sender is None:
                transient = update.transient
                if not transient:
                    with self._report.phase("upload", round=round_number, bytes=sum(map(len, update.values))):
                        self._put(round_number, update)
                document["chunks"] = update.chunks
            else:
                document |= self._sender.submission(round_number, update)
            with self._report.phase("submit", round=round_number, bytes=sum(map(len, transient.values()))):
                self._transactions.submit("SubmitUpdate", self._task.task, round_number, document, **transient)
        except ProtocolError as error:
            get_logger().warning("no_mask", cause=str(error))
            return WAIT_FOR_OTHERS
        except ContractError as error:
            if error.code == "ALREADY_PUT":
                # What this hospital put before its disk was lost: it cannot be replaced, the next round is anew.
                get_logger().warning("another_update_was_put", cause=error.cause, remedy=error.remedy)
                return RESYNC_INTERVAL
            if error.code == "ROUND_CLOSED":
                self._report_late(round_number)
            elif error.code != "ALREADY_SUBMITTED":
                raise
            return 0
        self._report.event("submitted", round=round_number, base=base, bytes=len(update.packed))
        return RESYNC_INTERVAL if self._sender is None else 0  # a plain update needs nothing more before its verdict

    def _serve_parties(self, status: RoundStatus | None, round_number: int) -> float:
        """In an encrypted task, hand the update to the parties; where hospitals verify, be the second party."""
        update = None if self._sender is None else self._store.load(round_number)
        if self._sender is None or update is None or status is None:
            return RESYNC_INTERVAL
        try:
            self._sender.send(round_number, update, status.updates[self._ledger.msp])
        except (ProtocolError, ShareError) as error:
            get_logger().warning("share_not_taken", cause=str(error))
            return WAIT_FOR_OTHERS
        return RESYNC_INTERVAL if self._verification is None else self._verification.step(status, round_number)

    def _stored(self, round_number: int, base: str) -> StoredUpdate | None:
        """Return the round's update: the one a killed process left, or a new one, on disk before it is sent."""
        stored = self._store.load(round_number)
        if stored is not None and stored.base == base:
            return stored
        packed = self._trainer.update(round_number, self._model(base), self._store)
        return None if packed is None else self._store.save(round_number, base, packed)

    def _put(self, round_number: int, update: StoredUpdate) -> None:
        def put(item: tuple[int, bytes]) -> None:
            index, value = item
            self._transactions.submit("PutUpdateChunk", self._task.task, round_number, index, chunk=value)

        with ThreadPoolExecutor(PARALLEL) as pool:
            for done, _ in enumerate(pool.map(put, enumerate(update.values)), start=1):
                self._report.progress("upload", done, len(update.chunks), round=round_number)

    def _check(self, round_: Round, status: RoundStatus | None = None) -> None:
        """Check a round; what nodes attest counts by the task as it is now: some may have been expelled since."""
        task = self._task
        if result_of(round_) != round_.base:
            status = status or self._ledger.status(task.task, round_.round)
            if status.conclusion is None:
                task = self._latest_task = self._latest_task or self._ledger.task(task.task)
        check_round(self._ledger, task, round_, status)

    def _model(self, model: str) -> bytes:
        """Return a checked model, read from the ledger once."""
        if self._packed[0] != model:
            start = time.monotonic()
            self._packed = (model, fetch_model(self._ledger, self._task, model))
            self._report.event("phase", phase="fetch", seconds=round(time.monotonic() - start, 4), model=model)
        return self._packed[1]

    def _checked_models(self, status: RoundStatus, round_: Round) -> dict[int, str]:
        """Check and return the model each round ended with, also when the next round is already open."""
        latest = round_.round if ended(round_) else round_.round - 1
        models = {}
        for number in range(self._known.model if self._known.model is not None else latest, latest + 1):
            if number == round_.round:
                finished = round_
                self._check(round_, status)
            else:
                finished = self._ledger.round(self._task.task, max(number, 1))
                self._check(finished)
            models[number] = result_of(finished) if number else self._task.initial_model
        return models

    def _report_models(self, models: Mapping[int, str]) -> None:
        """Say how good each round's model is."""
        for number, model in models.items():
            self._report_quality(number, model)
            self._known.model = number + 1

    def _report_quality(self, round_number: int, model: str) -> None:
        try:
            quality = self._trainer.quality(self._model(model))
        except ContractError as error:
            # Whoever comes back after a while may find an earlier round's model gone by the task's own rule.
            if error.code != "MODEL_PURGED":
                raise
            self._report.event("model_purged", round=round_number, model=model)
            return
        self._report.event("global_model" if quality else "model_checked", round=round_number, model=model, **quality)

    def _report_verdict(self, status: RoundStatus | None) -> None:
        """Report what became of an update, also when the next round is already open."""
        awaited = self._known.awaited
        if awaited is None or status is None or status.round is None or status.round.round < awaited:
            return
        awaited_status = status if status.round.round == awaited else self._ledger.status(self._task.task, awaited)
        verdict = awaited_status.verdicts.get(self._ledger.msp)
        if verdict is not None:
            self._report.event(
                "verdict",
                round=awaited,
                accepted=verdict.accepted,
                reason=verdict.reason,
                counts=verdict.counts,
                **({} if verdict.claimants is None else {"claimants": verdict.claimants}),
                **({} if verdict.weight is None else {"weight": verdict.weight}),
            )
        elif awaited_status.round is None or not ended(awaited_status.round):
            return
        elif self._ledger.msp not in awaited_status.updates:
            self._report_late(awaited)
        else:
            outcome = awaited_status.round.outcomes.get(self._ledger.msp, awaited_status.round.state)
            self._report.event("verdict", round=awaited, accepted=False, reason=outcome, counts=None)
        self._known.awaited, self._known.verdict = None, awaited

    def _report_late(self, round_number: int) -> None:
        if self._known.late != round_number:
            self._known.late = round_number
            self._report.event(
                "late", round=round_number, reason="the round was closed before the update was on the ledger"
            )
