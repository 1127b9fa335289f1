# SPDX-License-Identifier: Apache-2.0
"""Sums of convolutions, dense layers, normalisations and further values, before their truncation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.steps import Step
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Masked, Wire, unopened

__all__ = ["Add", "Linear"]


@dataclass(frozen=True)
class Linear(Step):
    """Convolutions, dense layers or a normalisation with bias, and further values: shares of the untruncated sums.

    1. Open X = x + m unless a step before has (a residual's entry is opened once, a concatenation by its parts).
    2. P_i: S_i = Σ (X - 2·m_i)·(V - 2·v_i), with V = w + v the weights opened once per model. The factors are x ∓ d and
       w ∓ e with the differences d, e of both parties' shares of m and v, so S_0 + S_1 = 2·Σ x·w + 2·Σ d·e. Both have
       the parity of Σ X·V, so floor(S_0 / 2) and ceil(S_1 / 2) are shares of Σ x·w + Σ d·e: one product each. The last
       term is the offset the dealer knows and the next gate's mask swallows.
    3. Further values are added, shifted left.

    Attributes
    ----------
    terms
        Names of the layers of the first inputs; all further inputs are added as they are.
    ring
        Bits that the sums need.
    shift
        f + k.
    """

    terms: tuple[str, ...]
    ring: int
    shift: int

    @property
    def drops(self) -> int | None:
        """Fraction bits to drop: f + k."""
        return self.shift

    def needs_number(self, position: int) -> bool | None:
        """Whether it multiplies this input."""
        return position < len(self.terms)

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Draw the inputs' masks; the offset is the product of the differences."""
        pairs = list(zip(self.terms, wires, strict=False))
        _deal_openings(dealer, [wire for _, wire in pairs])
        total, *others = (weights.offset(name, wire) for name, wire in pairs)
        for other in others:
            total = total + other
        return DealerView(total.shape, total)

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Return shares of the sums, plus the offset."""
        pairs = list(zip(self.terms, wires, strict=False))
        _open(party, randomness, [wire for _, wire in pairs], self.ring)
        total, *others = (weights.apply(name, wire.opened()) for name, wire in pairs)
        for other in others:
            total += other
        for wire in wires[len(pairs) :]:
            total += wire.share << np.int64(self.shift)
        return Wire(total)


def _deal_openings(dealer: GateDealer, wires: Sequence[DealerView]) -> None:
    """Draw the masks of all values that are to be opened, together."""
    closed = unopened(wires)
    if closed:
        drawn = dealer.mask_shares((sum(prod(wire.shape) for wire in closed),)).difference
        for wire, part in zip(closed, _split(drawn, [wire.shape for wire in closed]), strict=True):
            wire.skew = part


def _open(party: Party, randomness: GateRandomness, wires: Sequence[Wire], bits: int) -> None:
    """Open all values that are to be, in one message."""
    closed = unopened(wires)
    if closed:
        share = closed[0].share.reshape(-1)
        if len(closed) > 1:
            share = np.concatenate([wire.share.reshape(-1) for wire in closed])
        mask = randomness.mask(share.shape)
        shapes = [wire.share.shape for wire in closed]
        public, masks = _split(party.open(mask, share, bits), shapes), _split(mask.share, shapes)
        for wire, *parts in zip(closed, public, masks, strict=True):
            wire.masked = Masked(*parts)


def _split(values: IntArray, shapes: Sequence[tuple[int, ...]]) -> list[IntArray]:
    """Cut values (n,) into arrays of these shapes."""
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(values, ends), shapes, strict=True)]


@dataclass(frozen=True)
class Add(Step):
    """Sum of activations, known modulo 2^w: no truncation is needed, for nothing has more fraction bits."""

    @property
    def drops(self) -> int | None:
        """None to drop; but the sums are known modulo 2^w only."""
        return 0

    def needs_number(self, position: int) -> bool | None:
        """No."""
        return False

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Nothing is dealt."""
        return DealerView(wires[0].shape)

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Add the shares."""
        total = wires[0].share + wires[1].share
        for wire in wires[2:]:
            total += wire.share
        return Wire(total)
