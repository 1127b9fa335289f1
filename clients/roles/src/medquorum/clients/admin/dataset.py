# SPDX-License-Identifier: Apache-2.0
"""The verification set as verifiers mount it, and its commitment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medquorum.clients.data.images import Images, read_shard
from medquorum.core.dataset import VerificationSet
from medquorum.errors import DataError

__all__ = ["describe", "open_set", "verification_set"]


def open_set(path: Path, classes: int | None) -> VerificationSet:
    """Read a mounted set (``.safetensors``), or make one with a fresh salt from labelled images (``.npz``).

    Raises
    ------
    DataError
        The file cannot be read, or has more classes or labels than a set may have.
    """
    return VerificationSet.read(path) if path.suffix == ".safetensors" else verification_set(read_shard(path), classes)


def verification_set(images: Images, classes: int | None = None) -> VerificationSet:
    """Make a verification set of images, under a fresh salt."""
    count = images.classes if classes is None else classes
    if count > 256:
        raise DataError(f"{count} classes are more than 256")
    pixels = np.moveaxis(images.pixels, 1, 3)
    if pixels.shape[3] == 1:
        pixels = pixels[..., 0]
    labels = images.labels.astype(np.uint8)
    return VerificationSet(np.ascontiguousarray(pixels), labels, max(2, count), VerificationSet.new_salt())


def describe(verification: VerificationSet) -> dict[str, Any]:
    """Return what a task needs to know of a set; nothing of its images."""
    shape = verification.images.shape
    return {
        "commitment": verification.commitment(),
        "images": len(verification.images),
        "image": [shape[3] if len(shape) == 4 else 1, shape[1], shape[2]],
        "classes": verification.classes,
    }
