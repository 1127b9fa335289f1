# SPDX-License-Identifier: Apache-2.0
"""Where a task's model comes from: each round's base and result, and whether they make one line from the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medquorum.clients.dashboard.index.queries import Queries
from medquorum.clients.ledger.round_status import ended, result_of
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task

__all__ = ["Generation", "Lineage", "lineage"]


@dataclass(frozen=True)
class Generation:
    """A round that has ended: its base, the model it ended with, whose updates that is of, and what is wrong."""

    number: int
    base: str
    model: str
    accepted: Sequence[str]
    wrong: str

    @property
    def is_new(self) -> bool:
        """Return whether the round made a model."""
        return self.model != self.base


@dataclass(frozen=True)
class Lineage:
    """A task's models, the latest one first."""

    task: Task
    generations: Sequence[Generation]

    @property
    def wrong(self) -> int:
        """How many rounds do not fit."""
        return sum(bool(generation.wrong) for generation in self.generations)


def lineage(queries: Queries, name: str) -> Lineage | None:
    """Return a task's lineage, None where there is no such task."""
    task = queries.task(name)
    if task is None:
        return None
    manifests = {manifest.round: manifest for manifest in queries.models(name)}
    before, found = task.initial_model, []
    for round_ in filter(ended, queries.rounds(name)):
        wrong = _wrong(round_, before, manifests.get(round_.round))
        before = result_of(round_)
        found.append(Generation(round_.round, round_.base, before, round_.accepted, wrong))
    return Lineage(task, found[::-1])


def _wrong(round_: Round, before: str, manifest: Model | None) -> str:
    """Return why a round does not go on from the one before, or its manifest is of another round; empty where it fits.

    A model that was there already, as of another task, keeps its first manifest: then there is none of this round.
    """
    if round_.base != before:
        return f"its base is not {before}, with which the round before ended"
    if manifest is None or manifest.model != round_.model:
        return ""
    if manifest.parent != round_.base:
        return "the model's manifest names another parent"
    return "" if manifest.accepted == round_.accepted else "the model's manifest names the updates of others"
