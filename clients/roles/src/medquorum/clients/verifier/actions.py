# SPDX-License-Identifier: Apache-2.0
"""What a verifier's client has to do, derived from the ledger and what its own chaincode has computed."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from medquorum.clients.ledger.round_status import RoundStatus, ended
from medquorum.core.documents.root import Root, standing
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task

__all__ = [
    "Action",
    "Aggregate",
    "Attest",
    "AttestModel",
    "AttestRoot",
    "Building",
    "Computing",
    "Judging",
    "Leave",
    "MakeRoot",
    "Memory",
    "Prepare",
    "PrepareConclusion",
    "PrepareEarly",
    "PrepareRound",
    "Rooting",
    "StoreChunks",
    "SubmitRoot",
    "Verify",
    "VerifyRound",
    "Wait",
    "next_action",
]


@dataclass(frozen=True)
class MakeRoot:
    """Train the own root update of the round."""

    round: Round


@dataclass(frozen=True)
class SubmitRoot:
    """Hand over the own root update as the round's."""

    round: Round


@dataclass(frozen=True)
class AttestRoot:
    """Hold the round's root update against the own one."""

    round: Round
    root: Root


@dataclass(frozen=True)
class Prepare:
    """Have the own chaincode evaluate these hospitals' updates."""

    round: int
    hospitals: tuple[str, ...]


@dataclass(frozen=True)
class PrepareEarly:
    """Have the own chaincode evaluate the updates that are there while other hospitals still train."""

    round: int


@dataclass(frozen=True)
class PrepareConclusion:
    """Have the own chaincode judge all updates and compute the new model, for the coordinator's ConcludeRound."""

    round: int


@dataclass(frozen=True)
class PrepareRound:
    """Have the own chaincode judge all updates of the round together."""

    round: int


@dataclass(frozen=True)
class Verify:
    """Submit these hospitals' verdicts."""

    round: int
    hospitals: tuple[str, ...]


@dataclass(frozen=True)
class VerifyRound:
    """Submit all verdicts of the round."""

    round: int


@dataclass(frozen=True)
class Attest:
    """Put the own results on the ledger, because verifiers differ."""

    round: int
    hospitals: tuple[str, ...]


@dataclass(frozen=True)
class Aggregate:
    """Have the own chaincode compute the new model."""

    round: int


@dataclass(frozen=True)
class StoreChunks:
    """Have these chunks of the new model stored."""

    round: int
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class AttestModel:
    """Put the own hash of the new model on the ledger."""

    round: int


@dataclass(frozen=True)
class Wait:
    """Nothing is due for ``seconds``, unless something happens on the ledger."""

    seconds: float


@dataclass(frozen=True)
class Leave:
    """The task's last round ended."""


RECHECK = 1.0
"""Seconds between two questions whether the own chaincode still knows what it has prepared."""
Rooting = MakeRoot | SubmitRoot | AttestRoot
Judging = PrepareEarly | PrepareConclusion | Prepare | PrepareRound | Verify | VerifyRound | Attest
Building = Aggregate | StoreChunks | AttestModel
Computing = MakeRoot | PrepareEarly | PrepareConclusion | Prepare | PrepareRound | Aggregate
Action = Rooting | Judging | Building | Wait | Leave


@dataclass(frozen=True)
class Memory:
    """What a verifier's client knows beside the ledger; lost on a restart, and then found out again.

    Parameters
    ----------
    prepared
        Hospitals whose updates the own chaincode has evaluated (all candidates after PrepareRound).
    differing
        Hospitals on whose verdict the verifiers kept differing.
    chunks
        Number of chunks of the new model, None before the own chaincode has computed it.
    waited
        Seconds since anything moved on in the round.
    early
        Hospitals whose updates the own chaincode has evaluated in the open round.
    root
        Whether the own root update of the round is made.
    concluding
        Whether the own chaincode has computed all that a conclusion of the round takes.
    """

    prepared: Set[str] = field(default_factory=frozenset)
    differing: Set[str] = field(default_factory=frozenset)
    chunks: int | None = None
    waited: float = 0.0
    early: Set[str] = field(default_factory=frozenset)
    root: bool = False
    concluding: bool = False


