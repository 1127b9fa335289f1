# SPDX-License-Identifier: Apache-2.0
"""A round's new model as one verifier or aggregation node found it, and which result ends the round."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from medquorum.core.documents.document import Attribute, Statement
from medquorum.core.documents.fields import Hash, Images, MspId, RoundIndex, TaskName
from medquorum.core.documents.task import Task

__all__ = ["Accuracy", "Aggregate", "Counts", "Mismatch", "final", "is_worse", "leading", "nodes", "required"]

Mismatch = Literal["MASKS", "MASKED_SUMS"]
"""The sum less the masked parameters' sum is not what the dealer attested; or the parties name two such sums."""


class Counts(BaseModel):
    """Images of the verification set that the base and the new model classify correctly."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    base: Images
    model: Images


class Accuracy(BaseModel):
    """Whether a model is worse than the base by more than the task tolerates."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    worse: bool
    counts: Counts | None = None


class Aggregate(Statement):
    """One verifier's or node's new model.

    ``worse`` and ``counts`` are of plain tasks. In encrypted ones ``accuracy`` is P0's word, which nobody else has to
    repeat, and ``mismatch`` says why the model is the base: the opened sum is not that of what was evaluated.
    """

    kind: ClassVar[str] = "aggregate"
    optional: ClassVar[frozenset[str]] = frozenset({"worse", "counts", "accuracy", "mismatch"})

    task: TaskName
    round: RoundIndex
    model: Hash
    accepted: list[MspId]
    worse: bool | None = None
    counts: Counts | None = None
    accuracy: Accuracy | None = None
    mismatch: Mismatch | None = None

    @property
    def agreed_bytes(self) -> bytes:
        """What verifiers or nodes must agree on."""
        return self.model_copy(update={"verifier": "", "accuracy": None}).encode()

    @property
    def keeps_base(self) -> str | None:
        """Why the round keeps its base although there is agreement: a reason, or None."""
        if self.mismatch is not None:
            return "SUM_MISMATCH"
        accuracy = Accuracy(worse=bool(self.worse)) if self.accuracy is None else self.accuracy
        return "MODEL_WORSE" if accuracy.worse else None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Task, round and verifier."""
        return (self.task, self.round, self.verifier)


def nodes(task: Task) -> list[str]:
    """Return who computes a task's new models: its verifiers, under encryption the aggregation nodes."""
    return task.verifiers if task.encrypted is None else task.encrypted.aggregators


def leading(aggregates: list[Aggregate]) -> tuple[Aggregate, int] | None:
    """Return the result most verifiers share, and their number; of equals the one with the lowest bytes."""
    counts = Counter(aggregate.agreed_bytes for aggregate in aggregates)
    if not counts:
        return None
    best = min(counts, key=lambda agreed: (-counts[agreed], agreed))
    return next(a for a in aggregates if a.agreed_bytes == best), counts[best]


def required(task: Task, quorum: int) -> int:
    """Return how many equal results end a round."""
    return max(task.quorum, quorum, len(nodes(task)) // 2 + 1)


def final(task: Task, aggregates: list[Aggregate], quorum: int = 0) -> Aggregate | None:
    """Return the result that ends a round, None while there is none: P0's in an encrypted task.

    A majority of the nodes and as many as the quorum have to agree; under encryption both parties among them, or
    hospitals that are nodes could outvote them.
    """
    first = leading(aggregates)
    if first is None or first[1] < required(task, quorum):
        return None
    if task.encrypted is None:
        return first[0]
    agreeing = {a.verifier: a for a in aggregates if a.agreed_bytes == first[0].agreed_bytes}
    return agreeing[task.encrypted.parties[0]] if {*task.encrypted.parties} <= agreeing.keys() else None


def is_worse(task: Task, base: int, model: int) -> bool:
    """Return whether a model's correct count is below the base's by more than the task's tolerance."""
    return 1000 * (base - model) > task.model_tolerance * task.dataset_size
