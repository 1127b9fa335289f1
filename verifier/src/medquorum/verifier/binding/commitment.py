# SPDX-License-Identifier: Apache-2.0
"""What a hospital uploads to a party, and the commitment that binds it on the ledger before anything is verified."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np

from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.sharing import expand, share
from medquorum.verifier.randomness.stream import SEED_BYTES

__all__ = ["SALT_BYTES", "CommittedShare", "ShareContext", "commit_shares", "open_share", "share_bytes"]

SALT_BYTES = 32
_TAG = b"medquorum share v1"


@dataclass(frozen=True)
class ShareContext:
    """What a share or a masked update belongs to; part of its commitment: it fits no other round, base or hospital."""

    task: str
    round: int
    hospital: str
    base: str
    layout: str

    def commitment(self, party: str, value: bytes) -> str:
        """Return the commitment to a party's share, where value is the salt and the payload."""
        return self.digest(_TAG, value, party)

    def digest(self, tag: bytes, value: bytes, party: str = "") -> str:
        """Return the hex SHA-256 of tag ‖ context ‖ party, empty for both ‖ value."""
        named = [self.task, self.round, self.hospital, party, self.base, self.layout]
        digest = hashlib.sha256(tag + canonical.encode(named))
        digest.update(value)
        return digest.hexdigest()

    @property
    def name(self) -> MaterialId:
        """Name of the update's verification."""
        return MaterialId(self.task, self.round, self.hospital)

    @property
    def label(self) -> bytes:
        """Label of the stream that a seed is expanded with."""
        return canonical.encode([self.task, self.round, self.hospital])


@dataclass(frozen=True)
class CommittedShare:
    """A value for one party and its commitment."""

    value: bytes = field(repr=False)
    commitment: str


def commit_shares(
    context: ShareContext, parties: tuple[str, str], update: IntArray, secret: bytes
) -> tuple[CommittedShare, CommittedShare]:
    """Split an update (n,) of raw parameters: a seed for P0, the rest for P1, each behind a salt.

    Parameters
    ----------
    parties
        MSP ids of P0 and P1.
    update
        Array of int64 (n,).
    secret
        Drawn from the operating system for this update and kept: seed and salts follow from it, so that a hospital
        that was killed uploads what it committed to.
    """
    seed, *salts = (hmac.digest(secret, b"medquorum " + use, "sha256") for use in (b"seed", b"salt 0", b"salt 1"))
    shares = share(update, context.label, seed)
    payloads = (shares.seed, shares.full.astype("<i8").tobytes())
    first, second = (
        CommittedShare(value, context.commitment(party, value))
        for party, value in zip(parties, map(bytes.__add__, salts, payloads), strict=True)
    )
    return first, second


def share_bytes(index: int, parameters: int) -> int:
    """Return the bytes of the value that party ``index`` is handed: the salt, then a seed or the vector."""
    return SALT_BYTES + (SEED_BYTES if index == 0 else 8 * parameters)


def open_share(
    context: ShareContext, party: str, index: int, value: bytes, commitment: str, parameters: int
) -> IntArray:
    """Check a value against the ledger's commitment and return the share (parameters,) it holds.

    Raises
    ------
    ProtocolError
        It is not what the hospital committed to, or has another size.
    """
    fits = hmac.compare_digest(context.commitment(party, value), commitment)
    if len(value) != share_bytes(index, parameters) or not fits:
        raise ProtocolError(
            f"the share of {context.hospital} in round {context.round} is not the one it committed to",
            "The hospital has to upload the share whose commitment it submitted",
        )
    payload = value[SALT_BYTES:]
    if index == 0:
        return expand(payload, context.label, parameters)
    return np.frombuffer(payload, dtype="<i8").astype(np.int64)
