# SPDX-License-Identifier: Apache-2.0
"""Computes a round's new model and how well it does: the computation behind PrepareAggregate."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress

from medquorum.chaincode.evaluation_jobs.direction import combination
from medquorum.chaincode.evaluation_jobs.evaluator import RoundEvaluator, RunningSum, verdict_key
from medquorum.chaincode.jobs import Steps
from medquorum.chaincode.node import NewModel
from medquorum.core import model as modelformat
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import RangeError

__all__ = ["aggregate_key", "average"]


def aggregate_key(task: Task, round_: Round) -> Hashable:
    """Name a new model by everything it depends on; not as the verdicts on the same updates, which are other jobs."""
    weights = tuple(sorted((round_.weights or {}).items()))
    return ("new model", verdict_key(task, round_, round_.accepted), weights)


def average(evaluator: RoundEvaluator) -> tuple[Steps[NewModel], int]:
    """Make the computation of the new model from the accepted updates, and its number of steps."""
    return _average(evaluator), len(evaluator.round.accepted) + 1


def _average(evaluator: RoundEvaluator) -> Steps[NewModel]:
    accepted = tuple(evaluator.round.accepted)
    base = yield from evaluator.base()
    if evaluator.round.weights is None:
        sums = yield from RunningSum(evaluator).over(accepted)
        tensors = evaluator.next_model(base, sums, len(accepted))
    else:
        tensors = (yield from combination(evaluator, base, evaluator.round.weights)).rounded()
    packed = modelformat.pack(evaluator.description, tensors)
    chunks = modelformat.chunk_hashes(packed)
    name = modelformat.model_hash(evaluator.task.layout, chunks)
    before, after = evaluator.base_counts(base), evaluator.model_counts(name, tensors)
    evaluator.node.updates.drop((evaluator.round.task, evaluator.round.round))  # nothing more is computed of them
    with suppress(RangeError):  # then whoever reads it says so
        modelformat.check_range(evaluator.description, tensors)
        evaluator.node.bases.put(name, packed)
    return NewModel(name, chunks, packed, before.correct, after.correct)
