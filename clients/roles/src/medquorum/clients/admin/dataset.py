# SPDX-License-Identifier: Apache-2.0
"""The verification set as verifiers mount it, and its commitment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medquorum.clients.data.balance import balanced
from medquorum.clients.data.images import THREE_CHANNELS, Images, read_shard
from medquorum.core.dataset import VerificationSet
from medquorum.errors import ConfigError, DataError

__all__ = ["describe", "open_set", "verification_set", "warnings"]

MOST_CLASSES = 256
UNEVEN = 3
"""How many times the smallest class' images the largest may have before that is told."""


def open_set(
    path: Path, classes: int | None, *, balance: bool = False, max_bytes: int | None = None
) -> VerificationSet:
    """Read a mounted set (``.safetensors``), or make one with a fresh salt from labelled images (``.npz``).

    Parameters
    ----------
    balance
        Keep as many images of each class as the rarest one has.
    max_bytes
        The most an npz file may hold, unpacked.

    Raises
    ------
    DataError
        The file cannot be read, or has more classes or labels than a set may have.
    ConfigError
        Images without the number of classes: those that happen to be there need not be all. A mounted set to balance.
    """
    if path.suffix == ".safetensors":
        if balance:
            raise ConfigError(f"{path} is committed to as it is", "Balance the images it was made of, an npz file")
        return VerificationSet.read(path)
    images = read_shard(path, max_bytes)
    if classes is None:
        raise ConfigError(
            f"the number of classes is not given; the labels of {path} go to {images.labels.max()}",
            "Say with --classes how many the model tells apart, also those without an image here",
        )
    return verification_set(balanced(images, np.random.default_rng()) if balance else images, classes)


def verification_set(images: Images, classes: int | None = None) -> VerificationSet:
    """Make a verification set of images, under a fresh salt.

    Of several labels for each image the classes are the labels.
    """
    several = images.labels.ndim == 2
    count = images.classes if classes is None else classes
    if count > 256:
        raise DataError(
            f"{count} classes are more than {MOST_CLASSES}", "Number the classes from 0 without gaps, or join rare ones"
        )
    if several and images.classes != count:
        raise DataError(
            f"the images have {images.classes} labels each, not {count}", "Give the number of labels with --classes"
        )
    if images.classes > count:
        raise DataError(
            f"label {images.classes - 1} does not belong to {count} classes",
            "Number the classes from 0 to --classes - 1",
        )
    if not several and len(np.unique(images.labels)) == 1:
        raise DataError(
            f"all verification images have the label {images.labels[0]}",
            "Give images of each class: an update that always says this one would be right",
        )
    pixels = np.moveaxis(images.pixels, 1, 3)
    if pixels.shape[3] == 1:
        pixels = pixels[..., 0]
    labels = images.labels.astype(np.uint8)
    return VerificationSet(np.ascontiguousarray(pixels), labels, max(2, count), VerificationSet.new_salt())


def warnings(verification: VerificationSet) -> list[str]:
    """Return what is to be told of a set before a task names it: missing and uneven classes, three channels."""
    if verification.labels.ndim == 2:
        return _label_warnings(verification)
    missing = [str(label) for label, count in enumerate(_counts(verification)) if not count]
    messages = []
    if missing:
        messages.append(f"no image of class {', '.join(missing)}: no verdict will notice what an update does to it")
    counts = [count for count in _counts(verification) if count]
    if max(counts) > UNEVEN * min(counts):
        messages.append(
            f"the largest class has {max(counts)} images, the smallest {min(counts)}: a rule that counts correct "
            "images rewards whoever says the largest; --balance keeps as many of each"
        )
    if verification.images.ndim == 4 and verification.images.dtype == np.uint8:
        messages.append(THREE_CHANNELS)
    return messages


def describe(verification: VerificationSet) -> dict[str, Any]:
    """Return what a task needs to know of a set; nothing of its images."""
    shape = verification.images.shape
    return {
        "commitment": verification.commitment(),
        "images": len(verification.images),
        "image": [shape[3] if len(shape) == 4 else 1, shape[1], shape[2]],
        "classes": verification.classes,
        "images_of_class": _counts(verification),
    } | ({} if verification.images.dtype == np.uint8 else {"type": str(verification.images.dtype)})


def _label_warnings(verification: VerificationSet) -> list[str]:
    counts = _counts(verification)
    alike = [str(label) for label, count in enumerate(counts) if count in (0, len(verification.labels))]
    if not alike:
        return []
    return [f"label {', '.join(alike)} is the same for all images: no verdict will notice what an update does to it"]


def _counts(verification: VerificationSet) -> list[int]:
    """Count the images of each class, or with each label."""
    if verification.labels.ndim == 2:
        return [int(count) for count in verification.labels.sum(axis=0)]
    return [int(count) for count in np.bincount(verification.labels, minlength=verification.classes)]
