# SPDX-License-Identifier: Apache-2.0
"""Pooling: maxima by comparisons, means by local sums before their truncation."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray
from medquorum.core.inference.windows import adaptive_windows, extents
from medquorum.verifier.arithmetic.convolution import Convolution
from medquorum.verifier.arithmetic.geometry import Geometry, Pair
from medquorum.verifier.arithmetic.windows import Along, along
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.layers.steps import Step
from medquorum.verifier.gates.layers.weights import DealerWeights, Weights
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import DealerView, Wire

__all__ = ["AdaptiveAverage", "Average", "Maximum"]


@dataclass(frozen=True)
class Maximum(Step):
    """Maximum pooling of w-bit values: along rows, then down columns; all windows' next places at a time.

    kept := other + max(kept - other, 0), the difference reduced to w bits: the kept value stays unless the sign of that
    difference is negative. Values are known modulo 2^w only.
    """

    kernel: Pair
    stride: Pair
    padding: Pair
    width: int
    ceil: bool = False

    @property
    def drops(self) -> int | None:
        """None to drop; but the maxima are known modulo 2^w only."""
        return 0

    def needs_number(self, position: int) -> bool | None:
        """No."""
        return False

    @property
    def _gate(self) -> Rescale:
        return Rescale(0, self.width, self.width, Form.RELU)

    def _axes(self, shape: tuple[int, ...]) -> list[tuple[int, Along]]:
        sizes = list(zip(shape[1:3], self.kernel, self.stride, self.padding, strict=True))
        return [(axis, along(*sizes[axis - 1], ceil=self.ceil)) for axis in (2, 1)]

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Deal one comparison for each place of a window after its first."""
        shape = list(wires[0].shape)
        for axis, places in self._axes(wires[0].shape):
            for window, _ in places.rest:
                shape[axis] = window.shape[0]
                self._gate.deal(dealer, comparison, tuple(shape), None)
            shape[axis] = places.first.shape[0]
        return DealerView(tuple(shape))

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Compare place after place."""
        values = wires[0].share
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
class _Mean(Step):
    """Means before their truncation: shares of Σ window · round(2^f / area)."""

    @property
    def drops(self) -> int | None:
        """Fraction bits of the factor."""
        return FRACTION_BITS

    @abstractmethod
    def _places(self, shape: tuple[int, ...]) -> Pair:
        """Return the number of windows in values of a shape."""

    @abstractmethod
    def _sums(self, values: IntArray) -> IntArray:
        """Return the windows' sums times the factor."""

    def deal(
        self, dealer: GateDealer, comparison: Comparison, weights: DealerWeights, *wires: DealerView
    ) -> DealerView:
        """Nothing is dealt."""
        shape = wires[0].shape
        return DealerView((shape[0], *self._places(shape), shape[3]))

    def evaluate(
        self, party: Party, randomness: GateRandomness, comparison: Comparison, weights: Weights, *wires: Wire
    ) -> Wire:
        """Add each window's shares, scaled; P0 adds the truncation's half."""
        total = self._sums(wires[0].share)
        return Wire(total + np.int64(1 << (FRACTION_BITS - 1)) if party.index == 0 else total)


@dataclass(frozen=True)
class Average(_Mean):
    """Average pooling; padded places count as zeros, what ``ceil`` adds beyond them does not count."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    ceil: bool = False

    def _places(self, shape: tuple[int, ...]) -> Pair:
        return self._geometry(shape).output

    def _sums(self, values: IntArray) -> IntArray:
        geometry = self._geometry(values.shape)
        rows, columns = geometry.live
        taps = rows.stop - rows.start, columns.stop - columns.start
        each = np.ascontiguousarray(values.transpose(0, 3, 1, 2)).reshape(-1, *values.shape[1:3], 1)
        sums = Convolution(np.ones((1, 1, *taps), dtype=np.int64), geometry)(each)
        totals = sums.reshape(-1, values.shape[3], *geometry.output).transpose(0, 2, 3, 1)
        axes = zip(geometry.size, self.kernel, self.stride, self.padding, strict=True)
        result: IntArray = totals * _factors(*(extents(*axis, ceil=self.ceil) for axis in axes))
        return result

    def _geometry(self, shape: tuple[int, ...]) -> Geometry:
        return Geometry((shape[1], shape[2]), self.kernel, self.stride, self.padding, ceil=self.ceil)


@dataclass(frozen=True)
class AdaptiveAverage(_Mean):
    """Average pooling to so many windows that cover all places, each with its own area."""

    size: Pair

    def _places(self, shape: tuple[int, ...]) -> Pair:
        return self.size

    def _sums(self, values: IntArray) -> IntArray:
        rows, columns = (adaptive_windows(values.shape[axis], self.size[axis - 1]) for axis in (1, 2))
        sums = np.stack([values[:, row].sum(axis=1) for row in rows], axis=1)
        totals = np.stack([sums[:, :, column].sum(axis=2) for column in columns], axis=2)
        sides = (np.array([part.stop - part.start for part in parts]) for parts in (rows, columns))
        result: IntArray = totals * _factors(*sides)
        return result


def _factors(heights: IntArray, widths: IntArray) -> IntArray:
    """Return round(2^f / area), (h, w, 1), of the windows of these heights and widths."""
    area = (heights[:, np.newaxis] * widths)[..., np.newaxis]
    result: IntArray = ((2 << FRACTION_BITS) + area) // (2 * area)
    return result
