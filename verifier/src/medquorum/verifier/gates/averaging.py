# SPDX-License-Identifier: Apache-2.0
"""The model that a sum of updates leads to, as shares: what ``core.aggregate.next_model`` gives, to the last bit.

w' = floor(x / D) with x = A·m·w + (2^k - A)·S + floor(2^k·m / 2) and D = 2^k·m (mean and scale: A = k = 0), which is
next_model's formula after halving numerator and denominator. Every share of x is local.

1. x - lowest·D is not negative, as w and the m updates are within RANGE, and below (number of allowed values)·D.
2. Its shares times M = ceil(2^s / D), then one exact truncation by s (Rescale, BOUNDED): the quotient
   (``medquorum.core.division``). Adding the lowest value again gives shares of w' in Z_2^64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medquorum.core.aggregate import divisions
from medquorum.core.division import common_shift, multiplier
from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import Kind, TensorSpec
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Averaging"]

CHUNK = 1 << 17


@dataclass(frozen=True)
class Averaging:
    """The average of ``updates`` updates and w, λ = A / 2^k.

    Raises
    ------
    ModelError
        Dividing by this number does not fit the ring.
    """

    layout: tuple[TensorSpec, ...]
    numerator: int
    bits: int
    updates: int

    def __post_init__(self) -> None:
        """Check that there is a shift."""
        _ = self._gate

    @property
    def _gate(self) -> Rescale:
        kinds = {spec.kind for spec in self.layout}
        shift = common_shift(divisions(kinds, self.bits, self.updates))
        return Rescale(shift, 64 - shift, 64, Form.BOUNDED)

    def deal(self, dealer: Callable[[str], GateDealer], comparison: Comparison) -> Iterator[GateDealer]:
        """Deal for every chunk of the parameters; return each gate when it is complete."""
        gate = self._gate
        for start, stop in self._chunks():
            chunk = dealer(f"average/{start}")
            gate.deal(chunk, comparison, (stop - start,), None)
            yield chunk

    def evaluate(
        self,
        party: Party,
        randomness: Callable[[str], GateRandomness],
        comparison: Comparison,
        base: Mapping[str, IntArray],
        share: IntArray,
    ) -> IntArray:
        """Return the party's share (parameters,) of w'.

        Parameters
        ----------
        base
            Mapping of tensor name to int64 array.
            w, known to both.
        share
            Array of int64 (parameters,).
            The party's share of the sum of the updates.
        """
        gate = self._gate
        own, other, added, factor, lowest = self._constants(gate.shift)
        values = share * other
        if party.index == 0:
            flat = np.concatenate([base[spec.name].reshape(-1) for spec in self.layout])
            values += flat * own + added
        values *= factor
        result = np.empty_like(values)
        for start, stop in self._chunks():
            chunk = randomness(f"average/{start}")
            result[start:stop] = gate.evaluate(party, chunk, comparison, values[start:stop])
            chunk.finish()
        return result + lowest if party.index == 0 else result

    def _chunks(self) -> Iterator[tuple[int, int]]:
        total = sum(spec.size for spec in self.layout)
        for start in range(0, total, CHUNK):
            yield start, min(start + CHUNK, total)

    def _constants(self, shift: int) -> tuple[IntArray, ...]:
        """Return for every parameter: factors of w and S, what is added, the multiplier, the lowest value."""
        table = {spec.kind: self._of(spec.kind, shift) for spec in self.layout}
        columns = zip(*(table[spec.kind] for spec in self.layout), strict=True)
        sizes = [spec.size for spec in self.layout]
        return tuple(np.repeat(np.array(column, dtype=np.int64), sizes) for column in columns)

    def _of(self, kind: Kind, shift: int) -> Sequence[int]:
        numerator, parts = (self.numerator, 1 << self.bits) if kind.mixed else (0, 1)
        divisor = parts * self.updates
        added = divisor // 2 - kind.lowest * divisor
        return numerator * self.updates, parts - numerator, added, multiplier(divisor, shift), kind.lowest
