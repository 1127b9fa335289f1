# SPDX-License-Identifier: Apache-2.0
"""The verdict as one bit: all conditions are joined before anything is opened."""

from __future__ import annotations

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.verdict.parameter_range import FAIL_BITS
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.result import COUNT_BITS
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["deal_decision", "decide"]

_SHORT = Rescale(0, COUNT_BITS, FAIL_BITS, Form.NEGATIVE)
_NONE = Rescale(0, FAIL_BITS, 1, Form.NEGATIVE)


def deal_decision(dealer: GateDealer, comparison: Comparison, counts: int) -> None:
    """Deal for this number of counts that have a minimum."""
    if counts:
        _SHORT.deal(dealer, comparison, (counts,), None)
    _NONE.deal_signs(dealer, comparison, (1,))


def decide(
    party: Party,
    randomness: GateRandomness,
    comparison: Comparison,
    counts: IntArray,
    needed: IntArray | None,
    fails: IntArray,
) -> Tagged:
    """Return the share (1,) modulo 2 of the single bit [every count reaches its minimum and nothing failed].

    1. Fails (Rescale, NEGATIVE) of count - minimum; P0 subtracts the minima, so that P1 does not learn the base
       model's counts.
    2. Add them to the fails of RANGE and norm; below 2^31.
    3. [fails - 1 < 0] (Rescale, NEGATIVE).
    4. Check that the dealer's message is used up: one that does not fit leaves neither party with a verdict.

    Parameters
    ----------
    counts
        Array of int64 (c,).
        Shares modulo 2^32.
    needed
        Array of int64 (c,) or None.
        P0's minima; None at P1.
    fails
        Array of int64 (1,).
        Share modulo 2^32 of the number of conditions that failed before.

    Raises
    ------
    ProtocolError
        The dealer's message is too short or too long.
    """
    total = fails
    if counts.size:
        margins = counts if needed is None else counts - needed
        total = total + _SHORT.evaluate(party, randomness, comparison, margins).sum(keepdims=True)
    if party.index == 0:
        total = total - 1
    holds = _NONE.signs(party, randomness, comparison, total)
    randomness.finish()
    return holds
