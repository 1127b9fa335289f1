# SPDX-License-Identifier: Apache-2.0
"""What rule ``direction`` asks of n hidden gains g: whether one is above zero, and which is the last near the best.

Whether one is above zero: the signs of -g are added, and the sign of minus their sum is opened.

Which is the last with g >= s·max(g), s = share / 1000, opened as its place alone:

1. Fails [1000·g_i - share·g_j < 0] for all pairs: i has enough where none of its n fails.
2. [sum of i's fails - 1 < 0] is its bit b_i. The last set bit of X = Σ 2^i·b_i has the place #{i : X >= 2^i} - 1.
"""

from __future__ import annotations

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["any_gains", "deal_any_gains", "deal_last_with", "last_with"]

_PLACE_BITS = 16
"""Room for 2^n: the rule has five candidates at most."""
_WIDE = Rescale(0, 64, _PLACE_BITS, Form.NEGATIVE)
_NARROW = Rescale(0, _PLACE_BITS, _PLACE_BITS, Form.NEGATIVE)
_PLACE = Rescale(0, _PLACE_BITS, 64, Form.NEGATIVE)
_BIT = Rescale(0, _PLACE_BITS, 1, Form.NEGATIVE)


def deal_any_gains(dealer: GateDealer, comparison: Comparison, count: int) -> None:
    """Deal for so many candidates."""
    _WIDE.deal(dealer, comparison, (count,), None)
    _BIT.deal_signs(dealer, comparison, (1,))


def any_gains(party: Party, randomness: GateRandomness, comparison: Comparison, gains: IntArray) -> Tagged:
    """Return the share (1,) modulo 2 of whether one of the gains (n,), shares modulo 2^64, is above 0."""
    signs = _WIDE.evaluate(party, randomness, comparison, -gains)
    return _BIT.signs(party, randomness, comparison, -signs.sum(keepdims=True))


def deal_last_with(dealer: GateDealer, comparison: Comparison, count: int) -> None:
    """Deal for so many candidates."""
    _WIDE.deal(dealer, comparison, (count, count), None)
    _NARROW.deal(dealer, comparison, (count,), None)
    _PLACE.deal_signs(dealer, comparison, (count,))


def last_with(party: Party, randomness: GateRandomness, comparison: Comparison, gains: IntArray, share: int) -> Tagged:
    """Return the share (1,) modulo 2^64 of the place of the last candidate with enough of the best gain.

    Parameters
    ----------
    gains
        Array of int64 (n,), n < 15.
        Shares modulo 2^64; 2000 of each stay below 2^63.
    share
        Thousandths of the best gain.
    """
    count = gains.shape[0]
    first = party.index == 0
    pairs = 1000 * gains[:, np.newaxis] - share * gains
    fails = _WIDE.evaluate(party, randomness, comparison, pairs).sum(axis=1)
    enough = _NARROW.evaluate(party, randomness, comparison, fails - 1 if first else fails)
    powers = np.int64(1) << np.arange(count)
    total = (enough * powers).sum()
    below = _PLACE.signs(party, randomness, comparison, total - powers if first else np.repeat(total, count))
    return below.sum().less(count - 1, party.index)
