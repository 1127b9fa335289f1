# SPDX-License-Identifier: Apache-2.0
"""What binds a document to the channel: the block it is in, and the verifiers' signatures over the bytes written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.proof.audit import SILENCE, history
from medquorum.clients.proof.authorities import Authorities
from medquorum.clients.proof.chain import BlockTransaction, check_link, check_valid, transactions_of, writes_of
from medquorum.core import canonical
from medquorum.core.documents.document import Document
from medquorum.errors import CheckFailed
from medquorum.gateway import CommitStatusError, Network

__all__ = ["Claim", "Endorsers", "EndorsersByBlock", "Evidence", "check_claims"]

PATIENCE = 10.0
"""Seconds a peer has to say in which block a transaction is."""
_REMEDY = "Do not use it: tell the consortium, and compare with another organisation's peer"


@dataclass(frozen=True)
class Claim:
    """A document as the peer answers it; ``check`` names what failed where it is not the one endorsed."""

    check: str
    document: Document

    @property
    def name(self) -> str:
        """The document's kind and key, for people."""
        return " ".join((self.document.kind, *map(str, self.document.attributes)))


@dataclass(frozen=True)
class Endorsers:
    """Who has to have endorsed: ``quorum`` of the ``verifiers``, by certificates of the ``authorities``."""

    verifiers: Sequence[str]
    quorum: int
    authorities: Authorities

    def at(self, block: int) -> Endorsers:
        """Give those of a block: the same in all."""
        return self


class EndorsersByBlock(Protocol):
    """Says who had to endorse in a block."""

    def at(self, block: int) -> Endorsers:
        """Give those of a block."""
        ...


@dataclass(frozen=True)
class Evidence:
    """A document's transaction and block, and the organisations that endorsed its bytes."""

    wrote: str
    transaction: str
    block: int
    endorsed_by: list[str]


def check_claims(
    network: Network, ledger: Ledger, chaincode: str, claims: Iterable[Claim], endorsers: EndorsersByBlock
) -> list[Evidence]:
    """Check documents of one round or task in the blocks of the own peer that hold them.

    The blocks from the first of them to the last must follow one another by their hashes. The ordering service's
    signatures on them are not checked.

    Raises
    ------
    CheckFailed
        With ``check`` of the claim, ``signature`` or ``block``: the document is not the one that was endorsed, too few
        verifiers signed it, or its block is not the channel's.
    """
    wanted: dict[str, list[Claim]] = {}
    for claim in claims:
        wanted.setdefault(_writer(ledger, claim), []).append(claim)
    numbers = [_block_of(network, transaction) for transaction in wanted]
    found: list[Evidence] = []
    previous: bytes | None = None
    with network.block_events(start_block=min(numbers), timeout=SILENCE) as blocks:
        for block in blocks:
            previous = check_link(block, previous)
            for transaction in transactions_of(block):
                for claim in wanted.pop(transaction.id, ()):
                    found.append(_checked(transaction, claim, chaincode, endorsers))
            if not wanted or block.header.number >= max(numbers):
                break
    for transaction_id, (claim, *_) in wanted.items():
        raise CheckFailed(
            f"transaction {transaction_id} ({claim.name}) is not in the block its peer names", _REMEDY, check="block"
        )
    return found


def _checked(transaction: BlockTransaction, claim: Claim, chaincode: str, by_block: EndorsersByBlock) -> Evidence:
    endorsers = by_block.at(transaction.block)
    signed = check_valid(transaction, claim.name, endorsers.verifiers, endorsers.quorum, endorsers.authorities)
    if writes_of(transaction, chaincode).get(claim.document.key) != claim.document.encode():
        raise CheckFailed(f"{claim.name} is not what transaction {transaction.id} wrote", _REMEDY, check=claim.check)
    return Evidence(claim.name, transaction.id, transaction.block, signed)


def _writer(ledger: Ledger, claim: Claim) -> str:
    """Find the transaction that wrote a document just so."""
    wanted = claim.document.encode()
    for version in history(ledger, claim.document.kind, list(claim.document.attributes)):
        if version["document"] is not None and canonical.encode(version["document"]) == wanted:
            return str(version["tx_id"])
    raise CheckFailed(f"{claim.name} is nowhere in the history of its key on the own peer", _REMEDY, check=claim.check)


def _block_of(network: Network, transaction: str) -> int:
    try:
        return network.new_commit(transaction).status(PATIENCE).block_number
    except CommitStatusError as error:
        raise CheckFailed(
            f"the own peer knows no block of transaction {transaction}: {error.cause}", _REMEDY, check="block"
        ) from error
