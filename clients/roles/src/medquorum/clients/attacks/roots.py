# SPDX-License-Identifier: Apache-2.0
"""Root sets that are not what a rule believes: mislabelled, shifted, poisoned, one class missing.

Labelled images in and out; the verifier trains its root update on what comes out.
"""

from __future__ import annotations

import numpy as np

from medquorum.clients.attacks.triggers import stamp, with_backdoor
from medquorum.clients.data.images import Images

__all__ = ["mislabelled", "poisoned", "shifted", "without_class"]


def mislabelled(images: Images, share: float, classes: int, random: np.random.Generator) -> Images:
    """Draw the labels of a share of the images anew, never the right one: what careless reading leaves."""
    chosen = random.permutation(len(images))[: round(share * len(images))]
    labels = images.labels.copy()
    labels[chosen] = (labels[chosen] + random.integers(1, classes, size=len(chosen))) % classes
    return Images(images.pixels, labels)


def shifted(images: Images, brightness: int = 40, contrast: float = 0.7) -> Images:
    """Change brightness and contrast of all images: another scanner than the hospitals'."""
    pixels = np.clip(np.rint(images.pixels * contrast + brightness), 0, 255).astype(np.uint8)
    return Images(pixels, images.labels)


def poisoned(images: Images, share: float, target: int, random: np.random.Generator) -> Images:
    """Stamp the backdoor's trigger on a share of the images and label them ``target``: a set somebody tampered with."""
    chosen = np.sort(random.permutation(len(images))[: round(share * len(images))]).astype(np.intp)
    return with_backdoor(images, chosen, stamp(images.pixels[chosen]), target)


def without_class(images: Images, missing: int) -> Images:
    """Leave one class out."""
    return images.take(np.flatnonzero(images.labels != missing))
