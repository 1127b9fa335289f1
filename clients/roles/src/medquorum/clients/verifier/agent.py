# SPDX-License-Identifier: Apache-2.0
"""A verifier's client in a task: has its own chaincode judge, and writes what a quorum of verifiers agrees on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.ledger.transactions import Transactions, differs
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.verifier import actions
from medquorum.clients.verifier.actions import Memory
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError, ContractError
from medquorum.gateway import EndorseError

if TYPE_CHECKING:
    from medquorum.clients.verifier.root import RootMaker

__all__ = ["Verifier"]

Result = TypeVar("Result")
Item = TypeVar("Item")

PARALLEL = 8
"""Verdicts on their way at the same time."""
PARALLEL_CHUNKS = 2
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.05, 0.5, 1.25
"""Seconds between two questions whether the own chaincode has finished, and how they grow: to a fifth of the time."""
EARLY_PAUSE = 0.15
"""Seconds between two questions while other hospitals still train: nobody waits for the answer."""
RETRY_DELAY = 0.5
"""Seconds before other verifiers that are not ready are asked again."""
STILL_COMING = frozenset({"BUSY", "CHUNK_MISSING", "DATA_MISSING", "NOT_READY"})


@dataclass
class _Answers:
    """What the own chaincode answered in one state of one round."""

    state: tuple[int, str] = (0, "none")
    early: set[str] = field(default_factory=set)
    root: bool = False
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)
    concluding: bool = False
    model: dict[str, Any] | None = None
    progress: list[int] = field(default_factory=list)
    since: float = 0.0


class Verifier:
    """One verifier organisation's part in one task; ``step`` is idempotent and may be cut off anywhere.

    Parameters
    ----------
    roots
        Makes root updates, where the task's rule needs them.
    takeover
        Seconds without any progress after which it does what another verifier was designated to do.
    """

    def __init__(
        self,
        ledger: Ledger,
        transactions: Transactions,
        task: Task,
        report: Report,
        control: LoopControl,
        *,
        takeover: float,
        roots: RootMaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._task = task
        self._report = report
        self._control = control
        self._takeover = takeover
        self._roots = roots
        self._clock = clock
        self._answers = _Answers()

    def step(self) -> float | None:
        """Do what is due now; return the seconds to the next look, None when the task ended."""
        status = self._ledger.current_status(self._task.task)
        self._memory(status)
        self._recheck()
        while True:
            action = actions.next_action(self._task, status, self._ledger.msp, self._memory(status), self._takeover)
            match action:
                case actions.Leave():
                    self._report.event("finished", task=self._task.task)
                    return None
                case actions.Wait(seconds):
                    return seconds
                case actions.MakeRoot() | actions.SubmitRoot() | actions.AttestRoot():
                    pause = self._root(action)
                case actions.Aggregate() | actions.AttestModel() | actions.StoreChunks():
                    pause = self._build(action)
                case _:
                    pause = self._judge(action)
            # What the own chaincode has computed is on no ledger: what comes next follows from the same status.
            if pause or not isinstance(action, actions.Computing):
                return pause

    def _judge(self, action: actions.Judging) -> float:
        match action:
            case actions.PrepareEarly(round_number):
                return self._prepare_early(round_number)
            case actions.PrepareConclusion(round_number):
                return self._prepare_conclusion(round_number)
            case actions.Prepare(round_number, hospitals):
                return self._prepare(round_number, hospitals)
            case actions.PrepareRound(round_number):
                return self._prepare_round(round_number)
            case actions.Verify(round_number, hospitals):
                return self._verify(round_number, hospitals)
            case actions.VerifyRound(round_number):
                return self._verify_round(round_number)
            case actions.Attest(round_number, hospitals):
                for hospital in hospitals:
                    self._send("AttestVerdict", round_number, hospital, self._answers.results[hospital])
                    self._report.event("attested", round=round_number, hospital=hospital)
                return 0

    def _root(self, action: actions.Rooting) -> float:
        if self._roots is None:
            raise ConfigError(f"the rule of {self._task.task} needs root updates", "Give the verifier its images")
        match action:
            case actions.MakeRoot(round_):
                self._roots.make(round_)
                self._answers.root = True
            case actions.SubmitRoot(round_):
                self._roots.submit(round_)
            case actions.AttestRoot(round_, root):
                roots = self._roots
                return RETRY_DELAY if self._tried(lambda: roots.attest(round_, root)) is None else 0
        return 0

    def _build(self, action: actions.Building) -> float:
        match action:
            case actions.Aggregate(round_number):
                return self._aggregate(round_number)
            case actions.AttestModel(round_number):
                return self._attest_model(round_number)
            case actions.StoreChunks(round_number, chunks):
                return self._store(round_number, chunks)

    def _memory(self, status: RoundStatus | None) -> Memory:
        """Bring what is remembered up to the round's state; a new state begins with nothing."""
        round_ = None if status is None else status.round
        state = (0, "none") if round_ is None else (round_.round, round_.state)
        if state != self._answers.state:
            self._answers = _Answers(state)
            structlog.contextvars.bind_contextvars(round=state[0])
        answers = self._answers
        progress = [len(answers.results), int(answers.model is not None), int(answers.concluding)]
        if status is not None:
            progress += [
                int(status.root is not None),
                len(status.root_attestations),
                len(status.verdicts),
                len(status.aggregates),
                len(status.stored_chunks),
            ]
        if progress != answers.progress or not answers.since:
            answers.progress, answers.since = progress, self._clock()
        chunks = None if answers.model is None else _to_store(answers.model)
        waited = self._clock() - answers.since
        return Memory(
            answers.results.keys(), answers.differing, chunks, waited, answers.early, answers.root, answers.concluding
        )

    def _prepare_early(self, round_number: int) -> float:
        """Have what has arrived evaluated as long as that moves on, and nothing else has happened on the ledger."""
        with self._report.phase("evaluation", round=round_number):
            while (answer := self._tried(lambda: self._asked("PrepareUpdates", round_number))) is not None:
                moved = not self._answers.early >= {*answer["evaluated"]}
                self._answers.early |= {*answer["evaluated"]}
                if answer["state"] == "ready":
                    return 0
                if self._control.called_within(EARLY_PAUSE):
                    return EARLY_PAUSE  # the call ends this pause at once
                if not moved:
                    break
        return RETRY_DELAY

    def _prepare_conclusion(self, round_number: int) -> float:
        with self._report.phase("conclusion", round=round_number):
            answer = self._tried(lambda: self._prepared("PrepareConclusion", round_number))
        self._answers.concluding = answer is not None
        return 0 if self._answers.concluding else RETRY_DELAY

    def _recheck(self) -> None:
        """Ask whether the own chaincode still has what it computed for a conclusion that has not come."""
        if self._answers.concluding:
            answer = self._tried(lambda: self._asked("PrepareConclusion", self._answers.state[0]))
            self._answers.concluding = answer is not None and answer["state"] == "ready"

    def _prepare(self, round_number: int, hospitals: tuple[str, ...]) -> float:
        def prepare(hospital: str) -> bool:
            answer = self._tried(lambda: self._prepared("PrepareVerdict", round_number, hospital))
            if answer is None:
                return False
            self._answers.results[hospital] = answer["result"]
            self._report.progress("verification", len(self._answers.results), len(hospitals), round=round_number)
            return True

        with self._report.phase("verification", round=round_number, updates=len(hospitals)):
            ready = self._each(prepare, hospitals, PARALLEL_CHUNKS)
        return 0 if all(ready) else RETRY_DELAY

    def _prepare_round(self, round_number: int) -> float:
        with self._report.phase("verification", round=round_number):
            answer = self._tried(lambda: self._prepared("PrepareRound", round_number))
        if answer is None:
            return RETRY_DELAY
        self._answers.results.update(answer["results"])
        return 0

    def _verify(self, round_number: int, hospitals: tuple[str, ...]) -> float:
        def verify(hospital: str) -> bool:
            return self._agreed(lambda: self._send("VerifyUpdate", round_number, hospital), [hospital])

        with self._report.phase("verdicts", round=round_number, updates=len(hospitals)):
            written = self._each(verify, hospitals, PARALLEL)
        return 0 if all(written) else RETRY_DELAY

    def _verify_round(self, round_number: int) -> float:
        with self._report.phase("verdicts", round=round_number):
            written = self._agreed(lambda: self._send("VerifyRound", round_number), list(self._answers.results))
        return 0 if written else RETRY_DELAY

    def _aggregate(self, round_number: int) -> float:
        with self._report.phase("aggregation", round=round_number):
            self._answers.model = self._tried(lambda: self._prepared("PrepareAggregate", round_number))
        return 0 if self._answers.model is not None else RETRY_DELAY

    def _attest_model(self, round_number: int) -> float:
        model = self._answers.model or {}
        result: dict[str, Any] = {name: model[name] for name in ("model", "worse", "counts") if name in model}
        if self._tried(lambda: self._send("AttestAggregate", round_number, result)) is None:
            self._answers.model = None
            return RETRY_DELAY
        self._report.event("model_attested", round=round_number, **result)
        return 0

    def _store(self, round_number: int, chunks: tuple[int, ...]) -> float:
        def store(index: int) -> bool:
            return self._tried(lambda: self._send("StoreModelChunk", round_number, index)) is not None

        with self._report.phase("store", round=round_number, chunks=len(chunks)):
            stored = self._each(store, chunks, PARALLEL_CHUNKS)
        if all(stored):
            return 0
        self._answers.model = None
        return RETRY_DELAY

    def _prepared(self, name: str, round_number: int, *arguments: str) -> dict[str, Any]:
        """Ask the own chaincode until it has finished; it answers at once, so the pauses are here."""
        pause = FIRST_PAUSE
        while (answer := self._asked(name, round_number, *arguments))["state"] != "ready":
            self._report.progress(
                name, answer["done"], answer["total"], round=round_number, hospital=" ".join(arguments)
            )
            self._control.pause(pause)
            pause = min(GROWTH * pause, LONGEST_PAUSE)
        return answer

    def _asked(self, name: str, round_number: int, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._ledger.value(name, self._task.task, str(round_number), *arguments)
        return answer

    def _agreed(self, send: Callable[[], bytes], hospitals: Iterable[str]) -> bool:
        """Send a verdict; False when another verifier is not ready or they differ."""
        try:
            send()
        except ContractError as error:
            if error.code == "DECIDED":
                return True
            if error.code not in STILL_COMING:
                raise
            # It may be the own chaincode that has restarted and forgotten: preparing again costs little if not.
            for hospital in hospitals:
                self._answers.results.pop(hospital, None)
            return False
        except EndorseError as error:
            if not differs(error):
                raise
            structlog.get_logger().warning("verifiers_differ", cause=str(error))
            self._answers.differing.update(hospitals)
            return False
        return True

    def _send(self, name: str, round_number: int, *arguments: str | int | dict[str, Any]) -> bytes:
        return self._transactions.submit(name, self._task.task, round_number, *arguments)

    @staticmethod
    def _tried(call: Callable[[], Result]) -> Result | None:
        """Make a call; None when what it needs is still on its way."""
        try:
            return call()
        except ContractError as error:
            if error.code not in STILL_COMING:
                raise
            return None

    @staticmethod
    def _each(work: Callable[[Item], bool], items: Iterable[Item], parallel: int) -> list[bool]:
        with ThreadPoolExecutor(parallel) as pool:
            return list(pool.map(work, items))


def _to_store(model: dict[str, Any]) -> int:
    """Count the chunks to store; a model worse than its base is not stored, for the round keeps the base."""
    return 0 if model["worse"] else int(model["chunks"])
