# SPDX-License-Identifier: Apache-2.0
"""A party at work on a gate: it opens masked values with the other party."""

from __future__ import annotations

from copy import copy

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.bitplanes import Words
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.material import Audit, Mask

__all__ = ["Party"]


class Party:
    """P0 (holds the images) or P1 (the witness, or the hospital).

    Parameters
    ----------
    index
        0 or 1.
    transport
        The line to the other party.
    audit
        Told of every masked share before it leaves.
    """

    def __init__(self, index: int, transport: Transport, audit: Audit | None = None) -> None:
        self.index = index
        self.transport = transport
        self._audit = audit

    def over(self, transport: Transport) -> Party:
        """Return this party on another line."""
        party = copy(self)
        party.transport = transport
        return party

    def open(self, mask: Mask, share: IntArray, bits: int) -> IntArray:
        """Open share + mask to both parties, reduced modulo 2^bits."""
        own = mask.open_once()
        message = self._told(mask, ring.pack_sum(share, own, bits))
        return ring.unpack_sum(self.transport.exchange(message), share, own, bits)

    def open_planes(self, mask: Mask, share: Words) -> Words:
        """Open share + mask modulo 2 to both parties, bit planes (count, words)."""
        own = share ^ mask.open_once().view(np.uint64).reshape(share.shape)
        other = self.transport.exchange(self._told(mask, own.tobytes()))
        if len(other) != own.nbytes:
            raise ProtocolError(
                f"the other party sent {len(other)} bytes where {own.nbytes} were due",
                "Check that both parties run the same version on the same task",
            )
        return own ^ np.frombuffer(other, dtype=np.uint64).reshape(own.shape)

    def publish(self, owner: int, mask: Mask, value: IntArray, bits: int) -> IntArray:
        """Open value + mask where ``owner`` alone knows both; the other party gives zeros and sends nothing."""
        own = ring.pack(value + mask.open_once(), bits)
        message = self.transport.exchange(self._told(mask, own) if self.index == owner else b"")
        return ring.reduce(ring.unpack(own if self.index == owner else message, value.shape, bits), bits)

    def announce(self, owner: int, message: bytes) -> bytes:
        """Send ``owner``'s message to both parties."""
        answer = self.transport.exchange(message if self.index == owner else b"")
        return message if self.index == owner else answer

    def reveal(self, share: IntArray, bits: int) -> IntArray:
        """Open a value that is meant to be known: the result."""
        other = ring.unpack(self.transport.exchange(ring.pack(ring.reduce(share, bits), bits)), share.shape, bits)
        return ring.reduce(share + other, bits)

    def _told(self, mask: Mask, message: bytes) -> bytes:
        if self._audit is not None:
            self._audit(mask.name, message)
        return message
