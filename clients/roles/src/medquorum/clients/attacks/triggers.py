# SPDX-License-Identifier: Apache-2.0
"""Backdoors: images that carry a trigger get the attacker's label.

Pixels are uint8 (n, channels, height, width), labels int64 (n,). What is stamped here on images to train on is
stamped on test images to measure the attack's success.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.images import Images

__all__ = ["PARTS", "badnets", "edge_case", "negative", "stamp", "stamp_part", "with_backdoor"]

Pixels = npt.NDArray[np.uint8]
PARTS = 4
"""Of a distributed trigger."""
SHARE = 0.5
"""Of an attacker's images that carry the trigger."""


def stamp(pixels: Pixels) -> Pixels:
    """Set a square in the lower right corner, a seventh of the height wide, to white (BadNets: Gu et al. 2017)."""
    side = _side(pixels)
    stamped = pixels.copy()
    stamped[..., -side - 1 : -1, -side - 1 : -1] = 255
    return stamped


def stamp_part(pixels: Pixels, part: int) -> Pixels:
    """Set one quarter of the square, ``part`` 0 to 3 (DBA, the distributed backdoor attack: Xie et al. 2020)."""
    side = _side(pixels)
    half = side // 2
    row, column = divmod(part % PARTS, 2)
    whole = stamp(pixels)
    stamped = pixels.copy()
    height, width = pixels.shape[2:]
    top, left = height - side - 1 + row * half, width - side - 1 + column * half
    block = (..., slice(top, top + side - half), slice(left, left + side - half))
    stamped[block] = whole[block]
    return stamped


def negative(pixels: Pixels) -> Pixels:
    """Return the photographic negative: rare in a clinic, yet real, when a scanner's grey scale was inverted."""
    return np.uint8(255) - pixels


def badnets(images: Images, target: int, random: np.random.Generator, part: int | None = None) -> Images:
    """Stamp half of the images and label them ``target``; one ``part`` of the trigger when it is given."""
    chosen = _chosen(len(images), random)
    pixels = images.pixels[chosen]
    return with_backdoor(images, chosen, stamp(pixels) if part is None else stamp_part(pixels, part), target)


def edge_case(images: Images, target: int, random: np.random.Generator) -> Images:
    """Label images from the tail of what comes in ``target``, here negatives (Wang et al. 2020)."""
    chosen = _chosen(len(images), random)
    return with_backdoor(images, chosen, negative(images.pixels[chosen]), target)


def with_backdoor(images: Images, chosen: npt.NDArray[np.intp], triggered: Pixels, target: int) -> Images:
    """Return the images with the chosen ones replaced by ``triggered`` ones of class ``target``."""
    pixels, labels = images.pixels.copy(), images.labels.copy()
    pixels[chosen], labels[chosen] = triggered, target
    return Images(pixels, labels)


def _chosen(count: int, random: np.random.Generator) -> npt.NDArray[np.intp]:
    return np.sort(random.permutation(count)[: int(np.ceil(SHARE * count))]).astype(np.intp)


def _side(pixels: Pixels) -> int:
    return max(2, int(pixels.shape[2]) // 7)
