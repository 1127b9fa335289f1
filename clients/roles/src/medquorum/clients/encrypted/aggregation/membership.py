# SPDX-License-Identifier: Apache-2.0
"""The aggregation nodes a task has now: an organisation that was expelled is none any more."""

from __future__ import annotations

from medquorum.clients.ledger.ledger import Ledger
from medquorum.core.documents.aggregation.aggregate import nodes

__all__ = ["active_nodes", "task_nodes"]


def task_nodes(ledger: Ledger, task: str) -> list[str]:
    """Return the nodes that the task names today, of whom a majority has to attest."""
    return nodes(ledger.task(task))


def active_nodes(ledger: Ledger, task: str) -> list[str]:
    """Return those of the task's nodes that are members of the consortium."""
    members = ledger.consortium().members
    return [node for node in task_nodes(ledger, task) if node in members]
