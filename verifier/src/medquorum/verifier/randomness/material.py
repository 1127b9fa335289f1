# SPDX-License-Identifier: Apache-2.0
"""Correlated randomness of one gate: what the dealer deals and what a party draws, in the same order.

Both parties' streams come from seeds the dealer shares with each. A value the dealer wants shared is P0's stream plus
a correction in a message to P1, so P0 is sent nothing except what both get (function keys).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple, TypeAlias

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.errors import MaterialError, ProtocolError
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.bitplanes import Words
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.parts import GateMessage, Parts
from medquorum.verifier.randomness.stream import SEED_BYTES, Stream

__all__ = ["Audit", "GateDealer", "GateRandomness", "Mask", "MaskShares"]

Audit: TypeAlias = Callable[[str, bytes], None]
"""Called with a mask's name and the masked share that is about to leave the party."""


@dataclass
class Mask:
    """A party's share of a fresh mask: it hides one value, once."""

    name: str
    share: IntArray = field(repr=False)
    opened: bool = False

    def open_once(self) -> IntArray:
        """Return the share for hiding a value.

        Raises
        ------
        MaterialError
            The mask has hidden a value before.
        """
        if self.opened:
            raise MaterialError(
                f"mask {self.name} would hide a second value", "Begin the batch anew with a new attempt number"
            )
        self.opened = True
        return self.share


class MaskShares(NamedTuple):
    """A mask as the dealer knows it: both parties' shares."""

    first: IntArray
    second: IntArray

    @property
    def total(self) -> IntArray:
        """The mask."""
        return self.first + self.second

    @property
    def difference(self) -> IntArray:
        """P0's share less P1's: all that matters where both are taken twice from what was opened."""
        return self.first - self.second


