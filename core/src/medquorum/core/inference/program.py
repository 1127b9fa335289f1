# SPDX-License-Identifier: Apache-2.0
"""Exact integer inference: a model compiled to steps, run on images (the meaning is docs/reference/evaluation.md's)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from medquorum.core.fixedpoint import FloatArray, IntArray
from medquorum.core.inference.entry import Entry, Images
from medquorum.core.inference.image_set import ImageSet
from medquorum.core.inference.pixel_layer import pixel_layer
from medquorum.core.inference.steps import Step
from medquorum.core.model.graph.description import Output

__all__ = ["Images", "Program"]

_BLOCK_VALUES = 1 << 20


class Program:
    """A compiled model.

    Parameters
    ----------
    entry
        How images become numbers.
    output
        What the last step's values say.
    bits
        Width w of an activation and a logit.
    """

    def __init__(self, steps: Sequence[Step], entry: Entry, output: Output, bits: int) -> None:
        self.steps = tuple(steps)
        self.output = output
        self.bits = bits
        self._entry = entry
        self._pixel_layer = pixel_layer(entry, self.steps)
        self._last_use = {source: index for index, step in enumerate(self.steps) for source in step.inputs}
        self._block = max(1, min(128, _BLOCK_VALUES // self._most_at_once()))

    def logits(self, images: Images | ImageSet) -> IntArray:
        """Return the last layer's values.

        Parameters
        ----------
        images
            Array (n, h, w) or (n, h, w, c) of the description's type, or a set of such, for many models.
            Grayscale images of a table are repeated to the model's channels.

        Returns
        -------
        ndarray of int64 (n, logits)
            With 16 fraction bits, reduced to ``bits``.

        Raises
        ------
        ModelError
            The images do not fit the model.
        """
        source = images if isinstance(images, ImageSet) else ImageSet(images, limit=0)
        checked = self._entry.checked(source.images)
        result = np.empty((len(checked), *self.steps[-1].shape), dtype=np.int64)
        for first in range(0, len(checked), self._block):
            block = slice(first, first + self._block)
            result[block] = self._last(source, first, checked[block])[:, 0, 0, :]
        return result

    def predict(self, images: Images) -> IntArray:
        """Return each image's class (n,): the largest logit, the lowest index among equals."""
        result: IntArray = self.logits(images).argmax(axis=1)
        return result

    def trace(self, images: Images) -> Iterator[tuple[str, IntArray]]:
        """Yield each step's name and value, int64 (n, *step.shape), channels first; all images at once."""
        for step, values in self._run(-1, self._entry.numbers(self._entry.checked(images))):
            yield step.name, values.transpose(0, 3, 1, 2).reshape(-1, *step.shape).astype(np.int64)

    def _last(self, source: ImageSet, first: int, images: Images) -> FloatArray:
        layer = self._pixel_layer
        if layer is not None and layer.takes(images):
            done, values = layer.index, layer.apply(source.block(layer, first, images))
        else:
            done, values = -1, self._entry.numbers(images)
        last = deque(self._run(done, values), maxlen=1)
        return last[0][1] if last else values

    def _run(self, done: int, values: FloatArray) -> Iterator[tuple[Step, FloatArray]]:
        """Go on from the output of step ``done``, the only one that is still needed; -1 is the images' numbers."""
        held = {done: values}
        for index, step in enumerate(self.steps[done + 1 :], done + 1):
            values = step.apply(*(held[source] for source in step.inputs))
            for source in set(step.inputs):
                if self._last_use[source] == index:
                    del held[source]
            held[index] = values
            yield step, values

    def _most_at_once(self) -> int:
        """Return the values of one image in the largest step, its inputs included where several are held."""
        sizes = {-1: prod(self._entry.shape)} | {index: prod(step.shape) for index, step in enumerate(self.steps)}
        largest = max(sizes.values())
        held = sizes[-1]
        most = held
        for index, step in enumerate(self.steps):
            held += sizes[index]
            most = max(most, held)
            held -= sum(sizes[source] for source in set(step.inputs) if self._last_use[source] == index)
        return max(largest, most // 4)
