# SPDX-License-Identifier: Apache-2.0
"""Models whose parameters were never rounded, in integers, batch normalisation folded into the layer before it.

VerifyUpdate's p = λ·w + (1-λ)·r, and weighted sums of updates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, MAX_LAMBDA_BITS, IntArray, truncate
from medquorum.errors import ModelError

__all__ = ["Affine", "Mixture", "Parameters", "Scaled"]

Part = tuple[slice, ...]


class AffineLayer(Protocol):
    """A convolution or dense layer of either format version."""

    @property
    def name(self) -> str:
        """Prefix of its tensors."""

    @property
    def outputs(self) -> int:
        """Output channels or features."""

    @property
    def bias(self) -> bool:
        """Whether it has one."""


class NormLayer(Protocol):
    """A batch normalisation of either format version."""

    @property
    def name(self) -> str:
        """Prefix of its tensors."""


class Affine(NamedTuple):
    """Integer weights with f + k fraction bits and biases with 2·f + k."""

    weights: IntArray
    bias: IntArray


class Parameters(ABC):
    """Parameters with 16 + ``bits`` fraction bits; batch normalisation's statistics have 16 + ``statistic_bits``."""

    bits: int
    statistic_bits: int

    @abstractmethod
    def mixed(self, name: str, part: Part = ()) -> IntArray:
        """Return a part of a tensor of weights, biases, gamma or beta."""

    @abstractmethod
    def statistic(self, name: str) -> IntArray:
        """Return a tensor of means or scales."""

    def affine(self, layer: AffineLayer, norm: NormLayer | None, live: Part = ()) -> Affine:
        """Return a layer's weights (those of ``live`` taps) and biases, a following batch normalisation folded in.

        g = T(gamma·s), W' = T_f(g·W), b' = g·(b - mean) + beta; T drops all fraction bits but f.
        g has f, W' f + k, b' 2·f + k bits.
        """
        weights = self.mixed(f"{layer.name}.weight", (slice(None), slice(None), *live))
        bias = np.zeros(layer.outputs, dtype=np.int64)
        if layer.bias:
            bias = self.mixed(f"{layer.name}.bias")
        if norm is None:
            return Affine(weights, bias << FRACTION_BITS)
        gain, offset = self._gain(norm, bias)
        return Affine(truncate(weights * gain.reshape(-1, *[1] * (weights.ndim - 1)), FRACTION_BITS), offset)

    def normalisation(self, norm: NormLayer) -> Affine:
        """Return a batch normalisation of its own as weights and biases of each channel: 2^k·g and g·(-mean) + beta."""
        gain, offset = self._gain(norm, np.int64(0))
        return Affine(gain << self.bits, offset)

    def _gain(self, norm: NormLayer, bias: IntArray | np.int64) -> tuple[IntArray, IntArray]:
        scale, mean = (self.statistic(f"{norm.name}.{part}") for part in ("scale", "mean"))
        gain = truncate(self.mixed(f"{norm.name}.weight") * scale, FRACTION_BITS + self.bits + self.statistic_bits)
        centre = mean << (self.bits - self.statistic_bits)
        return gain, gain * (bias - centre) + (self.mixed(f"{norm.name}.bias") << FRACTION_BITS)


class Scaled(Parameters):
    """Parameters that all have ``bits`` more fraction bits than a model's.

    Parameters
    ----------
    tensors
        Mapping of name to int64 array, with 16 + ``bits`` fraction bits.
    """

    def __init__(self, tensors: Mapping[str, IntArray], bits: int) -> None:
        self.bits = self.statistic_bits = bits
        self._tensors = tensors

    def mixed(self, name: str, part: Part = ()) -> IntArray:
        """Return a part of a tensor of weights, biases, gamma or beta."""
        return self._tensors[name][part]

    def statistic(self, name: str) -> IntArray:
        """Return a tensor of means or scales."""
        return self._tensors[name]


class Mixture(Parameters):
    """P = A·w + (2^k - A)·r, never rounded; without an update the model w itself (k = 0).

    Parameters
    ----------
    base, update
        Mapping of name to integer array.
        w and r with 16 fraction bits.
    lambda_numerator, lambda_bits
        λ = A / 2^k with 0 <= A <= 2^k and k <= 8.

    Raises
    ------
    ModelError
        λ is not of that form.
    """

    def __init__(
        self,
        base: Mapping[str, npt.NDArray[np.integer]],
        update: Mapping[str, npt.NDArray[np.integer]] | None,
        lambda_numerator: int,
        lambda_bits: int,
    ) -> None:
        if not 0 <= lambda_bits <= MAX_LAMBDA_BITS or not 0 <= lambda_numerator <= 1 << lambda_bits:
            raise ModelError(
                f"λ = {lambda_numerator}/2^{lambda_bits} is not a mixing weight",
                f"Use 0 <= A <= 2^k with k <= {MAX_LAMBDA_BITS}",
            )
        self.bits = 0 if update is None else lambda_bits
        self.statistic_bits = 0
        self._base = base
        self._update = base if update is None else update
        self._factors = (0, 1) if update is None else (lambda_numerator, (1 << lambda_bits) - lambda_numerator)

    def mixed(self, name: str, part: Part = ()) -> IntArray:
        """Return a part of A·w + (2^k - A)·r."""
        own, other = self._factors
        result = self._update[name][part].astype(np.int64) * np.int64(other)
        if own:
            result += self._base[name][part].astype(np.int64) * np.int64(own)
        return result

    def statistic(self, name: str) -> IntArray:
        """Return the update's own."""
        return self._update[name].astype(np.int64)
