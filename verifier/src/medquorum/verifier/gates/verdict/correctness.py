# SPDX-License-Identifier: Apache-2.0
"""Shares of [the image is classified correctly] from shared logits and a label only P0 knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.verdict.label import deal_label, turned
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.result import COUNT_BITS
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Correctness"]


@dataclass(frozen=True)
class Correctness:
    """Correct = AND over j != y of [z_y beats z_j], the lowest index winning among equals.

    1. Turn the logits so that the label's stands at a place that the dealer knows (``gates/verdict/label.py``).
    2. Fail at place i, class j: R(z_y - z_j) < 0 for j > y, R(z_y - z_j - 1) < 0 for j < y (equal to R(z_j - z_y) >= 0
       also where the difference wraps). P0 knows on which side j lies and subtracts the 1 in its share.
    3. The fails (Rescale, NEGATIVE) are added; their sum is opened under a mask t modulo a power of two above the
       number of classes; the dealt one-hot table of t, read at the opened place, is [sum = 0].

    Attributes
    ----------
    classes, width
        width: signed bits of a logit.
    per_class
        True to give the bit at the label's class: the table then also runs over the places, turned back by s.
    """

    classes: int
    width: int
    per_class: bool

    @property
    def _gate(self) -> Rescale:
        return Rescale(0, self.width, self._sum_bits, Form.NEGATIVE)

    @property
    def _sum_bits(self) -> int:
        return self.classes.bit_length()

    def deal(self, dealer: GateDealer, comparison: Comparison, images: int) -> None:
        """Deal for this number of images."""
        place = deal_label(dealer, images, self.classes, self.width)
        self._gate.deal(dealer, comparison, (images, self.classes), None)
        total = ring.reduce(dealer.mask((images,)), self._sum_bits)
        table = (np.arange(1 << self._sum_bits) == total[:, np.newaxis])[:, :, np.newaxis]
        if self.per_class:
            table = table & (np.arange(self.classes) == place[:, np.newaxis])[:, np.newaxis, :]
        dealer.share(table.astype(np.int64), COUNT_BITS)

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        logits: IntArray,
        labels: IntArray | None,
    ) -> IntArray:
        """Return shares modulo 2^32 of the number of correct images, (1,), or of each class' ones, (classes,).

        Parameters
        ----------
        logits
            Array of int64 (n, classes).
            Shares modulo 2^width.
        labels
            Array of int64 (n,) or None.
            P0's; None at P1.
        """
        images = logits.shape[0]
        found = turned(party, randomness, logits, labels, self.width)
        behind: IntArray = np.zeros(logits.shape, dtype=np.int64)
        if labels is not None:
            behind = (found.classes < labels[:, np.newaxis]).astype(np.int64)
        margins = found.label[:, np.newaxis] - found.logits - behind
        fails = self._gate.evaluate(party, randomness, comparison, margins)
        total = party.open(randomness.mask((images,)), fails.sum(axis=1), self._sum_bits)
        width = self.classes if self.per_class else 1
        table = randomness.share((images, 1 << self._sum_bits, width), COUNT_BITS)
        bits = table[np.arange(images), total]
        if not self.per_class:
            total_bits: IntArray = bits.sum(axis=0)
            return total_bits
        counts = np.zeros(self.classes, dtype=np.int64)
        np.add.at(counts, found.classes, bits)
        return counts
