# SPDX-License-Identifier: Apache-2.0
"""VerifyUpdate's model p = λ·w + (1-λ)·r in integers, batch normalisation folded into the layer before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, MAX_LAMBDA_BITS, IntArray, truncate
from medquorum.core.model.description import BatchNorm, Conv, Dense
from medquorum.errors import ModelError

__all__ = ["Affine", "Mixture"]

Part = tuple[slice, ...]


class Affine(NamedTuple):
    """Integer weights with f + k fraction bits and biases with 2·f + k."""

    weights: IntArray
    bias: IntArray


class Mixture:
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
        self._base = base
        self._update = base if update is None else update
        self._factors = (0, 1) if update is None else (lambda_numerator, (1 << lambda_bits) - lambda_numerator)

    def affine(self, layer: Conv | Dense, norm: BatchNorm | None, live: Part = ()) -> Affine:
        """Return a layer's weights (those of ``live`` taps) and biases, a following batch normalisation folded in.

        g = T(gamma·s), W' = T_f(g·W), b' = g·(b - mean) + beta; T drops f + k bits. g has f, W' f + k, b' 2·f + k bits.
        """
        weights = self._mixed(f"{layer.name}.weight", (slice(None), slice(None), *live))
        bias = np.zeros(layer.outputs, dtype=np.int64)
        if layer.op == "dense" or layer.bias:
            bias = self._mixed(f"{layer.name}.bias")
        if norm is None:
            return Affine(weights, bias << FRACTION_BITS)
        scale, mean = (self._update[f"{norm.name}.{part}"].astype(np.int64) for part in ("scale", "mean"))
        gain = truncate(self._mixed(f"{norm.name}.weight") * scale, FRACTION_BITS + self.bits)
        folded = truncate(weights * gain.reshape(-1, *[1] * (weights.ndim - 1)), FRACTION_BITS)
        shifted = gain * (bias - (mean << self.bits)) + (self._mixed(f"{norm.name}.bias") << FRACTION_BITS)
        return Affine(folded, shifted)

    def _mixed(self, name: str, part: Part = ()) -> IntArray:
        own, other = self._factors
        result = self._update[name][part].astype(np.int64) * np.int64(other)
        if own:
            result += self._base[name][part].astype(np.int64) * np.int64(own)
        return result
