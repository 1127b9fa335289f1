# SPDX-License-Identifier: Apache-2.0
"""Images that many models are evaluated on."""

from __future__ import annotations

from collections.abc import Hashable

from medquorum.core.inference.entry import Images
from medquorum.core.inference.pixel_layer import PixelBlock, PixelLayer

__all__ = ["ImageSet"]


class ImageSet:
    """Images, and what models' first dense layers make of them, kept for the next model. Safe between threads.

    Parameters
    ----------
    images
        Array (n, h, w) or (n, h, w, c) of a description's type.
    limit
        Bytes to keep; what is beyond them is made anew for each model.
    """

    def __init__(self, images: Images, limit: int = 64 << 20) -> None:
        self.images = images
        self._left = limit
        self._blocks: dict[Hashable, PixelBlock] = {}

    def __len__(self) -> int:
        return len(self.images)

    def block(self, layer: PixelLayer, first: int, images: Images) -> PixelBlock:
        """Return a block of checked images, counted from ``first`` on, as a layer takes them."""
        key = first, len(images), layer.form
        block = self._blocks.get(key)
        if block is None:
            block = layer.block(images)
            size = sum(array.nbytes for array in block if array is not None)
            if size <= self._left:
                self._left -= size
                self._blocks[key] = block
        return block
