# SPDX-License-Identifier: Apache-2.0
"""What a round waits for, and on whom, as its documents show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.aggregation.aggregate import nodes
from medquorum.core.documents.root import standing
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task

__all__ = ["Waiting", "waiting"]


@dataclass(frozen=True)
class Waiting:
    """Somebody's next step; ``who`` are MSP ids, of whom ``enough`` suffice where that is not all."""

    who: tuple[str, ...]
    what: str
    enough: int | None = None


def waiting(task: Task, status: RoundStatus) -> list[Waiting]:
    """Return what the task's latest round waits for; nothing where the task is over."""
    round_ = status.round
    coordinators = tuple(sorted({task.coordinator, task.standby or task.coordinator}))
    if round_ is None:
        return [Waiting(coordinators, "open the first round", 1)]
    if round_.state == "open":
        return list(_open(task, status, round_, coordinators))
    if round_.state == "verifying":
        return list(_verifying(task, status, round_, coordinators))
    if round_.state == "aggregating":
        return list(_aggregating(task, status, coordinators))
    left = task.rounds - round_.round
    return [Waiting(coordinators, f"open round {round_.round + 1}", 1)] if left > 0 else []


def _open(task: Task, status: RoundStatus, round_: Round, coordinators: tuple[str, ...]) -> Iterator[Waiting]:
    yield from _root(task, status)
    missing = tuple(msp for msp in task.taking_part(round_.round) if msp not in status.updates)
    if missing:
        yield Waiting(missing, "submit an update")
    else:
        yield Waiting(coordinators, "conclude the round, or close submissions: all updates are in", 1)


def _root(task: Task, status: RoundStatus) -> Iterator[Waiting]:
    if not task.has_root:
        return
    if status.root is None:
        yield Waiting(tuple(task.root_makers), "train the root update", 1)
    elif standing(task, 0, status.root_attestations.values()) == "awaited":
        told = {status.root.verifier, *status.root_attestations}
        yield Waiting(tuple(msp for msp in task.verifiers if msp not in told), "attest the root update")


def _verifying(task: Task, status: RoundStatus, round_: Round, coordinators: tuple[str, ...]) -> Iterator[Waiting]:
    yield from _root(task, status)
    pending = [hospital for hospital in round_.candidates if hospital not in status.verdicts]
    if not pending:
        yield Waiting(coordinators, "close the verdicts: all are there", 1)
        return
    if task.encrypted is None:
        yield Waiting(tuple(task.verifiers), f"give the verdict on {', '.join(pending)}", task.quorum)
        return
    for hospital in pending:
        told = status.attestations.get(hospital, {})
        missing = tuple(msp for msp in task.attesters(hospital) if msp not in told)
        yield Waiting(missing, f"attest the verdict on {hospital}")


def _aggregating(task: Task, status: RoundStatus, coordinators: tuple[str, ...]) -> Iterator[Waiting]:
    if status.result(task) is not None:
        yield Waiting(coordinators, "close the round once the new model is stored", 1)
        return
    if task.encrypted is not None and status.masks is None:
        yield Waiting((task.encrypted.dealer,), "attest the masks")
    yield Waiting(tuple(msp for msp in nodes(task) if msp not in status.aggregates), "attest the new model")
