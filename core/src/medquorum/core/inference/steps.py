# SPDX-License-Identifier: Apache-2.0
"""Steps of a program: each takes and gives activations (n, h, w, c), integers held exactly in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, FloatArray, IntArray, wrap
from medquorum.core.inference import pooling
from medquorum.core.inference.grouped import Depthwise, Grouped
from medquorum.core.inference.linear import Convolution, Pair
from medquorum.core.inference.matmul import EXACT
from medquorum.core.model.shapes import Shape

__all__ = [
    "AdaptiveAverage",
    "Average",
    "Flatten",
    "Join",
    "Leak",
    "Linear",
    "Maximum",
    "Rectify",
    "Reshape",
    "Step",
]


Kernel: TypeAlias = Convolution | Grouped | Depthwise


@dataclass(frozen=True)
class Step:
    """What all steps share.

    Attributes
    ----------
    name
        Unique in the program.
    shape
        One image's output shape as the description counts it: (c, h, w) or (features,).
    inputs
        Indices of the steps whose outputs it takes; -1 is the program's input.
    """

    name: str
    shape: Shape
    inputs: tuple[int, ...]

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return the step's output of its inputs."""
        raise NotImplementedError


@dataclass(frozen=True)
class Linear(Step):
    """Convolutions or a dense layer, bias, values added, then the one truncation.

    Attributes
    ----------
    kernels
        One for each of the first inputs; all further inputs are added as they are.
    bias
        Array of int64 (outputs,), or a single one.
        With 2·f + k fraction bits; the truncation's 2^(f+k-1) and all biases are already in it.
    shift, bits
        f + k and the activations' width w.
    """

    kernels: tuple[Kernel, ...]
    bias: IntArray
    shift: int
    bits: int

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return floor((Σ x·w + bias + Σ x·2^shift) / 2^shift) modulo 2^64, reduced to ``bits``."""
        split = len(self.kernels)
        terms = [(_for_channels(kernel, x), x) for kernel, x in zip(self.kernels, values[:split], strict=True)]
        added = values[split:]
        bound = sum(_largest(x) * kernel.bound for kernel, x in terms)
        bound += float(np.abs(self.bias.astype(np.float64)).max()) + sum(_largest(x) for x in added) * 2.0**self.shift
        if bound >= EXACT:
            return self._wrapping(terms, added)
        parts = [*(kernel.scaled(x) for kernel, x in terms), *added]
        total = parts[0] if terms else parts[0].copy()
        total += self.bias * 2.0**-self.shift
        for part in parts[1:]:
            total += part
        return self.truncated(total, bound)

    def truncated(self, total: FloatArray, bound: float) -> FloatArray:
        """Drop the fraction of sums / 2^shift in place and reduce them to ``bits``; no sum is beyond ``bound``."""
        np.floor(total, out=total)
        return total if bound < 2.0 ** (self.shift + self.bits - 1) else pooling.reduce(total, self.bits)

    def _wrapping(self, terms: Sequence[tuple[Kernel, FloatArray]], added: Sequence[FloatArray]) -> FloatArray:
        total = self.bias
        for kernel, x in terms:
            total = total + kernel.wrapping(x)
        for x in added:
            total = total + (x.astype(np.int64) << np.int64(self.shift))
        return wrap(total >> np.int64(self.shift), self.bits).astype(np.float64)


@dataclass(frozen=True)
class Rectify(Step):
    """ReLU, or ReLU6 with its bound."""

    highest: float | None = None

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return x where it is not negative, else 0; at most ``highest``."""
        return np.maximum(values[0], 0.0) if self.highest is None else np.clip(values[0], 0.0, self.highest)


@dataclass(frozen=True)
class Leak(Step):
    """LeakyReLU with a slope of 16 fraction bits."""

    slope: int

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return x where it is not negative, else T_f(slope · x)."""
        scaled = np.floor(values[0] * (self.slope * 2.0**-FRACTION_BITS) + 0.5)
        return np.where(values[0] >= 0, values[0], scaled)


@dataclass(frozen=True)
class Reshape(Step):
    """Flatten of a chain: nothing happens to the values, only :attr:`shape` changes."""

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return the values as they are."""
        return values[0]


@dataclass(frozen=True)
class Flatten(Step):
    """Flatten of a graph: every value becomes a channel, in the order channel, row, column."""

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return (n, 1, 1, c·h·w) values."""
        return values[0].transpose(0, 3, 1, 2).reshape(len(values[0]), 1, 1, -1)


@dataclass(frozen=True)
class Join(Step):
    """Concatenation of channels."""

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return the inputs' channels one after the other."""
        return np.concatenate(values, axis=3)


@dataclass(frozen=True)
class Maximum(Step):
    """Maximum pooling."""

    kernel: Pair
    stride: Pair
    padding: Pair
    bits: int
    ceil: bool = False

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return each window's maximum."""
        return pooling.maximum(values[0], self.kernel, self.stride, self.padding, self.bits, ceil=self.ceil)


@dataclass(frozen=True)
class Average(Step):
    """Average pooling."""

    kernel: Pair
    stride: Pair
    padding: Pair
    bits: int
    ceil: bool = False

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return each window's mean."""
        return pooling.average(values[0], self.kernel, self.stride, self.padding, self.bits, ceil=self.ceil)


@dataclass(frozen=True)
class AdaptiveAverage(Step):
    """Average pooling to so many windows."""

    size: Pair
    bits: int

    def apply(self, *values: FloatArray) -> FloatArray:
        """Return each window's mean."""
        return pooling.adaptive_average(values[0], self.size, self.bits)


def _largest(values: FloatArray) -> float:
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)), 1.0)


def _for_channels(kernel: Kernel, values: FloatArray) -> Kernel:
    if not isinstance(kernel, Convolution) or values.shape[3] == kernel.inputs:
        return kernel
    return kernel.grayscale
