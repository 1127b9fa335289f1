# SPDX-License-Identifier: Apache-2.0
"""The exact bound on ||r - w|| under encryption, from the opened masked parameters.

Within RANGE every mixed tensor's (r - w)² is below 2^40, so 2^22 of them stay below 2^62.

1. Shares of each part's sum of squares modulo 2^64, locally (``gates/verdict/products.py``).
2. Fails (Rescale, NEGATIVE): of limit - part for each part, and of limit - total; the total does not wrap when no part
   exceeds the limit. The fails are added; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.core.rules.distance import MIXED, SUMMED, hidden_limit
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.verdict.parameter_range import FAIL_BITS
from medquorum.verifier.gates.verdict.products import Part, deal_products, parts, products
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import Masked

__all__ = ["beyond", "check_limit", "deal_beyond"]

_GATE = Rescale(0, 64, FAIL_BITS, Form.NEGATIVE)


def check_limit(layout: Sequence[TensorSpec], limit: int) -> None:
    """Check that the limit leaves room in the ring.

    Raises
    ------
    ConfigError
        The limit, times the number of parts, passes 2^62.
    """
    room = hidden_limit(sum(spec.size for spec in layout if spec.kind.mixed))
    if not 0 < limit < room:
        raise ConfigError(
            "the norm bound is too large for encrypted verification",
            f"Choose a bound below {int(room**0.5 / 65.536)} thousandths",
        )


def _parts(layout: Sequence[TensorSpec]) -> list[Part]:
    return parts(layout, MIXED, SUMMED)


def deal_beyond(
    dealer: GateDealer, comparison: Comparison, layout: Sequence[TensorSpec], masks: Mapping[str, IntArray]
) -> None:
    """Deal the squares of the masks and the comparisons."""
    over = _parts(layout)
    deal_products(dealer, over, masks, masks)
    _GATE.deal(dealer, comparison, (len(over) + 1,), None)


def beyond(
    party: Party,
    randomness: GateRandomness,
    comparison: Comparison,
    layout: Sequence[TensorSpec],
    update: Mapping[str, Masked],
    limit: int,
) -> IntArray:
    """Return the party's share (1,) modulo 2^32 of a number that is 0 iff the sum of squares is at most ``limit``.

    Parameters
    ----------
    update
        The masked form of r - w.
    """
    squares = products(party, randomness, _parts(layout), update, update)
    margins = -np.concatenate([squares, squares.sum(keepdims=True)])
    if party.index == 0:
        margins += np.int64(limit)
    fails: IntArray = _GATE.evaluate(party, randomness, comparison, margins).sum(keepdims=True)
    return fails
