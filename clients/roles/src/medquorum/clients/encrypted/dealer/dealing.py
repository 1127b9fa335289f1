# SPDX-License-Identifier: Apache-2.0
"""The dealer's part in an aggregation: attest the accepted updates' masks, then give the nodes the salt."""

from __future__ import annotations

from collections.abc import Mapping

from medquorum.clients.encrypted.aggregation.membership import active_nodes
from medquorum.clients.encrypted.dealer.mask_seeds import MaskSeeds
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import ended
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL
from medquorum.clients.runtime.report import Report
from medquorum.core.documents.aggregation.opened import OVERLAP
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError, MaterialError, MedquorumError, ProtocolError
from medquorum.gateway import GatewayError
from medquorum.verifier.binding.masks import masks_hash
from medquorum.verifier.service.refusal import outward

__all__ = ["MaskAttestor"]


class MaskAttestor:
    """Attests a hash of the masks' sum once per round; ``step`` is idempotent and may be cut off anywhere."""

    def __init__(
        self, ledger: Ledger, transactions: Transactions, task: Task, seeds: MaskSeeds, report: Report
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._task = task
        self._seeds = seeds
        self._report = report
        self._gone = 0

    def step(self) -> float | None:
        """Do what is due now; return the seconds to the next look, None when the task ended."""
        status = self._ledger.current_status(self._task.task)
        if status is None or status.round is None:
            return RESYNC_INTERVAL
        round_ = status.round
        self._seeds.prune(round_.round + 1 if ended(round_) else round_.round)
        if ended(round_):
            return None if round_.round >= self._task.rounds else RESYNC_INTERVAL
        if round_.state == "aggregating" and status.masks is None and self._gone != round_.round:
            self._attest(round_.round, round_.summands)
        return RESYNC_INTERVAL

    def salt(self, node: str, task: str, round_number: int) -> bytes:
        """Return a node the salt of a round whose masks are attested.

        Raises
        ------
        ProtocolError
            It is no node of the task, the masks are not attested yet, the round has ended, or the salt is gone.
        """
        stranger = ProtocolError(f"{node} is no aggregation node of a task {task}", "Check the task and the address")
        if task != self._task.task:
            raise stranger
        try:
            known, status = active_nodes(self._ledger, task), self._ledger.status(task, round_number)
        except (MedquorumError, GatewayError) as error:
            raise ProtocolError(*outward(error)) from error
        if node not in known:
            raise stranger
        if status.round is None or status.round.state != "aggregating" or status.masks is None:
            raise ProtocolError(f"the masks of round {round_number} are not attested", "Ask again")
        return self._seeds.salt(round_number)

    def _attest(self, round_number: int, weights: Mapping[str, int]) -> None:
        try:
            with self._report.phase("masks", round=round_number):
                total = self._seeds.total(self._task, round_number, weights)
                digest = masks_hash(self._task.task, round_number, weights, self._seeds.draw_salt(round_number), total)
            self._transactions.submit("AttestMasks", self._task.task, round_number, digest)
        except (MaterialError, ProtocolError) as error:
            self._gone = round_number
            self._report.event("masks_gone", round=round_number, cause=error.cause)
        except ContractError as error:
            if error.code == OVERLAP:
                self._gone = round_number
                self._report.event("masks_refused", round=round_number, cause=error.cause)
            elif error.code not in ("ALREADY_ATTESTED", "ROUND_STATE"):
                raise
