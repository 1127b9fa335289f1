# SPDX-License-Identifier: Apache-2.0
"""Finds a round's root update and what the verifiers say of it."""

from __future__ import annotations

from medquorum.chaincode.context import Context
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.root import Root, RootAttestation, Standing, standing
from medquorum.core.documents.task import Task

__all__ = ["check_root", "root_attestations", "root_standing"]


def root_attestations(context: Context, task: Task, round_number: int) -> list[RootAttestation]:
    """Read the attestations of the task's verifiers, by fixed keys."""
    attestations = [context.find(RootAttestation, task.task, round_number, verifier) for verifier in task.verifiers]
    return [attestation for attestation in attestations if attestation is not None]


def root_standing(context: Context, task: Task, round_number: int) -> Standing:
    """Return whether the round's root may be judged with."""
    return standing(task, context.get(Consortium).quorum, root_attestations(context, task, round_number))


def check_root(context: Context, task: Task, round_number: int) -> None:
    """Refuse what could be read before the round's root is bound, where the rule has one (``ROOT_MISSING``)."""
    if task.has_root:
        context.get(Root, task.task, round_number)
