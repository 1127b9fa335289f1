# SPDX-License-Identifier: Apache-2.0
"""What ConcludeRound states of a round's new model: opened with the round where its key needs a policy of its own."""

from __future__ import annotations

from medquorum.chaincode.context import Context
from medquorum.core.documents.aggregation.aggregate import required
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import PENDING
from medquorum.shim import endorsement_policy

__all__ = ["find_conclusion", "open_conclusion"]


def open_conclusion(context: Context, task: Task, round_number: int) -> None:
    """Have the key need as many endorsers as attestations of a model, where the chaincode's policy asks for fewer.

    Fabric drops a policy on an absent key silently, hence a value before there is a conclusion.
    """
    if task.encrypted is not None:
        return
    consortium = context.get(Consortium)
    needed = required(task, consortium.quorum)
    if needed == consortium.quorum and task.verifiers == consortium.having("verifier"):
        return
    key = context.key(Conclusion.kind, task.task, round_number)
    context.put_bytes(key, PENDING)
    # A quorum above the task's verifiers can be met by none of its transactions: its rounds end without a new model.
    context.restrict(key, endorsement_policy(task.verifiers, min(needed, len(task.verifiers))))


def find_conclusion(context: Context, task: str, round_number: int) -> Conclusion | None:
    """Read what a round was concluded with, None where it was not."""
    raw = context.find_bytes(context.key(Conclusion.kind, task, round_number))
    return None if raw in (None, PENDING) else Conclusion.decode(raw)
