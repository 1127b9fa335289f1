# SPDX-License-Identifier: Apache-2.0
"""How much a task's rounds make the disks of peers and orderers grow, told before the first one."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.core.documents.task import Task
from medquorum.core.documents.update import MAX_SUBMITTED

__all__ = ["Growth", "expected_growth", "expected_transactions"]

ENVELOPE = 4_000
"""Bytes of a transaction in a block before its endorsements: the author's certificate and signature, header, keys."""
ENDORSEMENT = 1_100
"""Bytes of an endorser's certificate and signature."""
RESULT = 900
"""Bytes of an update's result in one transaction with all others: what is sent, read and written of it."""
BITS = 14
"""Bits a trained parameter keeps in the stored form of a chunk (``medquorum.core.model.storedform``)."""
COPIES = 3
"""A private value is in the peer's private store, its state, and the transient store, which is compacted later."""


@dataclass(frozen=True)
class Growth:
    """Bytes that a round adds on the disk of a hospital's peer, a verifier's peer and an orderer.

    ``purged`` bytes of a verifier's leave it again by the task's rules, after Fabric's purger has run.
    """

    hospital: int
    verifier: int
    orderer: int
    purged: int


def expected_growth(task: Task) -> Growth:
    """Work out the growth of a round in which every hospital submits and every chunk of the new model is new.

    A node's logs and indices are not counted.
    """
    blocks = expected_transactions(task) * (ENVELOPE + task.quorum * ENDORSEMENT)
    if task.encrypted is not None and task.judges_rounds:
        blocks += len(task.encrypted.parties) * len(task.hospitals) * RESULT
    public = task.model_store == "public"
    model = BITS * (task.length // 4) // 8
    private_model = 0 if public else COPIES * model
    blocks += model if public else 0
    # A public chunk is in the block and in the state.
    peer = blocks + (model if public else private_model)
    updates = 0 if task.encrypted is not None else COPIES * len(task.hospitals) * model
    purged = (0 if task.keep_updates else updates) + (private_model if task.keep_models else 0)
    return Growth(peer, peer + updates, blocks, purged)


def expected_transactions(task: Task) -> int:
    """Count the transactions of a round in which nobody dissents, straggles or dies."""
    hospitals, chunks = len(task.hospitals), len(task.chunk_sizes)
    purges = int(task.keep_models > 0)
    if task.encrypted is not None:
        verdicts = len(task.encrypted.parties) * (1 if task.judges_rounds else hospitals)
        # Opening, closing the submissions and the verdicts, the masks' attestation, closing.
        return 5 + hospitals + int(task.has_root) + verdicts + len(task.encrypted.aggregators) + chunks + purges
    submission = 1 if task.length <= MAX_SUBMITTED else chunks + 1
    # The root, and what each other verifier says of it.
    roots = submission + len(task.verifiers) - 1 if task.has_root else 0
    stored = chunks + 1 if chunks > 1 else 0  # with CloseRound after them
    return hospitals * submission + roots + 1 + stored + purges
