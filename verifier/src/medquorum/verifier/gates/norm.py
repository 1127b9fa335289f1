# SPDX-License-Identifier: Apache-2.0
"""The exact bound on ||r - w|| under encryption, from the opened masked parameters.

With D = (r + u) - w public and u the mask, r - w = D - u and Σ (r - w)² = Σ D² - 2·Σ D·u + Σ u²: a local dot product
and one dealt share. Within RANGE every mixed tensor's (r - w)² is below 2^40, so 2^22 of them stay below 2^62.

1. Shares of each part's sum of squares modulo 2^64, locally.
2. Fails (Rescale, NEGATIVE): of limit - part for each part, and of limit - total; the total does not wrap when no part
   exceeds the limit. The fails are added; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.parameter_range import FAIL_BITS
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import Masked

__all__ = ["beyond", "check_limit", "deal_beyond"]

_PART = 1 << 22
_GATE = Rescale(0, 64, FAIL_BITS, Form.NEGATIVE)


def check_limit(layout: Sequence[TensorSpec], limit: int) -> None:
    """Check that the limit leaves room in the ring.

    Raises
    ------
    ConfigError
        The limit, times the number of parts, passes 2^62.
    """
    parts = sum(1 for _ in _parts(layout))
    if not 0 < limit < (1 << 62) // parts:
        raise ConfigError(
            "the norm bound is too large for encrypted verification",
            f"Choose a bound below {int(((1 << 62) // parts) ** 0.5 / 65.536)} thousandths",
        )


def _parts(layout: Sequence[TensorSpec]) -> Iterator[tuple[str, slice]]:
    for spec in layout:
        if spec.kind.mixed:
            for start in range(0, spec.size, _PART):
                yield spec.name, slice(start, min(start + _PART, spec.size))


def deal_beyond(
    dealer: GateDealer, comparison: Comparison, layout: Sequence[TensorSpec], masks: Mapping[str, IntArray]
) -> None:
    """Deal the squares of the masks and the comparisons."""
    parts = [masks[name].reshape(-1)[part] for name, part in _parts(layout)]
    dealer.share(np.array([np.dot(part, part) for part in parts], dtype=np.int64), 64)
    _GATE.deal(dealer, comparison, (len(parts) + 1,), None)


def beyond(
    party: Party,
    randomness: GateRandomness,
    comparison: Comparison,
    layout: Sequence[TensorSpec],
    base: Mapping[str, IntArray],
    masked: Mapping[str, Masked],
    limit: int,
) -> IntArray:
    """Return the party's share (1,) modulo 2^32 of a number that is 0 iff the sum of squares is at most ``limit``."""
    sums = []
    for name, part in _parts(layout):
        known = masked[name].public.reshape(-1)[part] - base[name].reshape(-1)[part]
        factor = -2 * masked[name].mask.reshape(-1)[part]
        sums.append(np.dot(known, known + factor if party.index == 0 else factor))
    squares = np.array(sums, dtype=np.int64) + randomness.share((len(sums),), 64)
    margins = -np.concatenate([squares, squares.sum(keepdims=True)])
    if party.index == 0:
        margins += np.int64(limit)
    fails: IntArray = _GATE.evaluate(party, randomness, comparison, margins).sum(keepdims=True)
    return fails
