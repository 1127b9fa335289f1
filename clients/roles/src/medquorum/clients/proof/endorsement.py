# SPDX-License-Identifier: Apache-2.0
"""Endorsements: which organisations' peers signed a transaction's result, and whether they are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from medquorum.clients.proof.blocks.transaction import Result
from medquorum.clients.proof.configuration import Configuration
from medquorum.clients.proof.envelope import REMEDY
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.identities.identity import check_signature, read_identity
from medquorum.errors import CheckFailed

__all__ = ["Endorsers", "EndorsersByBlock", "check_endorsements"]


@dataclass(frozen=True)
class Endorsers:
    """Who has to have endorsed: ``quorum`` of the ``verifiers``, by certificates of the ``authorities``."""

    verifiers: Sequence[str]
    quorum: int
    authorities: Authorities

    def at(self, block: int) -> Endorsers:
        """Return those of a block: the same in all."""
        return self


class EndorsersByBlock(Protocol):
    """Says who had to endorse in a block."""

    def at(self, block: int) -> Endorsers:
        """Return those of a block."""
        ...


def check_endorsements(
    result: Result, endorsers: Endorsers, configuration: Configuration, moment: datetime
) -> list[str]:
    """Check that every endorsement is a peer's signature over the result, and ``quorum`` of them the verifiers'.

    Returns
    -------
    The endorsing organisations' MSP ids, sorted.

    Raises
    ------
    CheckFailed
        A signature is not the endorser's, a certificate does not hold or is no peer's, or the endorsers are too few.
    """
    what, organisations = f"transaction {result.transaction}", set()
    for serialized, signature in result.endorsements:
        endorsers.authorities.check(read_identity(serialized), moment)
        peer = configuration.identify(serialized, ("peer",), endorsers.authorities, moment, what)
        check_signature(peer, result.signed + serialized, signature, what)
        organisations.add(peer.msp_id)
    endorsing = sorted(organisations & set(endorsers.verifiers))
    if len(endorsing) < endorsers.quorum:
        raise CheckFailed(
            f"{what} is endorsed by {', '.join(endorsing) or 'no verifier'}, {endorsers.quorum} verifiers have to",
            REMEDY,
            check="signature",
        )
    return sorted(organisations)
