# SPDX-License-Identifier: Apache-2.0
"""How far a hidden model is from telling the classes apart: the rule's loss, to the last bit, as a share.

1. Turn the logits so that the label's is known under shares (``gates/verdict/label.py``); its difference with each
   logit, with its sign (Rescale, SIGNED).
2. What a difference lacks of M (Rescale, RELU). The label beside itself lacks M: subtract that from their sum.
3. min(C, sum) = C - max(0, C - sum) (Rescale, RELU).
4. P0 knows what the image's class counts, v. Open V = v + m, with m known to P0, and L = loss + t. Then
   v·loss = v·L - V·t + m·t with dealt shares of t and of m·t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray
from medquorum.core.rules.direction.margin import largest_image_loss, losses_fit
from medquorum.core.rules.documents import Direction
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.verdict.label import deal_label, turned
from medquorum.verifier.opening.party import Party
from medquorum.verifier.randomness.material import GateDealer, GateRandomness

__all__ = ["Margin"]

_SUM_BITS = 48
"""Up to 2^8 classes lack less than 2^33 each."""


@dataclass(frozen=True)
class Margin:
    """The rule's loss of models with so many classes and signed bits of a logit.

    Raises
    ------
    ConfigError
        Two thousand losses could pass 2^63: choosing among them would not fit the ring.
    """

    rule: Direction
    classes: int
    width: int

    def __post_init__(self) -> None:
        """Check the room."""
        if not losses_fit(self.rule, self.classes):
            raise ConfigError(
                f"losses of {self.classes} classes are too large for direction under encryption",
                "Choose a smaller cap, or plain verification",
            )

    @property
    def _wanted(self) -> int:
        return (self.rule.margin << FRACTION_BITS) // 1000

    @property
    def _difference(self) -> Rescale:
        return Rescale(0, self.width, 64, Form.SIGNED)

    @property
    def _lacking(self) -> Rescale:
        return Rescale(0, self.width + 2, 64, Form.RELU)

    @property
    def _capped(self) -> Rescale:
        return Rescale(0, _SUM_BITS, 64, Form.RELU)

    def deal(self, dealer: GateDealer, comparison: Comparison, images: int) -> None:
        """Deal for this number of images."""
        shape = (images, self.classes)
        deal_label(dealer, images, self.classes, self.width)
        self._difference.deal(dealer, comparison, shape, None)
        self._lacking.deal(dealer, comparison, shape, None)
        self._capped.deal(dealer, comparison, (images,), None)
        own, mask = dealer.private_mask((images,), 0), dealer.mask_shares((images,)).total
        dealer.share(own * mask, 64)

    def evaluate(
        self,
        party: Party,
        randomness: GateRandomness,
        comparison: Comparison,
        logits: IntArray,
        labels: IntArray | None,
        worth: IntArray | None,
    ) -> IntArray:
        """Return the share (1,) modulo 2^64 of Σ v·loss over these images.

        Parameters
        ----------
        logits
            Array of int64 (n, classes).
            Shares modulo 2^width.
        labels, worth
            Arrays of int64 (n,) or None.
            P0's: the labels, and what each one's class counts, v; None at P1.
        """
        found = turned(party, randomness, logits, labels, self.width)
        apart = self._difference.evaluate(party, randomness, comparison, found.label[:, np.newaxis] - found.logits)
        first = party.index == 0
        lacking = self._lacking.evaluate(party, randomness, comparison, self._wanted - apart if first else -apart)
        total = lacking.sum(axis=1)
        cap = largest_image_loss(self.rule, self.classes)
        room = cap + self._wanted - total if first else -total
        saved = self._capped.evaluate(party, randomness, comparison, room)
        loss = cap - saved if first else -saved
        return self._weighted(party, randomness, loss, worth)

    def _weighted(self, party: Party, randomness: GateRandomness, loss: IntArray, worth: IntArray | None) -> IntArray:
        own, mask = randomness.private_mask(loss.shape, 0), randomness.mask(loss.shape)
        hidden = party.publish(0, own, np.zeros_like(loss) if worth is None else worth, 64)
        opened = party.open(mask, loss, 64)
        share = randomness.share(loss.shape, 64) - hidden * mask.share
        if worth is not None:
            share += worth * opened
        total: IntArray = share.sum(keepdims=True)
        return total