def next_action(task: Task, status: RoundStatus | None, verifier: str, memory: Memory, takeover: float) -> Action:
    """Derive a verifier's next action.

    Parameters
    ----------
    status
        The latest round's, None before the first one.
    takeover
        Seconds after which a verifier does what another one was designated to do and has not done; the second in line
        waits once, the third twice as long.
    """
    if status is None or status.round is None:
        return Wait(takeover)
    round_ = status.round
    if ended(round_) and round_.round >= task.rounds:
        return Leave()
    rooting = _root(task, round_, status, verifier, memory, takeover) if task.has_root else None
    if rooting is not None:
        return rooting
    if round_.state == "open":
        return _early(task, round_, status, memory, takeover)
    if round_.state == "verifying":
        return _verdicts(task, round_, status, verifier, memory, takeover)
    if round_.state == "aggregating":
        return _model(task, round_, status, verifier, memory, takeover)
    return Wait(takeover)


def _root(
    task: Task, round_: Round, status: RoundStatus, verifier: str, memory: Memory, takeover: float
) -> Action | None:
    """Return what is due for the root update of a round, None where nothing is: others may still have to speak."""
    if round_.state not in ("open", "verifying") or (round_.state == "verifying" and status.root is None):
        return None
    if status.root is not None and verifier in (status.root.verifier, *status.root_attestations):
        return None
    if not memory.root:
        return MakeRoot(round_)
    if status.root is not None:
        return AttestRoot(round_, status.root)
    due = takeover * _place(task, verifier, round_.round)
    return SubmitRoot(round_) if memory.waited >= due else Wait(due - memory.waited)


def _early(task: Task, round_: Round, status: RoundStatus, memory: Memory, takeover: float) -> Action:
    complete = status.updates.keys() >= {*task.taking_part(round_.round)}
    if not complete:
        arrived = status.updates.keys() - memory.early
        return PrepareEarly(round_.round) if arrived and not task.has_root else Wait(takeover)
    return Wait(min(RECHECK, takeover)) if memory.concluding else PrepareConclusion(round_.round)


def _verdicts(task: Task, round_: Round, status: RoundStatus, verifier: str, memory: Memory, takeover: float) -> Action:
    pending = [hospital for hospital in round_.candidates if hospital not in status.verdicts]
    if not status.verdicts and not status.attestations and not memory.prepared:
        if not memory.concluding:
            return PrepareConclusion(round_.round)
        # One transaction writes all; single verdicts are for verifiers that differ and a coordinator that has stopped.
        if memory.waited < takeover:
            return Wait(min(RECHECK, takeover - memory.waited))
    unprepared = tuple(hospital for hospital in pending if hospital not in memory.prepared)
    if unprepared and _awaits_root(task, status):
        return Wait(takeover)
    if unprepared:
        return PrepareRound(round_.round) if task.judges_rounds else Prepare(round_.round, unprepared)
    unattested = tuple(h for h in pending if verifier not in status.attestations.get(h, {}))
    disputed = tuple(hospital for hospital in unattested if hospital in memory.differing)
    if disputed:
        return Attest(round_.round, disputed)
    # Another's attestation settles nothing: the others may still agree, and one verifier must not prevent that.
    claimed = {hospital for hospital in unattested if status.attestations.get(hospital)}
    if task.judges_rounds:
        place = 0 if claimed else _place(task, verifier, round_.round)
        return _round_verdict(round_, unattested, memory, takeover * place, takeover)
    mine = tuple(
        hospital
        for hospital in unattested
        if hospital in claimed or memory.waited >= takeover * _place(task, verifier, round_.candidates.index(hospital))
    )
    return Verify(round_.round, mine) if mine else Wait(takeover)


def _awaits_root(task: Task, status: RoundStatus) -> bool:
    return task.has_root and standing(task, 0, status.root_attestations.values()) == "awaited"


def _round_verdict(round_: Round, unattested: tuple[str, ...], memory: Memory, due: float, takeover: float) -> Action:
    if unattested and memory.waited >= due:
        return VerifyRound(round_.round)
    return Wait(due - memory.waited if unattested else takeover)


def _model(task: Task, round_: Round, status: RoundStatus, verifier: str, memory: Memory, takeover: float) -> Action:
    if memory.chunks is None:
        return Aggregate(round_.round)
    if verifier not in status.aggregates and status.conclusion is None:
        return AttestModel(round_.round)
    missing = tuple(index for index in range(memory.chunks) if index not in status.stored_chunks)
    mine = tuple(i for i in missing if memory.waited >= takeover * _place(task, verifier, i + round_.round))
    return StoreChunks(round_.round, mine) if mine else Wait(takeover)


def _place(task: Task, verifier: str, index: int) -> int:
    """Return a verifier's place in line for the item ``index``: 0 is designated."""
    verifiers = sorted(task.verifiers)
    return (verifiers.index(verifier) - index) % len(verifiers)
