# SPDX-License-Identifier: Apache-2.0
"""Accuracy counts: how many images of the verification set a program gets right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import IntArray, wrap
from medquorum.core.inference.program import Images, Program
from medquorum.errors import DataError

__all__ = ["AccuracyCounts", "correct", "count_correct"]


class AccuracyCounts(NamedTuple):
    """Counts over a verification set."""

    correct: int
    per_class_correct: tuple[int, ...]
    per_class_total: tuple[int, ...]

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(self.per_class_total)


def correct(logits: IntArray, labels: npt.NDArray[np.integer], bits: int) -> npt.NDArray[np.bool_]:
    """Return for each image whether its label's logit wins: [z_y > z_j] for j < y and [z_y >= z_j] for j > y.

    z_a >= z_b is decided by the sign of z_a - z_b reduced to ``bits``, which is the order of integers unless that
    difference wraps. Logits are (n, classes), labels (n,) below classes, the result is (n,).
    """
    own = np.take_along_axis(logits, labels.astype(np.int64)[:, np.newaxis], axis=1)
    before = np.arange(logits.shape[1]) < labels[:, np.newaxis]
    loses = np.where(before, wrap(logits - own, bits) >= 0, wrap(own - logits, bits) < 0)
    result: npt.NDArray[np.bool_] = np.logical_not(loses.any(axis=1))
    return result


def count_correct(program: Program, images: Images, labels: npt.NDArray[np.integer]) -> AccuracyCounts:
    """Count the images a program gets right, in all and per class.

    Parameters
    ----------
    images
        Array of uint8 (n, h, w) or (n, h, w, c).
    labels
        Array of an integer type (n,).

    Raises
    ------
    ModelError
        The images do not fit the model.
    DataError
        The labels do not fit the images or the model's classes.
    """
    classes = program.steps[-1].shape[0]
    if labels.shape != images.shape[:1] or (labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < classes):
        raise DataError(
            f"{labels.size} labels do not fit {images.shape[0]} images of {classes} classes",
            "Give one label below the number of classes for each image",
        )
    right = correct(program.logits(images), labels, program.bits)
    per_class = np.bincount(labels[right], minlength=classes).tolist()
    return AccuracyCounts(int(right.sum()), tuple(per_class), tuple(np.bincount(labels, minlength=classes).tolist()))
