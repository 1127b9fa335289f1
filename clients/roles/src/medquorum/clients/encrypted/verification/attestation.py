# SPDX-License-Identifier: Apache-2.0
"""Bringing a verification's result to the ledger: P0 first, then P1, whose equal result writes the verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError

__all__ = ["AGREEMENT_TIMEOUT", "Attestor", "Results"]

Results = Mapping[str, Mapping[str, Any]]
"""What was found, by hospital."""
AGREEMENT_TIMEOUT = 20.0
"""Seconds P1 waits to see P0's attestation before it sends its own; then the second one finds the first committed."""
POLL_INTERVAL = 0.25
"""Seconds between two looks at the ledger for the other party's attestation."""
SETTLED = frozenset({"DECIDED", "ROUND_STATE"})
"""Refusals of an attestation that say the matter is closed."""


class Attestor:
    """Attests one party's results in one task; safe to use from several threads."""

    def __init__(
        self, ledger: Ledger, transactions: Transactions, task: Task, report: Report, control: LoopControl
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._task = task
        self._report = report
        self._control = control

    def attest(self, round_number: int, hospital: str, result: Mapping[str, Any]) -> None:
        """Send a result; one that comes too late changes nothing."""
        try:
            self._transactions.submit("AttestVerdict", self._task.task, round_number, hospital, result)
        except ContractError as error:
            if error.code not in SETTLED:
                raise
        self._report.event("attested", round=round_number, hospital=hospital, accepted=result["accepted"])

    def attest_round(self, round_number: int, round_result: Mapping[str, Any]) -> None:
        """Send what was found of a whole round; one that comes too late changes nothing."""
        try:
            self._transactions.submit("AttestRound", self._task.task, round_number, round_result)
        except ContractError as error:
            if error.code not in SETTLED:
                raise
        for hospital, result in round_result["results"].items():
            self._report.event("attested", round=round_number, hospital=hospital, accepted=result["accepted"])

    def await_first(self, round_number: int, first: str, results: Results) -> None:
        """Wait until the attestations of the party ``first`` about the same transcripts are on the ledger."""
        give_up = time.monotonic() + AGREEMENT_TIMEOUT
        while time.monotonic() < give_up:
            attestations = self._ledger.status(self._task.task, round_number).attestations
            there = (attestations.get(hospital, {}).get(first) for hospital in results)
            if all(
                a is not None and a.transcript == f["transcript"] for a, f in zip(there, results.values(), strict=True)
            ):
                return
            self._control.sleep(POLL_INTERVAL)