class GateDealer:
    """The dealer's side of one gate: draws both parties' streams and collects the messages to them.

    Parameters
    ----------
    seeds
        The seeds shared with P0 and P1.
    """

    def __init__(self, seeds: tuple[bytes, bytes], name: MaterialId) -> None:
        self.name = name
        self._streams = tuple(Stream(seed, name.label(party)) for party, seed in enumerate(seeds))
        self._corrections: list[memoryview] = []
        self._common: list[bytes | memoryview] = []

    def mask(self, shape: Sequence[int]) -> IntArray:
        """Return a fresh uniform mask: the sum of both parties' streams."""
        values = self._streams[0].words(prod(shape))
        self._streams[1].add_to(values)
        return values.reshape(shape)

    def mask_shares(self, shape: Sequence[int]) -> MaskShares:
        """Return both parties' shares of a fresh uniform mask."""
        first, second = (stream.words(prod(shape)).reshape(shape) for stream in self._streams)
        return MaskShares(first, second)

    def private_mask(self, shape: Sequence[int], owner: int) -> IntArray:
        """Return a fresh uniform mask that one party knows."""
        return self.own(shape, owner)

    def own(self, shape: Sequence[int], party: int) -> IntArray:
        """Return uniform elements that only one party knows."""
        return self._streams[party].words(prod(shape)).reshape(shape)

    def share(self, values: IntArray, bits: int) -> None:
        """Share values modulo 2^bits."""
        self._corrections.append(self._streams[0].hidden_bytes(values, bits))

    def mask_planes(self, count: int, words: int) -> Words:
        """Return fresh uniform bit planes: both parties' streams added modulo 2."""
        return self._streams[1].hidden_planes(self._streams[0].planes(count, words))

    def share_planes(self, planes: Words) -> None:
        """Share bit planes (count, words) modulo 2."""
        hidden = self._streams[0].hidden_planes(planes)
        self._corrections.append(hidden.reshape(-1).view(np.uint8).data)

    def coin(self) -> bytes:
        """Draw the seed of what both parties and the dealer are to know."""
        drawn = self.own((SEED_BYTES // 8,), 0).tobytes()
        self.common(drawn)
        return drawn

    def common(self, raw: bytes | memoryview) -> None:
        """Send the same bytes to both parties; they must not change afterwards."""
        self._common.append(raw)

    def messages(self) -> tuple[Parts, Parts]:
        """Return the messages to P0 and to P1."""
        length = sum(len(part) for part in self._common).to_bytes(8, "little")
        return Parts([length, *self._common]), Parts([length, *self._common, *self._corrections])


class GateRandomness:
    """A party's side of one gate: draws in the order in which the dealer dealt.

    Parameters
    ----------
    party
        0 or 1.
    seed
        Shared with the dealer.
    message
        What the dealer sent for this gate.

    Raises
    ------
    ProtocolError
        The message is too short.
    """

    def __init__(self, party: int, seed: bytes, name: MaterialId, message: GateMessage) -> None:
        self.party = party
        self.name = name
        self._stream = Stream(seed, name.label(party))
        raw = memoryview(bytes(message) if isinstance(message, Parts) else message)
        length = int.from_bytes(raw[:8], "little")
        self._common = raw[8 : 8 + length]
        self._message = raw[8 + length :]
        self._masks = 0
        if len(self._common) != length:
            raise self._short()

    def mask(self, shape: Sequence[int]) -> Mask:
        """Draw the share of a fresh mask."""
        self._masks += 1
        return Mask(f"{self.name.batch}/{self.name.gate}/{self._masks}", self.own(shape))

    def private_mask(self, shape: Sequence[int], owner: int) -> Mask:
        """Draw a fresh mask that ``owner`` knows; the other party's share is zero."""
        self._masks += 1
        share = self.own(shape) if self.party == owner else np.zeros(shape, dtype=np.int64)
        return Mask(f"{self.name.batch}/{self.name.gate}/{self._masks}", share)

    def own(self, shape: Sequence[int]) -> IntArray:
        """Draw uniform elements from the own stream."""
        return self._stream.words(prod(shape)).reshape(shape)

    def share(self, shape: Sequence[int], bits: int) -> IntArray:
        """Take the share of values modulo 2^bits."""
        if self.party == 0:
            return self.own(shape)
        return ring.unpack(self._correction(prod(shape) * ring.byte_width(bits)), shape, bits)

    def mask_planes(self, count: int, words: int) -> Mask:
        """Draw the share of fresh mask planes."""
        self._masks += 1
        return Mask(f"{self.name.batch}/{self.name.gate}/{self._masks}", self._stream.words(count * words))

    def share_planes(self, count: int, words: int) -> Words:
        """Take the share of bit planes."""
        if self.party == 0:
            return self._stream.planes(count, words)
        return np.frombuffer(self._correction(count * words * 8), dtype=np.uint64).reshape(count, words)

    def coin(self) -> bytes:
        """Take the seed of what both parties and the dealer know."""
        if self.party == 0:
            self.own((SEED_BYTES // 8,))  # it is drawn from this stream, which goes on after it
        return bytes(self.common(SEED_BYTES))

    def common(self, length: int) -> memoryview:
        """Take bytes that both parties got."""
        if len(self._common) < length:
            raise self._short()
        result, self._common = self._common[:length], self._common[length:]
        return result

    def finish(self) -> None:
        """Check that the whole message was used.

        Raises
        ------
        ProtocolError
            Something is left over.
        """
        if len(self._message) or len(self._common):
            left = len(self._message) + len(self._common)
            raise ProtocolError(
                f"{left} bytes of the dealer's message for {self.name.gate} are left over",
                "Check that parties and dealer run the same version on the same task",
            )

    def _correction(self, length: int) -> memoryview:
        if len(self._message) < length:
            raise self._short()
        result, self._message = self._message[:length], self._message[length:]
        return result

    def _short(self) -> ProtocolError:
        return ProtocolError(
            f"the dealer's message for {self.name.gate} is too short",
            "Check that parties and dealer run the same version on the same task",
        )
