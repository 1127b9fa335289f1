# SPDX-License-Identifier: Apache-2.0
"""How a verification set's images, or other inputs, become a model's numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, FloatArray, IntArray
from medquorum.core.model.description import ChainDescription, ModelDescription
from medquorum.core.model.graph.description import Fixed, Table
from medquorum.errors import ModelError, RangeError

__all__ = ["Entry", "Images", "entry_of", "look_up"]

Images: TypeAlias = npt.NDArray[Any]
"""(n, h, w) or (n, h, w, c) of uint8, int16 or int32."""
Number = TypeVar("Number", bound=np.number)
_BOUND = 1 << 21
_FRACTIONS = {"int16": 0, "int32": FRACTION_BITS}


class Entry(ABC):
    """The input of a model; ``shape`` is channels, height, width."""

    shape: tuple[int, int, int]
    type: str
    table: FloatArray | None = None
    """The number of each pixel 0..255, where that is what makes numbers of images."""

    def checked(self, images: Images) -> Images:
        """Return images as (n, h, w, c).

        Raises
        ------
        ModelError
            They do not fit the model.
        RangeError
            One would be a number beyond the model's.
        """
        _, height, width = self.shape
        if images.ndim == 3:
            images = images[..., np.newaxis]
        fits = images.ndim == 4 and images.shape[1:3] == (height, width) and self._takes(images.shape[3])
        if images.dtype != self.type or not fits:
            raise ModelError(
                f"images of shape {images.shape} and type {images.dtype} do not fit a model for {self.shape}",
                f"Give {self.type} images (n, height, width) or (n, height, width, channels)",
            )
        return images

    def _takes(self, channels: int) -> bool:
        return channels == self.shape[0]

    @abstractmethod
    def numbers(self, images: Images) -> FloatArray:
        """Return checked images as integers with 16 fraction bits."""


class _ChainTable(Entry):
    """Images of version 1: one channel stays one, the first layer knows that it is repeated."""

    type = "uint8"

    def __init__(self, shape: tuple[int, int, int], pixels: Sequence[int]) -> None:
        self.shape = shape
        self.table: FloatArray = np.array(pixels, dtype=np.float64)

    def _takes(self, channels: int) -> bool:
        return channels in (1, self.shape[0])

    def numbers(self, images: Images) -> FloatArray:
        """Look the pixels up."""
        return look_up(self.table, images)


class _GraphTable(_ChainTable):
    def numbers(self, images: Images) -> FloatArray:
        """Look the pixels up, one channel repeated to the model's."""
        values = super().numbers(images)
        return values if values.shape[3] == self.shape[0] else np.repeat(values, self.shape[0], axis=3)


class _Numbers(Entry):
    def __init__(self, source: Fixed) -> None:
        self.shape = source.shape
        self.type = source.type
        self._scale: IntArray = np.array(source.scale, dtype=np.int64)
        self._offset: IntArray = np.array(source.offset, dtype=np.int64)
        self._shift = FRACTION_BITS + _FRACTIONS[source.type]

    def checked(self, images: Images) -> Images:
        """Return images as (n, h, w, c), none of them beyond the model's numbers."""
        images = super().checked(images)
        # No product below wraps: a larger one is a number of 2^31 at least.
        most = ((1 << 62) - 1) // np.maximum(np.abs(self._scale), 1)
        if images.size and (np.abs(images.astype(np.int64)) > most).any():
            raise self._beyond()
        if images.size and (np.abs(self._values(images)) >= _BOUND).any():
            raise self._beyond()
        return images

    def numbers(self, images: Images) -> FloatArray:
        """Scale and shift every channel: T(x · scale) + offset."""
        return self._values(images).astype(np.float64)

    def _values(self, images: Images) -> IntArray:
        scaled = images.astype(np.int64) * self._scale
        values: IntArray = ((scaled + np.int64(1 << (self._shift - 1))) >> np.int64(self._shift)) + self._offset
        return values

    def _beyond(self) -> RangeError:
        return RangeError(
            f"an input is {_BOUND >> FRACTION_BITS} or more once it is scaled",
            "Standardise the inputs: give the scale and offset of each channel in the model description",
        )


def look_up(table: npt.NDArray[Number], pixels: Images) -> npt.NDArray[Number]:
    """Return the table's value of each pixel."""
    values: npt.NDArray[Number] = table.take(pixels, mode="clip")
    return values


def entry_of(description: ModelDescription) -> Entry:
    """Return a description's input."""
    if isinstance(description, ChainDescription):
        return _ChainTable(description.input, description.pixels)
    source = description.source
    return _GraphTable(source.shape, source.pixels) if isinstance(source, Table) else _Numbers(source)
