# SPDX-License-Identifier: Apache-2.0
"""Whom a check believes in the end: the verifiers of the caller's own consortium file, and whom these put in place."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import read_document
from medquorum.clients.proof.audit import history
from medquorum.clients.proof.authorities import Authorities
from medquorum.clients.proof.evidence import Claim, Endorsers, check_claims
from medquorum.core.documents.consortium import Consortium
from medquorum.errors import CheckFailed, ConfigError
from medquorum.gateway import Network

__all__ = ["Reigns", "read_root", "reigns"]


@dataclass(frozen=True)
class Reigns:
    """Who endorses from which block on, in order; the first ones also before.

    A document is held against those of its own block: a later quorum does not judge what was written before it.
    """

    since: Sequence[tuple[int, Endorsers]]

    def at(self, block: int) -> Endorsers:
        """Give those of a block; who reads the consortium and comes after a change of it in its block is invalid."""
        first, *later = self.since
        return [first[1], *(endorsers for start, endorsers in later if start < block)][-1]


def read_root(organizations: Path, consortium: Path | None) -> Endorsers:
    """Read the caller's own consortium file and the authorities of its organisations.

    Parameters
    ----------
    organizations
        ``DIR/organizations/peerOrganizations``.
    consortium
        By default ``DIR/consortium.toml``.

    Raises
    ------
    ConfigError
        A file is missing or is not what it should be.
    """
    place = organizations.absolute().parent.parent / "consortium.toml" if consortium is None else consortium
    try:
        document = tomllib.loads(place.read_text(encoding="utf-8"))
        verifiers = [one["msp_id"] for one in document["organisations"] if "verifier" in one["roles"]]
        quorum = int(document["quorum"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{place} does not say who the verifiers are: {error!r}",
            "Give the network's consortium.toml, in full as `medquorum-network` writes it, with --consortium",
        ) from error
    if not 1 <= quorum <= len(verifiers):
        raise ConfigError(f"{place} has {len(verifiers)} verifiers and the quorum {quorum}")
    return Endorsers(sorted(verifiers), quorum, Authorities.read(organizations))


def reigns(network: Network, ledger: Ledger, chaincode: str, root: Endorsers) -> Reigns:
    """Follow the consortium from the root's to the latest; a quorum of the one before has to endorse each change.

    Raises
    ------
    CheckFailed
        ``consortium``: the ledger never had the root's verifiers and quorum; or as :func:`check_claims`.
    """
    versions = [
        read_document(Consortium, version["document"])
        for version in reversed(history(ledger, "consortium", []))
        if version["document"] is not None
    ]
    known = [index for index, one in enumerate(versions) if _power(one) == (list(root.verifiers), root.quorum)]
    if not known:
        raise CheckFailed(
            f"the ledger never had the quorum of {root.quorum} of {', '.join(root.verifiers)}",
            "Give the consortium.toml of when the task was made with --consortium, or compare with another peer",
            check="consortium",
        )
    since = [(0, root)]
    for before, following in pairwise(versions[known[0] :]):
        if _power(before) != _power(following):
            (proof,) = check_claims(network, ledger, chaincode, [Claim("consortium", following)], since[-1][1])
            since.append((proof.block, Endorsers(*_power(following), root.authorities)))
    return Reigns(since)


def _power(consortium: Consortium) -> tuple[list[str], int]:
    return consortium.having("verifier"), consortium.quorum
