# SPDX-License-Identifier: Apache-2.0
"""How two parties open a result: commit, then reveal; nobody's share can be chosen after seeing the other's.

1. Each party has values: a salt and its share of the bit, with a key's and the tag's; in disclosure mode count also a
   salt and its share of the counts, and where these have tags a salt and its share of keys and tags. It sends the hash
   of each.
2. It notes the other party's hashes on its disk: from here on something may be known, and nothing but these values is
   ever opened.
3. Both send the bit's value, and where the bit holds and fits its tag the other values. A value that has not the
   announced hash is the other party's fault, and named so.
4. What does not fit its tag was shifted by a party (``opening/tagged.py``); no more can be said.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from medquorum.core import canonical
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.opening.tagged import TAG_BITS, Tagged
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.identifier import MaterialId

__all__ = ["BIT_BYTES", "COUNT_BITS", "ResultShare", "Revealed", "reveal"]

SALT_BYTES = 32
HASH_BYTES = 32
BIT_BYTES = SALT_BYTES + 1 + 2 * TAG_BITS // 8
"""Of the bit's value."""
COUNT_BITS = 32
"""Ring of counts of images."""
_TAG = b"medquorum result v1"


@dataclass(frozen=True)
class Revealed:
    """What both parties opened.

    Attributes
    ----------
    counts
        Array of int64 (counts,) modulo 2^32; none where the bit does not hold or was shifted, or alone is disclosed.
    digest
        Hex SHA-256 of both parties' hashes and values: the same however often it was tried.
    shifted
        Whether something does not fit its tag.
    """

    holds: bool
    counts: IntArray
    digest: str
    shifted: bool


@dataclass(frozen=True)
class ResultShare:
    """One party's share of a verification's result.

    Attributes
    ----------
    values
        A salt and the bit's share (1 byte) with its key's and tag's (8 bytes each); then perhaps a salt and the counts'
        shares (4 bytes each); then perhaps a salt and these counts' keys' and tags'.
    """

    values: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def make(cls, bit: Tagged, counts: Tagged | IntArray | None) -> ResultShare:
        """Return a share behind fresh salts.

        Parameters
        ----------
        bit
            (1,), modulo 2.
        counts
            (counts,) modulo 2^32, with tags or, as an array of int64, without; None where the bit alone is disclosed.
        """
        parts = [ring.pack(ring.reduce(bit.numbers, 1), 1) + _check(bit)]
        if counts is not None:
            numbers = counts.numbers if isinstance(counts, Tagged) else counts
            parts.append(ring.pack(ring.reduce(numbers, COUNT_BITS), COUNT_BITS))
        if isinstance(counts, Tagged):
            parts.append(_check(counts))
        return cls(tuple(secrets.token_bytes(SALT_BYTES) + part for part in parts))

    def hashes(self, name: MaterialId, index: int) -> bytes:
        """Return what party ``index`` commits to in the attempt of this name: 32 bytes for each value."""
        return b"".join(_hash(name, index, place, value) for place, value in enumerate(self.values))


def reveal(
    transport: Transport,
    index: int,
    name: MaterialId,
    own: ResultShare,
    before: bytes | None,
    note: Callable[[bytes], None],
) -> Revealed:
    """Open a result.

    Parameters
    ----------
    name
        Of the verification and the attempt that ``own`` was made in.
    own
        On this party's disk already.
    before
        The other party's hashes, where they were noted in an earlier try.
    note
        Puts the other party's hashes on the disk; nothing is sent before it returns.

    Raises
    ------
    ProtocolError
        The other party's hashes are others than before, or its values do not fit them.
    """
    hashes = own.hashes(name, index)
    theirs = transport.exchange(hashes)
    if len(theirs) != len(hashes) or (before is not None and not hmac.compare_digest(before, theirs)):
        raise ProtocolError(
            f"party P{1 - index} commits to another share of {name.hospital}'s result than it did",
            "It deviates from the protocol, or has lost its journal: leave this update out",
        )
    note(theirs)

    exchanged = [hashes, theirs] if index == 0 else [theirs, hashes]

    def opened(place: int) -> list[bytes]:
        """Return both parties' shares of a value."""
        value = own.values[place]
        other = transport.exchange(value)
        announced = theirs[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        if len(other) != len(value) or not hmac.compare_digest(_hash(name, 1 - index, place, other), announced):
            raise ProtocolError(
                f"party P{1 - index} reveals another share of {name.hospital}'s result than it committed to",
                "It deviates from the protocol: leave this update out",
            )
        pair = [value, other] if index == 0 else [other, value]
        exchanged.extend(pair)
        return [each[SALT_BYTES:] for each in pair]

    first = opened(0)
    bit = _sum([share[:1] for share in first], 1)
    fits = _fit(bit, _sum([share[1:] for share in first], TAG_BITS))
    holds = bool(bit[0])
    counts: IntArray = np.zeros(0, dtype=np.int64)
    if holds and fits and len(own.values) > 1:
        counts = _sum(opened(1), COUNT_BITS)
        if len(own.values) > 2:
            fits = _fit(counts, _sum(opened(2), TAG_BITS))
    return Revealed(holds, counts, _digest(exchanged), not fits)


def _check(tagged: Tagged) -> bytes:
    return ring.pack(np.concatenate([tagged.keys, tagged.tags]), TAG_BITS)


def _fit(numbers: IntArray, check: IntArray) -> bool:
    """Whether numbers (n,) have these keys and tags (2n,)."""
    keys, tags = check.reshape(2, -1)
    return keys.shape == numbers.shape and bool((numbers * keys == tags).all())


def _hash(name: MaterialId, index: int, place: int, value: bytes) -> bytes:
    """Return SHA-256(tag ‖ [task, round, hospital, attempt, party, place] ‖ salt ‖ share): nobody's fits another's."""
    label = canonical.encode([name.task, name.round, name.hospital, name.attempt, index, place])
    return hashlib.sha256(_TAG + label + value).digest()


def _sum(shares: Sequence[bytes], bits: int) -> IntArray:
    width = ring.byte_width(bits)
    first, second = (ring.unpack(share, (len(share) // width,), bits) for share in shares)
    return ring.reduce(first + second, bits)


def _digest(messages: Sequence[bytes]) -> str:
    return hashlib.sha256(canonical.encode([message.hex() for message in messages])).hexdigest()
