# SPDX-License-Identifier: Apache-2.0
"""All roles' agents of a small federation, stepped in one thread on a ledger in memory."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from medquorum.clients.attacks.occasion import Behaviour, honest
from medquorum.clients.coordinator.actions import Deadlines
from medquorum.clients.coordinator.agent import Coordinator
from medquorum.clients.coordinator.conclusion import Conclusion
from medquorum.clients.data.images import Images
from medquorum.clients.hospital.agent import Hospital
from medquorum.clients.hospital.trainer import Conduct, LocalTraining, Trainer
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import MOVED_ON, LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.clients.training.train import Recipe
from medquorum.clients.verifier.agent import Verifier
from medquorum.clients.verifier.root import RootMaker
from medquorum.core.documents.task import Task
from medquorum.core.rules import Direction, parse_rule
from medquorum.errors import ContractError
from medquorum.gateway import GatewayError
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, Consortium
from medquorum_testing.ledger.ledger_contract import LedgerContract


class Killed(Exception):
    """The process of an agent is gone."""


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Hurried(LoopControl):
    """Lets a clock's time pass instead of waiting for a call."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def called_within(self, seconds: float) -> bool:
        self._clock.now += seconds
        return super().called_within(0)


def quarters(count: int, seed: int) -> Images:
    """Images 1x2x2 whose class is the brightest quarter, as the consortium's verification set has them."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 200, (count, 4), dtype=np.uint8)
    labels = np.arange(count) % 4
    pixels[np.arange(count), labels] = 255
    return Images(pixels.reshape(count, 1, 2, 2), labels.astype(np.int64))


class Federation:
    """A consortium with its task and the agents of every role; any of them can be made anew, as after a crash."""

    def __init__(self, consortium: Consortium, folder: Path, behaviours: dict[str, Behaviour] | None = None) -> None:
        self.consortium = consortium
        self.folder = folder
        self.behaviours = behaviours or {}
        self.clock = Clock()
        self.contracts: dict[str, LedgerContract] = {}
        self.streams: dict[str, io.StringIO] = {}
        self.task: Task = self.ledger(A).task("demo")
        self.agents: dict[str, Hospital | Verifier | Coordinator] = {}
        for name in ["coordinator", *self.task.verifiers, *self.task.hospitals]:
            self.start(name)

    def contract(self, msp: str) -> LedgerContract:
        return self.contracts.setdefault(msp, LedgerContract(self.consortium, msp))

    def ledger(self, msp: str) -> Ledger:
        return Ledger(self.contract(msp), msp)

    def transactions(self, msp: str) -> Transactions:
        return Transactions(self.contract(msp), self.task.verifiers, self.task.quorum, msp)

    def start(self, name: str) -> None:
        """Make an agent with nothing but what is on the ledger and on its disk."""
        msp = A if name == "coordinator" else name
        stream = self.streams.setdefault(name, io.StringIO())
        role = name if name == "coordinator" else "hospital" if name in self.task.hospitals else "verifier"
        report = Report(role, msp, as_json=True, stream=stream)
        ledger, transactions = self.ledger(msp), self.transactions(msp)
        if role == "coordinator":
            deadlines = Deadlines(60, 60, 60)
            conclusion = Conclusion(ledger, transactions, deadlines.verdict, self.clock)
            self.agents[name] = Coordinator(
                ledger, transactions, self.task, deadlines, report, conclusion, Hurried(self.clock), clock=self.clock
            )
        elif role == "verifier":
            roots = self.roots(name, report) if self.task.has_root else None
            self.agents[name] = Verifier(
                ledger, transactions, self.task, report, LoopControl(), takeover=5, roots=roots, clock=self.clock
            )
        else:
            store = UpdateStore(self.folder / name / "updates")
            recipe = Recipe(epochs=20, batch=8, learning_rate=0.03)
            local = LocalTraining(quarters(80, HOSPITALS.index(name)), recipe, quarters(40, 99))
            conduct = Conduct(self.behaviours.get(name, honest), self.folder / HOSPITALS[0] / "updates")
            trainer = Trainer(self.task, msp, local, report, LoopControl(), conduct)
            self.agents[name] = Hospital(ledger, transactions, self.task, trainer, store, report)

    def roots(self, verifier: str, report: Report) -> RootMaker:
        """Return what makes a verifier's root updates."""
        ledger, transactions = self.ledger(verifier), self.transactions(verifier)
        run = TaskRun(ledger, transactions, self.task, self.folder / verifier, report, LoopControl())
        rule = parse_rule(self.task.rule)
        assert isinstance(rule, Direction)
        return RootMaker(run, rule, self.consortium.images, "mychannel")

    def run(self, limit: int = 400) -> None:
        """Step every agent in turn until all have left the task; time passes when nobody has anything to do."""
        left: set[str] = set()
        for _ in range(limit):
            waits = []
            for name in [name for name in self.agents if name not in left]:
                try:
                    seconds = self.agents[name].step()
                except Killed:
                    self.start(name)
                    seconds = 0
                except (ContractError, GatewayError) as error:
                    if isinstance(error, ContractError) and error.code not in MOVED_ON:
                        raise
                    seconds = 0.5
                if seconds is None:
                    left.add(name)
                else:
                    waits.append(seconds)
            if not waits:
                return
            self.clock.now += min(waits)
        raise AssertionError(f"still there: {set(self.agents) - left}, {self.ledger(A).current_round('demo')}")

    def events(self, name: str, event: str) -> list[dict[str, Any]]:
        """Return the events of one kind that a role has reported."""
        lines = [json.loads(line) for line in self.streams[name].getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]
