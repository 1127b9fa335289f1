# SPDX-License-Identifier: Apache-2.0
"""A round's or a verdict's transactions: found by the histories of keys, then checked in the blocks themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import check_round
from medquorum.clients.ledger.round_status import RoundStatus, expected_form, result_of
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Evidence, Version, Write, history, prove
from medquorum.core import canonical
from medquorum.core.documents.aggregation.aggregate import required
from medquorum.core.documents.document import Attribute, Document, composite_key
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import PENDING
from medquorum.errors import CheckFailed

__all__ = ["audit_round", "audit_verdict", "round_writes"]

RESULTS = ("aggregate", "model")
"""What follows from a round's verdicts."""
JUDGED = ("accepted", "refused", "unjudged")
"""Outcomes that a verdict gives."""
READINGS = 5
"""Of a round that goes on while it is read: its documents and their histories are several questions."""
_REMEDY = "Do not use it: tell the consortium, and compare with another organisation's peer"


def audit_round(
    chain: Chain, ledger: Ledger, task: Task, round_number: int, endorsers: Endorsers
) -> Iterator[Evidence]:
    """Check the chain from its first block, and what every transaction of a round wrote.

    Yields
    ------
    For each document of the round: its transaction, block, and the organisations that endorsed it.

    Raises
    ------
    CheckFailed
        A block, a signature or a certificate is not right, a document is not what its transaction wrote, or fewer than
        the task's quorum of its verifiers endorsed.
    """
    wanted = round_writes(ledger, task, round_number)
    last = max(chain.block_of(transaction) for transaction in wanted)
    yield from prove(chain.walk(0, last), chain, wanted, endorsers)


def audit_verdict(
    chain: Chain, ledger: Ledger, task: Task, round_number: int, hospital: str, endorsers: Endorsers
) -> Iterator[Evidence]:
    """Check one verdict: its update, its attestations and the round it is of, in the blocks that hold them.

    What lies before the first of these blocks is held by its configuration blocks alone: a verdict takes as long in a
    long chain as in a short one.

    Yields
    ------
    As :func:`audit_round`, of what the verdict rests on.

    Raises
    ------
    CheckFailed
        As :func:`audit_round`; or there is no verdict on this hospital (MSP id).
    """
    wanted = round_writes(ledger, task, round_number, hospital)
    numbers = [chain.block_of(transaction) for transaction in wanted]
    yield from prove(chain.walk(min(numbers), max(numbers)), chain, wanted, endorsers)


def round_writes(ledger: Ledger, task: Task, round_number: int, hospital: str | None = None) -> dict[str, list[Write]]:
    """Return what a round's transactions wrote, by transaction: each version of each of its documents.

    Parameters
    ----------
    hospital
        Its MSP id where only the documents count that the verdict on its update rests on.

    Raises
    ------
    CheckFailed
        The peer answers a document that is not the latest in the history of its key, or hides one of the round's; or
        a round that is still going on was never at rest while it was read; or there is no verdict on the hospital.
    """
    for _ in range(READINGS):
        status = ledger.status_now(task.task, round_number)
        try:
            return _writes(ledger, task, round_number, status, hospital)
        except CheckFailed:
            if ledger.status_now(task.task, round_number) == status:
                raise
    raise CheckFailed(f"round {round_number} of {task.task} changed while it was read", "Audit it once it has ended")


def _writes(
    ledger: Ledger, task: Task, round_number: int, status: RoundStatus, hospital: str | None
) -> dict[str, list[Write]]:
    if status.round is None:
        raise CheckFailed(f"round {round_number} of {task.task} is not open", "Ask for an earlier one", check="round")
    check_complete(status, status.round)
    if hospital is not None and hospital not in status.verdicts:
        raise CheckFailed(
            f"round {round_number} of {task.task} has no verdict on {hospital}",
            "Ask for a hospital whose update was judged",
            check="verdict",
        )
    check_round(ledger, task, status.round, status)
    wanted: dict[str, list[Write]] = {}
    for kind, attributes, document in _documents(ledger, status, status.round):
        if hospital is not None and not _bears_on(hospital, kind, attributes):
            continue
        versions = history(ledger, kind, list(attributes))
        name = " ".join((kind, *map(str, attributes)))
        if document is not None and (not versions or versions[0]["document"] != document.plain()):
            raise CheckFailed(
                f"{name} is not the latest in the history of its key on the own peer", _REMEDY, check=kind
            )
        for version in versions:
            value = _value(kind, version)
            # It stands for as many attestations; while it is pending it says nothing.
            quorum = required(task, 0) if kind == "conclusion" and value != PENDING else 0
            write = Write(name, kind, composite_key(kind, attributes), value, quorum)
            wanted.setdefault(str(version["tx_id"]), []).append(write)
    return wanted


def check_complete(status: RoundStatus, round_: Round) -> None:
    """Check that a peer shows the update of every candidate and every verdict, as the round itself has them.

    Raises
    ------
    CheckFailed
        One is missing or another one.
    """
    updates = {hospital: update.commitment for hospital, update in status.updates.items()}
    if round_.commitments and updates != round_.commitments:
        raise CheckFailed(
            f"round {round_.round} has updates of {_names(round_.commitments)}, the peer shows others: "
            f"{_names(updates)}",
            _REMEDY,
            check="update",
        )
    verdicts = {hospital: verdict.accepted for hospital, verdict in status.verdicts.items()}
    outcomes = {hospital: outcome == "accepted" for hospital, outcome in round_.outcomes.items() if outcome in JUDGED}
    if round_.outcomes and verdicts != outcomes:
        raise CheckFailed(
            f"round {round_.round} has verdicts on {_names(outcomes)}, the peer shows others: {_names(verdicts)}",
            _REMEDY,
            check="verdict",
        )
    if status.conclusion is not None and status.conclusion.accepted != round_.accepted:
        raise CheckFailed(
            f"round {round_.round} accepts {_names(round_.accepted)}, its conclusion names others: "
            f"{_names(status.conclusion.accepted)}",
            _REMEDY,
            check="conclusion",
        )


def _documents(
    ledger: Ledger, status: RoundStatus, round_: Round
) -> Iterator[tuple[str, tuple[Attribute, ...], Document | None]]:
    """Yield kind, key and the latest form of a round's documents; None where a verdict is still pending."""
    for hospital, update in status.updates.items():
        yield update.kind, update.attributes, update
        yield "verdict", update.attributes, status.verdicts.get(hospital)
    documents: list[Document] = [round_, *status.aggregates.values()]
    documents += [item for given in status.attestations.values() for item in given.values()]
    documents += [item for item in (status.conclusion, status.masks, status.root) if item is not None]
    documents += status.root_attestations.values()
    documents += [ledger.manifest(result_of(round_))] if result_of(round_) != round_.base else []
    for document in documents:
        yield document.kind, document.attributes, document


def _bears_on(hospital: str, kind: str, attributes: Sequence[Attribute]) -> bool:
    """Return whether a round's document is one that the verdict on a hospital rests on."""
    if kind in ("update", "verdict", "attestation"):
        return hospital == attributes[2]
    return kind not in RESULTS


def _names(given: Iterable[str]) -> str:
    return ", ".join(sorted(given)) or "nobody"


def _value(kind: str, version: Version) -> bytes | None:
    """Return the bytes of a version as they are in the state: a document, or the word of a verdict still pending."""
    document = version["document"]
    if document is None or isinstance(document, str):
        return None if document is None else document.encode()
    return expected_form(kind, lambda: canonical.encode(document))
