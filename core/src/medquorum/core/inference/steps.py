# SPDX-License-Identifier: Apache-2.0
"""Steps of a program: each takes and gives activations (n, h, w, c), integers held exactly in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import FloatArray, IntArray, wrap
from medquorum.core.inference import pooling
from medquorum.core.inference.linear import Convolution
from medquorum.core.inference.matmul import EXACT
from medquorum.core.model.shapes import Shape

__all__ = ["Average", "Linear", "Maximum", "Rectify", "Reshape", "Step"]


@dataclass(frozen=True)
class Step:
    """What all steps share.

    Attributes
    ----------
    name
        Unique in the program.
    shape
        One image's output shape as the description counts it: (c, h, w) or (features,).
    opens
        The step's input is also the shortcut's input of the residual that starts here.
    """

    name: str
    shape: Shape
    opens: bool

    def apply(self, values: FloatArray, entry: FloatArray) -> FloatArray:
        """Return the step's output; ``entry`` is the input of the residual around it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Linear(Step):
    """Convolution or dense layer, bias, shortcut, then the one truncation.

    Attributes
    ----------
    bias
        Array of int64 (outputs,).
        With 2·f + k fraction bits; the truncation's 2^(f+k-1) and a shortcut convolution's bias are already in it.
    adds
        True for the last convolution of a residual: it adds the residual's input, through ``shortcut`` if there is one.
    shift, bits
        f + k and the activations' width w.
    """

    main: Convolution
    bias: IntArray
    adds: bool
    shortcut: Convolution | None
    shift: int
    bits: int

    def apply(self, values: FloatArray, entry: FloatArray) -> FloatArray:
        """Return floor((Σ x·w + bias) / 2^shift) modulo 2^64, reduced to ``bits``."""
        main = _for_channels(self.main, values)
        side = None if self.shortcut is None else _for_channels(self.shortcut, entry)
        bound = _largest(values) * main.bound + float(np.abs(self.bias.astype(np.float64)).max())
        if self.adds:
            bound += _largest(entry) * (2.0**self.shift if side is None else side.bound)
        if bound >= EXACT:
            return self._wrapping(main, side, values, entry)
        total = main.scaled(values)
        total += self.bias * 2.0**-self.shift
        if self.adds:
            total += entry if side is None else side.scaled(entry)
        np.floor(total, out=total)
        return total if bound < 2.0 ** (self.shift + self.bits - 1) else pooling.reduce(total, self.bits)

    def _wrapping(
        self, main: Convolution, side: Convolution | None, values: FloatArray, entry: FloatArray
    ) -> FloatArray:
        total = main.wrapping(values) + self.bias
        if side is not None:
            total += side.wrapping(entry)
        elif self.adds:
            total += entry.astype(np.int64) << np.int64(self.shift)
        return wrap(total >> np.int64(self.shift), self.bits).astype(np.float64)


@dataclass(frozen=True)
class Rectify(Step):
    """ReLU."""

    def apply(self, values: FloatArray, entry: FloatArray) -> FloatArray:
        """Return x where it is not negative, else 0."""
        return np.maximum(values, 0.0)


@dataclass(frozen=True)
class Reshape(Step):
    """Flatten: nothing happens to the values, only :attr:`shape` changes."""

    def apply(self, values: FloatArray, entry: FloatArray) -> FloatArray:
        """Return the values as they are."""
        return values


@dataclass(frozen=True)
class Maximum(Step):
    """Maximum pooling."""

    kernel: int
    stride: int
    padding: int
    bits: int

    def apply(self, values: FloatArray, entry: FloatArray) -> FloatArray:
        """Return each window's maximum."""
        return pooling.maximum(values, self.kernel, self.stride, self.padding, self.bits)


@dataclass(frozen=True)
class Average(Step):
    """Average pooling."""

    kernel: tuple[int, int]
    stride: int
    bits: int

    def apply(self, values: FloatArray, entry: FloatArray) -> FloatArray:
        """Return each window's mean."""
        return pooling.average(values, self.kernel, self.stride, self.bits)


def _largest(values: FloatArray) -> float:
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)), 1.0)


def _for_channels(convolution: Convolution, values: FloatArray) -> Convolution:
    return convolution if values.shape[3] == convolution.inputs else convolution.grayscale
