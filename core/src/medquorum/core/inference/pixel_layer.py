# SPDX-License-Identifier: Apache-2.0
"""A dense layer right on images: pixels that all images of a block have in common are multiplied once for all.

Images of one kind share most of their background. The sums are of the same integers, and exact: the result is too.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FloatArray
from medquorum.core.inference.entry import Entry, Images, look_up
from medquorum.core.inference.linear import Convolution
from medquorum.core.inference.matmul import EXACT, ExactMatrix
from medquorum.core.inference.steps import Flatten, Linear, Reshape, Step

__all__ = ["PixelBlock", "PixelLayer", "pixel_layer"]

_WORTHWHILE = 0.85
"""Copying the other pixels' weights costs more than it saves where more than this share of the pixels differ."""


class PixelBlock(NamedTuple):
    """A block of images as a first layer takes them: the same for all models with one table.

    Attributes
    ----------
    different
        Which of the layer's inputs are not the same in all images, int64 (chosen,); None where nothing is left out.
    common
        The numbers all images have in common, float64 (1, inputs), 0 elsewhere.
    numbers
        The chosen numbers of each image, int32 (n, chosen) or (n, inputs).
    """

    different: npt.NDArray[np.intp] | None
    common: FloatArray
    numbers: npt.NDArray[np.int32]


class PixelLayer:
    """What leads from images to the output of a program's first dense layer.

    Parameters
    ----------
    index
        The layer's place among the program's steps.
    table
        The number of each pixel, float64 (256,).
    channels_first
        Whether the matrix has its inputs in the order channel, row, column, not row, column, channel.
    bound
        No sum is larger, nor any part of one.
    """

    def __init__(
        self, index: int, step: Linear, matrix: ExactMatrix, table: FloatArray, bound: float, *, channels_first: bool
    ) -> None:
        self.index = index
        self.form: Hashable = (table.tobytes(), channels_first)
        """What a block of images depends on beside the images."""
        self._step = step
        self._matrix = matrix
        self._table = table.astype(np.int32)
        self._bound = bound
        self._channels_first = channels_first

    def takes(self, images: Images) -> bool:
        """Tell whether images (n, h, w, c) have the layer's channels: one that is to be repeated has not."""
        return prod(images.shape[1:]) == self._matrix.inputs

    def block(self, images: Images) -> PixelBlock:
        """Return uint8 images (n, h, w, c), n >= 1, as the layer takes them."""
        ordered = images.transpose(0, 3, 1, 2) if self._channels_first else images
        pixels = ordered.reshape(len(images), -1)
        different = np.flatnonzero(np.bitwise_or.reduce(pixels ^ pixels[0], axis=0))
        if len(different) > _WORTHWHILE * self._matrix.inputs:
            return PixelBlock(None, np.zeros((1, self._matrix.inputs)), look_up(self._table, pixels))
        common = look_up(self._table, pixels[:1]).astype(np.float64)
        common[:, different] = 0.0
        return PixelBlock(different, common, look_up(self._table, pixels[:, different]))

    def apply(self, block: PixelBlock) -> FloatArray:
        """Return the layer's output (n, 1, 1, outputs) of a block."""
        numbers = block.numbers.astype(np.float64)
        bias = self._step.bias * 2.0**-self._step.shift
        if block.different is None:
            total = self._matrix.scaled(numbers)
        else:
            total = self._matrix.scaled_rows(block.different, numbers)
            bias = bias + self._matrix.scaled(block.common)
        total += bias
        return self._step.truncated(total, self._bound)[:, np.newaxis, np.newaxis, :]


def pixel_layer(entry: Entry, steps: Sequence[Step]) -> PixelLayer | None:
    """Return a program's first layer as one on pixels; None where it is another, or its sums may pass 53 bits."""
    if entry.table is None:
        return None
    channels_first = False
    for index, step in enumerate(steps):
        if step.inputs != (index - 1,) or any(index - 1 in later.inputs for later in steps[index + 1 :]):
            return None
        if isinstance(step, Linear):
            return _on_pixels(index, step, entry.table, channels_first=channels_first)
        if not isinstance(step, Reshape | Flatten):
            return None
        channels_first = channels_first or isinstance(step, Flatten)
    return None


def _on_pixels(index: int, step: Linear, table: FloatArray, *, channels_first: bool) -> PixelLayer | None:
    kernel = step.kernels[0]
    matrix = kernel.whole if isinstance(kernel, Convolution) else None
    if matrix is None or len(step.kernels) > 1:
        return None
    bound = float(np.abs(table).max()) * matrix.bound + float(np.abs(step.bias.astype(np.float64)).max())
    return PixelLayer(index, step, matrix, table, bound, channels_first=channels_first) if bound < EXACT else None
