# SPDX-License-Identifier: Apache-2.0
"""A round's transactions: found by the histories of its keys, then checked in the blocks themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.proof.authorities import Authorities
from medquorum.clients.proof.chain import BlockTransaction, check_link, check_valid, transactions_of
from medquorum.core.documents.task import Task
from medquorum.gateway import Network

__all__ = ["SILENCE", "audit_round", "history", "round_transactions"]

Version = dict[str, Any]
SILENCE = 60.0
"""Seconds in which a peer must have delivered all blocks up to the round's last one."""


def history(ledger: Ledger, kind: str, attributes: list[str | int]) -> list[Version]:
    """Read every version of a document, newest first."""
    return list(ledger.value("ReadHistory", kind, json.dumps(attributes)))


def round_transactions(ledger: Ledger, task: Task, number: int) -> dict[str, str]:
    """Name the transactions that wrote the round, its updates, verdicts, attestations and aggregates."""
    status = ledger.status(task.task, number)
    keys: list[tuple[str, list[str | int]]] = [("round", [task.task, number])]
    keys += [(kind, [task.task, number, hospital]) for hospital in status.updates for kind in ("update", "verdict")]
    keys += [] if status.masks is None else [("masks", [task.task, number])]
    keys += [("aggregate", [task.task, number, verifier]) for verifier in status.aggregates]
    keys += [
        ("attestation", [task.task, number, hospital, verifier])
        for hospital, given in status.attestations.items()
        for verifier in given
    ]
    return {
        version["tx_id"]: f"{kind} {'/'.join(map(str, attributes[2:]))}".strip()
        for kind, attributes in keys
        for version in history(ledger, kind, attributes)
    }


def audit_round(
    network: Network, ledger: Ledger, task: Task, number: int, authorities: Authorities
) -> Iterator[dict[str, Any]]:
    """Check the chain from its first block, and the endorsements of every transaction of a round.

    The ordering service's signatures on blocks are not checked.

    Yields
    ------
    For each transaction: its id, block, what it wrote, and the organisations that endorsed it.

    Raises
    ------
    CheckFailed
        A hash, a signature, a certificate or a validation code is not right, or fewer than the task's quorum of its
        verifiers endorsed.
    """
    wanted = round_transactions(ledger, task, number)
    previous: bytes | None = None
    with network.block_events(start_block=0, timeout=SILENCE) as blocks:
        for block in blocks:
            previous = check_link(block, previous)
            for transaction in transactions_of(block):
                wrote = wanted.pop(transaction.id, None)
                if wrote is not None:
                    yield _checked(transaction, wrote, task, authorities)
            if not wanted:
                return


def _checked(transaction: BlockTransaction, wrote: str, task: Task, authorities: Authorities) -> dict[str, Any]:
    endorsers = check_valid(transaction, wrote, task.verifiers, task.quorum, authorities)
    return {"wrote": wrote, "transaction": transaction.id, "block": transaction.block, "endorsed_by": endorsers}
