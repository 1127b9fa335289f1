# SPDX-License-Identifier: Apache-2.0
"""The logit of each image's hidden label, for what is counted of images.

1. The dealer and P0 know a uniform place q; P0 opens s = y - q modulo the number of classes (uniform to P1), and
   both turn their shares by s, so that the label's logit stands at place q, which the dealer knows.
2. Open the turned logits under masks m. z_y = Σ h_i·(opened_i) - m_q with dealt shares of h_i = [i = q] and of m_q.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Turned", "deal_label", "turned"]


@dataclass(frozen=True)
class Turned:
    """Logits in turned order.

    Attributes
    ----------
    classes
        Array of int64 (n, classes).
        The class that stands at each place.
    logits, label
        Arrays of int64 (n, classes) and (n,).
        Shares modulo 2^width of the logits and of the label's.
    """

    classes: IntArray
    logits: IntArray = field(repr=False)
    label: IntArray = field(repr=False)


def deal_label(dealer: GateDealer, images: int, classes: int, width: int) -> IntArray:
    """Deal for so many images and return their places q (n,)."""
    place = _places(dealer.own((images,), 0), classes)
    mask = dealer.mask((images, classes))
    dealer.share((np.arange(classes) == place[:, np.newaxis]).astype(np.int64), width)
    dealer.share(mask[np.arange(images), place], width)
    return place


def turned(party: Party, randomness: GateRandomness, logits: IntArray, labels: IntArray | None, width: int) -> Turned:
    """Turn logits (n, classes), shares modulo 2^width, by P0's labels (n,); they are None at P1."""
    images, count = logits.shape
    turn: IntArray = np.zeros(images, dtype=np.int64)
    if labels is not None:
        turn = (labels - _places(randomness.own((images,)), count)) % count
    turn = ring.unpack(party.announce(0, ring.pack(turn, 8)), turn.shape, 8)
    classes = (np.arange(count) + turn[:, np.newaxis]) % count
    logits = np.take_along_axis(logits, classes, axis=1)
    opened = party.open(randomness.mask(logits.shape), logits, width)
    label = (randomness.share(logits.shape, width) * opened).sum(axis=1) - randomness.share((images,), width)
    return Turned(classes, logits, label)


def _places(uniform: IntArray, classes: int) -> IntArray:
    """Return places that are uniform but for 2^-55."""
    return (uniform.view(np.uint64) % np.uint64(classes)).astype(np.int64)
