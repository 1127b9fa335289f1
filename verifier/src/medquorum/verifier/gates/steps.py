# SPDX-License-Identifier: Apache-2.0
"""Steps of an encrypted evaluation: each has a dealer's and a party's side that draw material in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray
from medquorum.verifier.arithmetic.convolution import Convolution
from medquorum.verifier.arithmetic.geometry import Geometry
from medquorum.verifier.arithmetic.windows import Along, along
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.weights import DealerWeights, Weights
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Masked, Wire

__all__ = ["Average", "Linear", "Maximum", "Scale", "Step"]


class Step(Protocol):
    """One step; ``name`` is that of the plain evaluation's step whose values it reproduces."""

    @property
    def name(self) -> str:
        """Unique in the program."""
        ...

    @property
    def opens(self) -> bool:
        """True when the step's input is also the shortcut's input of the residual that starts here."""
        ...

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, wire: DealerView, entry: DealerView
    ) -> DealerView:
        """Deal for the step; ``entry`` is the input of the residual around it."""
        ...

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        weights: Weights,
        wire: Wire,
        entry: Wire,
    ) -> Wire:
        """Return the party's shares of the step's output."""
        ...


@dataclass(frozen=True)
class Linear:
    """Convolution or dense layer with bias and shortcut: shares of the untruncated sums.

    1. Open X = x + m unless a step before has (a residual's entry is opened once).
    2. P_i: S_i = Σ (X - 2·m_i)·(V - 2·v_i), with V = w + v the weights opened once per model. The factors are x ∓ d and
       w ∓ e with the differences d, e of both parties' shares of m and v, so S_0 + S_1 = 2·Σ x·w + 2·Σ d·e. Both have
       the parity of Σ X·V, so floor(S_0 / 2) and ceil(S_1 / 2) are shares of Σ x·w + Σ d·e: one product each. The last
       term is the offset the dealer knows and the next gate's mask swallows.
    3. A residual's last convolution adds its entry, shifted left, or the shortcut's convolution of the entry.
    """

    name: str
    opens: bool
    ring: int
    shift: int
    adds: bool
    shortcut: str | None

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, wire: DealerView, entry: DealerView
    ) -> DealerView:
        """Draw the input's mask; the offset is the product of the differences."""
        _deal_opening(dealer, wire)
        total = weights.offset(self.name, wire)
        if self.shortcut is not None:
            _deal_opening(dealer, entry)
            total = total + weights.offset(self.shortcut, entry)
        return DealerView(total.shape, total)

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        weights: Weights,
        wire: Wire,
        entry: Wire,
    ) -> Wire:
        """Return shares of the sums, plus the offset."""
        total = weights.apply(self.name, _opened(party, randomness, wire, self.ring))
        if self.shortcut is not None:
            total += weights.apply(self.shortcut, _opened(party, randomness, entry, self.ring))
        elif self.adds:
            total += entry.share << np.int64(self.shift)
        return Wire(total)


def _deal_opening(dealer: GateDealer, wire: DealerView) -> None:
    if wire.skew is None:
        wire.skew = dealer.mask_shares(wire.shape).difference


def _opened(party: Party, randomness: GateRandomness, wire: Wire, bits: int) -> Masked:
    if wire.masked is None:
        mask = randomness.mask(wire.share.shape)
        wire.masked = Masked(party.open(mask, wire.share, bits), mask.share)
    return wire.masked


@dataclass(frozen=True)
class Scale:
    """Truncation, reduction, lifting, ReLU: one :class:`~verifier.rescale.Rescale` gate on every value."""

    name: str
    opens: bool
    gate: Rescale

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, wire: DealerView, entry: DealerView
    ) -> DealerView:
        """Deal for the gate."""
        self.gate.deal(dealer, comparison, wire.shape, wire.offset)
        return DealerView(wire.shape)

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        weights: Weights,
        wire: Wire,
        entry: Wire,
    ) -> Wire:
        """Evaluate the gate."""
        return Wire(self.gate.evaluate(party, randomness, comparison, wire.share))


@dataclass(frozen=True)
class Maximum:
    """Maximum pooling of w-bit values: along rows, then down columns; all windows' next places at a time.

    kept := other + max(kept - other, 0), the difference reduced to w bits: the kept value stays unless the sign of that
    difference is negative. Values are known modulo 2^w only.
    """

    name: str
    opens: bool
    kernel: int
    stride: int
    padding: int
    width: int

    @property
    def _gate(self) -> Rescale:
        return Rescale(0, self.width, self.width, Form.RELU)

    def _axes(self, shape: tuple[int, ...]) -> list[tuple[int, Along]]:
        return [(axis, along(shape[axis], self.kernel, self.stride, self.padding)) for axis in (2, 1)]

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, wire: DealerView, entry: DealerView
    ) -> DealerView:
        """Deal one comparison for each place of a window after its first."""
        shape = list(wire.shape)
        for axis, places in self._axes(wire.shape):
            for window, _ in places.rest:
                shape[axis] = window.shape[0]
                self._gate.deal(dealer, comparison, tuple(shape), None)
            shape[axis] = places.first.shape[0]
        return DealerView(tuple(shape))

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        weights: Weights,
        wire: Wire,
        entry: Wire,
    ) -> Wire:
        """Compare place after place."""
        values = wire.share
        for axis, places in self._axes(values.shape):
            best = values.take(places.first, axis=axis)
            for window, place in places.rest:
                other = values.take(place, axis=axis)
                ahead = self._gate.evaluate(party, randomness, comparison, best.take(window, axis=axis) - other)
                where: list[slice | IntArray] = [slice(None)] * axis
                best[(*where, window)] = other + ahead
            values = best
        return Wire(values)


@dataclass(frozen=True)
class Average:
    """Average pooling before its truncation: shares of Σ window · round(2^f / area)."""

    name: str
    opens: bool
    kernel: tuple[int, int]
    stride: int

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, wire: DealerView, entry: DealerView
    ) -> DealerView:
        """Nothing is dealt."""
        return DealerView((wire.shape[0], *self._geometry(wire.shape).output, wire.shape[3]))

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        weights: Weights,
        wire: Wire,
        entry: Wire,
    ) -> Wire:
        """Add each window's shares, scaled; P0 adds the truncation's half."""
        area = self.kernel[0] * self.kernel[1]
        factor = ((2 << FRACTION_BITS) + area) // (2 * area)
        geometry = self._geometry(wire.share.shape)
        sums = np.full((1, 1, *self.kernel), factor, dtype=np.int64)
        channels = wire.share.shape[3]
        each = np.ascontiguousarray(wire.share.transpose(0, 3, 1, 2)).reshape(-1, *wire.share.shape[1:3], 1)
        total = Convolution(sums, geometry)(each).reshape(-1, channels, *geometry.output).transpose(0, 2, 3, 1)
        return Wire(total + np.int64(1 << (FRACTION_BITS - 1)) if party.index == 0 else total)

    def _geometry(self, shape: tuple[int, ...]) -> Geometry:
        return Geometry(shape[1], shape[2], self.kernel, self.stride, 0)
