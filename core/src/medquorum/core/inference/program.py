# SPDX-License-Identifier: Apache-2.0
"""Exact integer inference: a model compiled to steps, run on images (the meaning is docs/reference/evaluation.md's)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FloatArray, IntArray
from medquorum.core.inference.steps import Step
from medquorum.errors import ModelError

__all__ = ["Images", "Program"]

Images = npt.NDArray[np.uint8]
_BLOCK_VALUES = 1 << 20


class Program:
    """A compiled model.

    Parameters
    ----------
    image
        The description's input: channels, height, width.
    pixels
        Sequence of 256 int.
    bits
        Width w of an activation and a logit.
    """

    def __init__(self, steps: Sequence[Step], image: tuple[int, int, int], pixels: Sequence[int], bits: int) -> None:
        self.steps = tuple(steps)
        self.bits = bits
        self._image = image
        self._pixels = np.array(pixels, dtype=np.float64)
        largest = max(prod(image), *(prod(step.shape) for step in self.steps))
        self._block = max(1, min(128, _BLOCK_VALUES // largest))

    def logits(self, images: Images) -> IntArray:
        """Return the last layer's values.

        Parameters
        ----------
        images
            Array of uint8 (n, h, w) or (n, h, w, c).
            Grayscale images are repeated to the model's channels.

        Returns
        -------
        ndarray of int64 (n, classes)
            With 16 fraction bits, reduced to ``bits``.

        Raises
        ------
        ModelError
            The images do not fit the model.
        """
        images = self._checked(images)
        result = np.empty((images.shape[0], *self.steps[-1].shape), dtype=np.int64)
        for first in range(0, images.shape[0], self._block):
            last = deque(self._run(images[first : first + self._block]), maxlen=1)
            result[first : first + self._block] = last[0][1][:, 0, 0, :]
        return result

    def predict(self, images: Images) -> IntArray:
        """Return each image's class (n,): the largest logit, the lowest index among equals."""
        result: IntArray = self.logits(images).argmax(axis=1)
        return result

    def trace(self, images: Images) -> Iterator[tuple[str, IntArray]]:
        """Yield each step's name and value, int64 (n, *step.shape), channels first; all images at once."""
        for step, values in self._run(self._checked(images)):
            yield step.name, values.transpose(0, 3, 1, 2).reshape(-1, *step.shape).astype(np.int64)

    def _run(self, images: Images) -> Iterator[tuple[Step, FloatArray]]:
        values: FloatArray = np.empty(images.shape)
        np.take(self._pixels, images.astype(np.intp), out=values, mode="clip")
        entry = values
        for step in self.steps:
            if step.opens:
                entry = values
            values = step.apply(values, entry)
            yield step, values

    def _checked(self, images: Images) -> Images:
        channels, height, width = self._image
        if images.ndim == 3:
            images = images[..., np.newaxis]
        fits = images.ndim == 4 and images.shape[1:3] == (height, width) and images.shape[3] in (1, channels)
        if images.dtype != np.uint8 or not fits:
            raise ModelError(
                f"images of shape {images.shape} and type {images.dtype} do not fit a model for {self._image}",
                "Give uint8 images (n, height, width) or (n, height, width, channels)",
            )
        return images
