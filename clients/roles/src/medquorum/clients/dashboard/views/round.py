# SPDX-License-Identifier: Apache-2.0
"""One round: its updates, the verdicts and who endorsed them, the new model, blocks and transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medquorum.clients.dashboard.index.queries import Queries, RoundTransaction
from medquorum.clients.dashboard.views.overview import accuracy
from medquorum.clients.dashboard.views.waiting import Waiting, waiting
from medquorum.clients.ledger.round_status import RoundStatus, result_of
from medquorum.core.documents.aggregation.aggregate import Aggregate
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import Verdict

__all__ = ["HospitalRow", "RoundPage", "Told", "round_page"]


@dataclass(frozen=True)
class Told:
    """The last transaction that wrote a document: its block, its id, and which organisations endorsed it."""

    block: int
    transaction: str
    endorsers: Sequence[str]


@dataclass(frozen=True)
class HospitalRow:
    """What became of one hospital's update."""

    hospital: str
    outcome: str
    commitment: str
    verdict: Verdict | None
    attested_by: Sequence[str]
    told: Told | None


@dataclass(frozen=True)
class RoundPage:
    """All of a round."""

    task: Task
    round: Round
    status: RoundStatus
    hospitals: Sequence[HospitalRow]
    results: Sequence[Aggregate | Conclusion]
    accuracy: float | None
    result: str
    transactions: Sequence[RoundTransaction]
    waiting: Sequence[Waiting]


def round_page(queries: Queries, name: str, number: int) -> RoundPage | None:
    """Return a round, None where there is no such task or round."""
    task, status = queries.task(name), queries.status(name, number)
    if task is None or status.round is None:
        return None
    transactions = queries.transactions(name, number)
    told = {
        write: Told(transaction.block, transaction.id, transaction.endorsers)
        for transaction in transactions
        for write in transaction.writes
    }
    round_ = status.round
    results: list[Aggregate | Conclusion] = [] if status.conclusion is None else [status.conclusion]
    results += status.aggregates.values()
    taking_part = sorted({*task.taking_part(number), *status.updates})
    return RoundPage(
        task,
        round_,
        status,
        [_hospital(msp, round_, status, told) for msp in taking_part],
        results,
        accuracy(task, round_, results),
        result_of(round_),
        transactions,
        waiting(task, status),
    )


def _hospital(msp: str, round_: Round, status: RoundStatus, told: Mapping[str, Told]) -> HospitalRow:
    update, verdict = status.updates.get(msp), status.verdicts.get(msp)
    outcome = "no update" if update is None else "pending"
    if verdict is not None:
        outcome = "accepted" if verdict.accepted else "refused"
    outcome = round_.outcomes.get(msp, outcome).replace("_", " ")
    return HospitalRow(
        msp,
        outcome,
        "" if update is None else update.commitment,
        verdict,
        sorted(status.attestations.get(msp, ())),
        told.get(f"verdict {round_.task} {round_.round:06d} {msp}") if verdict is not None else None,
    )
