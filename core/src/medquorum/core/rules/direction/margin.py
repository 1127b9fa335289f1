# SPDX-License-Identifier: Apache-2.0
"""How far a model is from telling the classes of the verification set apart: a hinge with a cap, in integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray, wrap
from medquorum.core.inference.image_set import ImageSet
from medquorum.core.inference.program import Images, Program
from medquorum.core.rules.documents import Direction

__all__ = ["class_worth", "image_losses", "largest_image_loss", "losses_fit", "margin_loss"]

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
    wanted = (rule.margin << FRACTION_BITS) // 1000
    own = np.take_along_axis(logits, labels.astype(np.int64)[:, np.newaxis], axis=1)
    lacking = np.maximum(np.int64(wanted) - wrap(own - logits, bits), 0)
    total = lacking.sum(axis=1) - wanted  # the label beside itself lacks the whole margin
    result: npt.NDArray[np.int64] = np.minimum(total, largest_image_loss(rule, logits.shape[1]))
    return result


def margin_loss(rule: Direction, program: Program, images: Images | ImageSet, labels: npt.NDArray[np.integer]) -> int:
    """Return Σ_y v_y · (sum of the losses of class y), v_y = floor(2^23 / n_y): every class counts alike."""
    losses = image_losses(rule, program.logits(images), labels, program.bits)
    return int((class_worth(labels) * losses).sum())


def class_worth(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return what each image (n,) counts: v_y = floor(2^23 / n_y) of its class."""
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    result: npt.NDArray[np.int64] = (_BALANCE // counts)[place]
    return result


def largest_image_loss(rule: Direction, classes: int) -> int:
    """Return C, which no image's loss exceeds."""
    return (rule.cap * (classes - 1) << FRACTION_BITS) // 1000


def losses_fit(rule: Direction, classes: int) -> bool:
    """Return whether hidden losses can be compared modulo 2^64: two thousand of the largest are below 2^63."""
    return 2000 * _BALANCE * classes * largest_image_loss(rule, classes) < 1 << 63
