# SPDX-License-Identifier: Apache-2.0
"""Whether an update's batch normalisation has moved much further than the root's: two bounds on hidden levels.

A tensor's kind is summed in parts of 2^8: within RANGE a mean moves by less than 2^27, so a part stays below 2^62.
Where a part alone reaches the last threshold the level is the last one; else 2^7 parts stay below 2^63.

1. Compare every part with the last threshold, and the sum of all with every threshold.
2. The level is the number reached, or 160 where a part counts: 160 - max(0, 160 - number).
3. Fail: level of the root + 32 - level of the update < 0. Nothing is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import Kind, TensorSpec
from medquorum.core.rules.direction.levels import MOST_CHANNELS, STATISTICS_LEVELS
from medquorum.core.rules.direction.tables import NORMS
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.direction.thresholds import deal_reached, reached
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.verdict.parameter_range import FAIL_BITS
from medquorum.verifier.gates.verdict.products import Part, deal_products, parts, products
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness
from medquorum.verifier.randomness.wires import Masked

__all__ = ["check_statistics", "deal_statistics", "too_far"]

_PART = 1 << 8
_NORMS = np.array(NORMS, dtype=np.int64)
_CLIP = Rescale(0, 16, 16, Form.RELU)
_FAIL = Rescale(0, 16, FAIL_BITS, Form.NEGATIVE)


def check_statistics(layout: Sequence[TensorSpec]) -> None:
    """Check that the sums fit the ring.

    Raises
    ------
    ConfigError
        The model has more than 2^15 channels with batch normalisation.
    """
    if any(_PART * len(over) > MOST_CHANNELS for over in _kinds(layout)):
        raise ConfigError(
            f"the model normalises more than {MOST_CHANNELS} channels: too many for direction under encryption",
            "Use a smaller model, or plain verification",
        )


def _kinds(layout: Sequence[TensorSpec]) -> list[list[Part]]:
    """Return the parts of the means and of the scales; none where there are no such tensors."""
    return [over for kind in (Kind.MEAN, Kind.SCALE) if (over := parts(layout, {kind}, _PART))]


def deal_statistics(
    dealer: GateDealer,
    comparison: Comparison,
    layout: Sequence[TensorSpec],
    masks: Sequence[Mapping[str, IntArray]],
) -> None:
    """Deal for the masks of the update and of the root."""
    kinds = _kinds(layout)
    if kinds:
        for over in kinds:
            for mask in masks:
                deal_products(dealer, over, mask, mask)
        deal_reached(dealer, comparison, (2 * sum(map(len, kinds)) + 2 * len(kinds) * _NORMS.size,))
        _CLIP.deal(dealer, comparison, (len(kinds), 2), None)
        _FAIL.deal(dealer, comparison, (len(kinds),), None)


def too_far(
    party: Party,
    randomness: GateRandomness,
    comparison: Comparison,
    layout: Sequence[TensorSpec],
    updates: Sequence[Mapping[str, Masked]],
) -> IntArray:
    """Return the share (1,) modulo 2^32 of how many bounds are broken, of means and of scales.

    Parameters
    ----------
    updates
        The masked forms of r - w of the update and of the root.
    """
    kinds = _kinds(layout)
    if not kinds:
        return np.zeros(1, dtype=np.int64)
    squares = [products(party, randomness, over, update, update) for over in kinds for update in updates]
    excess = np.concatenate([*squares, *(np.repeat(square.sum(), _NORMS.size) for square in squares)])
    last = _NORMS.size
    if party.index == 0:
        excess -= np.concatenate([np.full(excess.size - last * len(squares), _NORMS[-1]), *[_NORMS] * len(squares)])
    bits = reached(party, randomness, comparison, excess)
    *ends, whole = np.cumsum([square.size for square in squares])
    far = np.array([part.sum() for part in np.split(bits[:whole], ends)])
    number = bits[whole:].reshape(-1, last).sum(axis=1)
    below = -(last * far + number).reshape(len(kinds), 2)
    below = _CLIP.evaluate(party, randomness, comparison, below + last if party.index == 0 else below)
    room = below[:, 0] - below[:, 1]  # level of the root less that of the update
    if party.index == 0:
        room += STATISTICS_LEVELS
    fails: IntArray = _FAIL.evaluate(party, randomness, comparison, room).sum(keepdims=True)
    return fails
