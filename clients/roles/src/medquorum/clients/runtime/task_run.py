# SPDX-License-Identifier: Apache-2.0
"""One process' part in one task: what it reads and writes, where its files lie, whom it tells, when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.core.documents.task import Task

__all__ = ["TaskRun"]


@dataclass(frozen=True)
class TaskRun:
    """What the parts of a process have in common.

    Attributes
    ----------
    folder
        Where the process keeps what belongs to the task.
    """

    ledger: Ledger
    transactions: Transactions
    task: Task
    folder: Path
    report: Report
    control: LoopControl

    @property
    def msp(self) -> str:
        """The organisation."""
        return self.ledger.msp
