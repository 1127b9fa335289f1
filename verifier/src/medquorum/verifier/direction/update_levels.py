# SPDX-License-Identifier: Apache-2.0
"""What the rule asks of a hidden update alone: two bounds on its batch normalisation, its norm's and cosine's levels.

The thresholds of <d, d_0> are a table by the norm's level. Read with the shared bits "reaches level j" it gives shares
of the right row: neither the inner product nor any comparison is opened, and both levels can be opened together.
By Cauchy and Schwarz |<d, d_0>| <= 2^56 where both squared norms are at most that: it is a true integer modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.core.rules.direction.tables import COSINE_BITS, COSINES, NORMS, norm_at_most
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.direction.norm_level import deal_norm_level, norm_bits, whole
from medquorum.verifier.direction.statistics import deal_statistics, too_far
from medquorum.verifier.direction.thresholds import deal_level_bits, level_bits
from medquorum.verifier.gates.verdict.products import deal_products, products
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import Masked

__all__ = ["UpdateLevels"]

_NEVER = 1 << 60
"""Above every inner product: an update of norm level 0 has cosine level 0."""


@dataclass(frozen=True)
class UpdateLevels:
    """Levels beside a root whose norm has the opened level ``root`` above 0."""

    layout: tuple[TensorSpec, ...]
    root: int

    @cached_property
    def thresholds(self) -> IntArray:
        """The least inner product (norm levels, 25) of each cosine level above 0."""
        rows = [[_NEVER] * (len(COSINES) - 1)]
        for level in range(1, len(NORMS) + 1):
            most = norm_at_most(level) * norm_at_most(self.root)
            rows.append([-(-cosine * most >> COSINE_BITS) for cosine in COSINES[1:]])
        return np.array(rows, dtype=np.int64)

    def deal(
        self,
        dealer: GateDealer,
        comparison: Comparison,
        update: Mapping[str, IntArray],
        root: Mapping[str, IntArray],
    ) -> None:
        """Deal for the masks of an update and of the root."""
        deal_statistics(dealer, comparison, self.layout, [update, root])
        deal_norm_level(dealer, comparison, self.layout, update)
        deal_products(dealer, whole(self.layout), update, root)
        deal_level_bits(dealer, comparison, (len(COSINES) - 1,))

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        update: Mapping[str, Masked],
        root: Mapping[str, Masked],
    ) -> tuple[IntArray, Tagged]:
        """Return shares of how many bounds are broken (1,) modulo 2^32, and of the levels of norm and cosine (2,).

        Parameters
        ----------
        update, root
            The masked forms of r - w.
        """
        fails = too_far(party, randomness, comparison, self.layout, [update, root])
        norm = norm_bits(party, randomness, comparison, self.layout, update)
        due = norm.numbers @ np.diff(self.thresholds, axis=0)
        if party.index == 0:
            due = due + self.thresholds[0]
        product = products(party, randomness, whole(self.layout), update, root)
        cosine = level_bits(party, randomness, comparison, product - due)
        return fails, norm.sum().beside(cosine.sum())
