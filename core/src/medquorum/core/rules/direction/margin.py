# SPDX-License-Identifier: Apache-2.0
"""How far a model is from telling the classes of the verification set apart: a hinge with a cap, in integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray, wrap
from medquorum.core.inference.program import Images, Program
from medquorum.core.rules.documents import Direction

__all__ = ["image_losses", "margin_loss"]

_BALANCE = 1 << 23
"""Weight of a class, shared by its images: 2^8 classes of losses below 2^32 stay below 2^63."""


def image_losses(
    rule: Direction, logits: IntArray, labels: npt.NDArray[np.integer], bits: int
) -> npt.NDArray[np.int64]:
    """Return each image's min(C, Σ_j max(0, M - R(z_y - z_j))) over the other classes j, with 16 fraction bits.

    M is ``margin``, C is ``cap`` for each other class, both in thousandths and rounded down.

    Parameters
    ----------
    logits
        Array of int64 (n, classes).
    labels
        Array of an integer type (n,).
    bits
        Width of the logits; a difference is reduced to it.
    """
    others = logits.shape[1] - 1
    wanted = (rule.margin << FRACTION_BITS) // 1000
    own = np.take_along_axis(logits, labels.astype(np.int64)[:, np.newaxis], axis=1)
    lacking = np.maximum(np.int64(wanted) - wrap(own - logits, bits), 0)
    total = lacking.sum(axis=1) - wanted  # the label beside itself lacks the whole margin
    result: npt.NDArray[np.int64] = np.minimum(total, (rule.cap * others << FRACTION_BITS) // 1000)
    return result


def margin_loss(rule: Direction, program: Program, images: Images, labels: npt.NDArray[np.integer]) -> int:
    """Return Σ_y v_y · (sum of the losses of class y), v_y = floor(2^23 / n_y): every class counts alike."""
    losses = image_losses(rule, program.logits(images), labels, program.bits)
    total = 0
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        total += (_BALANCE // int(count)) * int(losses[labels == label].sum())
    return total
