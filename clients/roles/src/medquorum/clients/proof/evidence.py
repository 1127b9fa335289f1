# SPDX-License-Identifier: Apache-2.0
"""What binds a document to the channel: the block it is in, and the verifiers' signatures over the bytes written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.blocks.transaction import AUTHORS, BlockTransaction, check_author, read_result
from medquorum.clients.proof.blocks.walk import Tip
from medquorum.clients.proof.endorsement import Endorsers, EndorsersByBlock, check_endorsements
from medquorum.core import canonical
from medquorum.core.documents.document import Document
from medquorum.errors import CheckFailed

__all__ = ["Claim", "Evidence", "Version", "Write", "check_claims", "history", "prove"]

Version = dict[str, Any]
"""One of a key's values as the peer says it was: ``tx_id``, ``timestamp``, ``is_delete``, ``document``."""
_REMEDY = "Do not use it: tell the consortium, and compare with another organisation's peer"


@dataclass(frozen=True)
class Claim:
    """A document as the peer answers it; ``check`` names what failed where it is not the one endorsed.

    ``quorum`` of the verifiers have to have endorsed it, where that is more than elsewhere.
    """

    check: str
    document: Document
    quorum: int = 0

    @property
    def name(self) -> str:
        """The document's kind and key, for people."""
        return " ".join((self.document.kind, *map(str, self.document.attributes)))

    @property
    def write(self) -> Write:
        """What the transaction that made it has to have written."""
        return Write(self.name, self.check, self.document.key, self.document.encode(), self.quorum)


@dataclass(frozen=True)
class Write:
    """A key and the value that a transaction is said to have written, None where it deleted it."""

    name: str
    check: str
    key: str
    value: bytes | None
    quorum: int = 0


@dataclass(frozen=True)
class Evidence:
    """A document's transaction and block, and the organisations that endorsed its bytes."""

    wrote: str
    transaction: str
    block: int
    endorsed_by: list[str]


def history(ledger: Ledger, kind: str, attributes: Sequence[str | int]) -> list[Version]:
    """Read every version of a document, newest first, as the peer says."""
    return list(ledger.value("ReadHistory", kind, json.dumps(attributes)))


def check_claims(chain: Chain, ledger: Ledger, claims: Iterable[Claim], endorsers: EndorsersByBlock) -> list[Evidence]:
    """Check documents of one round or task in the blocks of the own peer that hold them.

    Raises
    ------
    CheckFailed
        With ``check`` of the claim, ``signature`` or ``block``: the document is not the one that was endorsed, too few
        verifiers signed it, or its block is not the channel's.
    """
    wanted: dict[str, list[Write]] = {}
    for claim in claims:
        wanted.setdefault(_writer(ledger, claim), []).append(claim.write)
    numbers = [chain.block_of(transaction) for transaction in wanted]
    return list(prove(chain.walk(min(numbers), max(numbers)), chain, wanted, endorsers))


def prove(
    walk: Iterator[Tip], chain: Chain, wanted: Mapping[str, Sequence[Write]], endorsers: EndorsersByBlock
) -> Iterator[Evidence]:
    """Find transactions on a walk, and check that each is bound to what it is said to have written.

    Raises
    ------
    CheckFailed
        One is not there, not valid, there twice, not the author's, not endorsed as it has to be, or wrote another
        thing.
    """
    left = dict(wanted)
    refused: dict[str, str] = {}
    for tip in walk:
        for transaction in tip.transactions:
            if transaction.id not in wanted:
                continue
            if transaction.code != "VALID":
                refused[transaction.id] = transaction.code
                continue
            if transaction.id not in left:
                raise CheckFailed(f"transaction {transaction.id} is in the chain twice", _REMEDY, check="block")
            writes = left.pop(transaction.id)
            signed = _signers(transaction, tip, chain, endorsers.at(transaction.block), writes)
            for write in writes:
                yield Evidence(write.name, transaction.id, transaction.block, signed)
    for missing, writes in left.items():
        code = refused.get(missing)
        what = "not in the block its peer names" if code is None else code
        raise CheckFailed(f"transaction {missing} ({writes[0].name}) is {what}", _REMEDY, check="block")


def _signers(
    transaction: BlockTransaction, tip: Tip, chain: Chain, endorsers: Endorsers, writes: Sequence[Write]
) -> list[str]:
    """Return who endorsed a transaction that is bound to its author, its channel, and the writes."""
    trust, what = chain.trust, f"transaction {transaction.id}"
    check_author(transaction.entry, AUTHORS, tip.configuration, trust.authorities, tip.moment, what)
    result = read_result(transaction, trust.chaincode)
    needed = replace(endorsers, quorum=max(endorsers.quorum, *(write.quorum for write in writes)))
    signed = check_endorsements(result, needed, tip.configuration, tip.moment)
    for write in writes:
        if write.key not in result.writes or result.writes[write.key] != write.value:
            raise CheckFailed(f"{write.name} is not what {what} wrote", _REMEDY, check=write.check)
    return signed


def _writer(ledger: Ledger, claim: Claim) -> str:
    """Find the transaction that wrote a document just so."""
    wanted = claim.document.encode()
    for version in history(ledger, claim.document.kind, list(claim.document.attributes)):
        if version["document"] is not None and canonical.encode(version["document"]) == wanted:
            return str(version["tx_id"])
    raise CheckFailed(f"{claim.name} is nowhere in the history of its key on the own peer", _REMEDY, check=claim.check)
