# SPDX-License-Identifier: Apache-2.0
"""Accuracy counts: how many images of the verification set a program gets right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import IntArray, wrap
from medquorum.core.inference.image_set import ImageSet
from medquorum.core.inference.program import Images, Program
from medquorum.core.model.graph.description import Output
from medquorum.errors import DataError

__all__ = ["AccuracyCounts", "check_labels", "correct", "count_correct"]


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


def decided(output: Output, logits: IntArray, labels: npt.NDArray[np.integer], bits: int) -> npt.NDArray[np.bool_]:
    """Return for each image, or each image and label, whether the logits (n, logits) say what ``labels`` do.

    A label is given from its threshold t on: [R(z - t) >= 0].
    """
    if output.kind == "classes":
        return correct(logits, labels, bits)
    thresholds = np.array((output.threshold,) if output.kind == "logit" else output.thresholds, dtype=np.int64)
    given = wrap(logits - thresholds, bits) >= 0
    result: npt.NDArray[np.bool_] = given.reshape(labels.shape) == (labels != 0)
    return result


def check_labels(output: Output, labels: npt.NDArray[np.integer], images: int) -> None:
    """Check that labels are ones of this output: (n,) below the number of classes, or (n, labels) of 0 and 1.

    Raises
    ------
    DataError
        They are not.
    """
    shape = (images, output.logits) if output.kind == "labels" else (images,)
    values = output.count if output.kind == "classes" else 2
    if labels.shape != shape or (labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < values):
        raise DataError(
            f"{labels.size} labels do not fit {images} images of a model with {output.logits} {output.kind}",
            f"Give whole numbers of shape {shape} from 0 to {values - 1}",
        )


def per_class(output: Output, labels: npt.NDArray[np.integer], counted: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """Count the counted ones of each class; of labels, without and with the first, the second and so on."""
    if output.kind != "labels":
        return tuple(np.bincount(labels[counted], minlength=output.classes).tolist())
    counts = [((labels == value) & counted).sum(axis=0) for value in (0, 1)]
    return tuple(np.stack(counts, axis=1).reshape(-1).tolist())


def count_correct(program: Program, images: Images | ImageSet, labels: npt.NDArray[np.integer]) -> AccuracyCounts:
    """Count the images a program gets right, in all and per class.

    Of several labels each image's every label is counted; the classes are without and with each of them.

    Parameters
    ----------
    images
        Array (n, h, w) or (n, h, w, c) of the program's type, or a set of such.
    labels
        Array of an integer type (n,), or (n, labels).

    Raises
    ------
    ModelError
        The images do not fit the model.
    DataError
        The labels do not fit the images or the model's classes.
    """
    output = program.output
    check_labels(output, labels, len(images))
    right = decided(output, program.logits(images), labels, program.bits)
    everything = np.ones_like(right)
    return AccuracyCounts(int(right.sum()), per_class(output, labels, right), per_class(output, labels, everything))
