# SPDX-License-Identifier: Apache-2.0
"""Whom a check believes in the end: the verifiers of the caller's own consortium file, and whom these put in place."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fabric_protos.common.common_pb2 import Block
from google.protobuf.message import DecodeError

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import read_document
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Claim, check_claims, history
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.core.block_header import header_hash
from medquorum.core.documents.consortium import Consortium
from medquorum.errors import CheckFailed, ConfigError

__all__ = ["EndorserHistory", "endorser_history", "read_genesis", "read_root"]


@dataclass(frozen=True)
class EndorserHistory:
    """Who endorses from which block on, in order; the first ones also before.

    A document is held against those of its own block: a later quorum does not judge what was written before it.
    """

    since: Sequence[tuple[int, Endorsers]]

    def at(self, block: int) -> Endorsers:
        """Return those of a block; who reads the consortium and comes after a change of it in its block is invalid."""
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
        verifiers = [
            organisation["msp_id"] for organisation in document["organisations"] if "verifier" in organisation["roles"]
        ]
        quorum = int(document["quorum"])
        beside = organizations.absolute().parent / "ordererOrganizations"
        orderers = {organisation["msp_id"]: beside / organisation["domain"] for organisation in document["orderers"]}
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"{place} does not say who the verifiers are: {error!r}",
            "Give the network's consortium.toml, in full as `medquorum-network` writes it, with --consortium",
        ) from error
    if not 1 <= quorum <= len(verifiers):
        raise ConfigError(
            f"{place} has {len(verifiers)} verifiers and the quorum {quorum}",
            "The quorum is 1 to the number of verifiers",
        )
    return Endorsers(sorted(verifiers), quorum, Authorities.read(organizations, orderers))


def read_genesis(organizations: Path, channel: str, given: str | None) -> bytes | None:
    """Return the hash of the channel's block 0 as the caller knows it; None where the caller does not.

    Parameters
    ----------
    given
        In hexadecimal; by default that of ``DIR/channel-artifacts/CHANNEL.block``, where that is there.

    Raises
    ------
    ConfigError
        It is no hash, or the file holds no block.
    """
    place = organizations.absolute().parent.parent / "channel-artifacts" / f"{channel}.block"
    try:
        if given is not None:
            return _hash(given)
        return header_hash(Block.FromString(place.read_bytes()).header) if place.is_file() else None
    except (OSError, ValueError, DecodeError) as error:
        raise ConfigError(
            f"the hash of block 0 cannot be read: {error}", "Give 64 hexadecimal digits with --genesis"
        ) from error


def _hash(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"{text!r} is no SHA-256")
    return digest


def endorser_history(chain: Chain, ledger: Ledger, root: Endorsers) -> EndorserHistory:
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
    known = [index for index, version in enumerate(versions) if _power(version) == (list(root.verifiers), root.quorum)]
    if not known:
        raise CheckFailed(
            f"the ledger never had the quorum of {root.quorum} of {', '.join(root.verifiers)}",
            "Give the consortium.toml of when the task was made with --consortium, or compare with another peer",
            check="consortium",
        )
    since = [(0, root)]
    for before, following in pairwise(versions[known[0] :]):
        if _power(before) != _power(following):
            (proof,) = check_claims(chain, ledger, [Claim("consortium", following)], since[-1][1])
            since.append((proof.block, Endorsers(*_power(following), root.authorities)))
    return EndorserHistory(since)


def _power(consortium: Consortium) -> tuple[list[str], int]:
    return consortium.having("verifier"), consortium.quorum
