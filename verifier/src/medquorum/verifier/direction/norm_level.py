# SPDX-License-Identifier: Apache-2.0
"""The level of a hidden update's norm: how many of the rule's thresholds Σ (r - w)² reaches.

The sum is a true integer modulo 2^64 where RANGE holds and it is at most 2^56: nothing here is opened before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.core.rules.direction.tables import NORMS
from medquorum.core.rules.distance import MIXED
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.direction.thresholds import deal_level_bits, level_bits
from medquorum.verifier.gates.verdict.products import Part, deal_products, parts, products
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import Masked

__all__ = ["deal_norm_level", "norm_bits", "whole"]

_NORMS = np.array(NORMS, dtype=np.int64)


def whole(layout: Sequence[TensorSpec]) -> list[Part]:
    """Return all that is mixed with λ as one part."""
    return parts(layout, MIXED, sum(spec.size for spec in layout))


def deal_norm_level(
    dealer: GateDealer, comparison: Comparison, layout: Sequence[TensorSpec], masks: Mapping[str, IntArray]
) -> None:
    """Deal for one update."""
    deal_products(dealer, whole(layout), masks, masks)
    deal_level_bits(dealer, comparison, _NORMS.shape)


def norm_bits(
    party: Party,
    randomness: GateRandomness,
    comparison: Comparison,
    layout: Sequence[TensorSpec],
    update: Mapping[str, Masked],
) -> Tagged:
    """Return shares (160,) modulo 2^64 of whether each level's threshold is reached; their sum is the level."""
    excess = np.repeat(products(party, randomness, whole(layout), update, update), _NORMS.size)
    if party.index == 0:
        excess -= _NORMS
    return level_bits(party, randomness, comparison, excess)
