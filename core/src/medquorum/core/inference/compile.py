# SPDX-License-Identifier: Apache-2.0
"""Compile a description and its parameters to a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray, activation_bits
from medquorum.core.inference.linear import Convolution, Geometry
from medquorum.core.inference.mixing import Mixture
from medquorum.core.inference.program import Program
from medquorum.core.inference.steps import Average, Linear, Maximum, Rectify, Reshape, Step
from medquorum.core.model.description import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool,
    ModelDescription,
    Relu,
    Residual,
)
from medquorum.core.model.layout import check_tensors
from medquorum.core.model.ordering import following_norm, pools_first
from medquorum.core.model.shapes import Shape, output_shape

__all__ = ["compile_model"]

Simple: TypeAlias = Flatten | Relu | MaxPool | AvgPool | GlobalAvgPool


def compile_model(
    description: ModelDescription,
    base: Mapping[str, npt.NDArray[np.integer]],
    update: Mapping[str, npt.NDArray[np.integer]] | None = None,
    *,
    lambda_numerator: int = 0,
    lambda_bits: int = 0,
) -> Program:
    """Prepare exact inference with ``base``, or with p = λ·base + (1-λ)·update.

    Parameters
    ----------
    description : ModelDescription
    base, update : mapping of tensor name to integer array
        The layout's tensors, with 16 fraction bits.
    lambda_numerator, lambda_bits : int
        λ = A / 2^k; without effect when there is no update.

    Raises
    ------
    ModelError
        The tensors are not the layout's, or λ is not of that form.
    """
    for tensors in (base, update):
        if tensors is not None:
            check_tensors(description, tensors)
    mixture = Mixture(base, update, lambda_numerator, lambda_bits)
    compiler = _Compiler(mixture, description.input)
    compiler.path(description.layers, description.input)
    return Program(compiler.steps, description.input, description.pixels, compiler.bits)


class _Compiler:
    def __init__(self, mixture: Mixture, image: tuple[int, int, int]) -> None:
        self.steps: list[Step] = []
        self.bits = activation_bits(mixture.bits)
        self._shift = FRACTION_BITS + mixture.bits
        self._mixture = mixture
        self._held = image
        """(c, h, w) of the values as the steps hold them: flatten leaves it."""

    def path(self, layers: Sequence[Layer], shape: Shape, residual: Residual | None = None) -> Shape:
        """Add the steps of consecutive layers; the last convolution of a residual's body adds its shortcut."""
        items = pools_first(layers)
        entry = self._held
        for index, layer in enumerate(items):
            if layer.op == "residual":
                shape = self.path(layer.body, shape, layer)
            elif layer.op != "batchnorm":
                shape = output_shape(layer, shape)
                opens = residual is not None and index == 0
                if layer.op == "conv" or layer.op == "dense":
                    ends = residual if index >= len(items) - 1 - isinstance(items[-1], BatchNorm) else None
                    self._linear(layer, following_norm(items, index), shape, opens, ends, entry)
                else:
                    self.steps.append(self._simple(layer, shape, opens))
                if layer.op != "flatten":
                    channels, height, width = (*shape, 1, 1)[:3]
                    self._held = (channels, height, width)
        return shape

    def _linear(
        self,
        layer: Conv | Dense,
        norm: BatchNorm | None,
        shape: Shape,
        opens: bool,
        ends: Residual | None,
        entry: tuple[int, int, int],
    ) -> None:
        main, bias = self._convolution(layer, norm, self._held)
        shortcut: Convolution | None = None
        for side in (item for item in (ends.shortcut if ends else ()) if isinstance(item, Conv)):
            shortcut, more = self._convolution(side, following_norm(ends.shortcut if ends else (), 0), entry)
            bias = bias + more
        rounded = bias + np.int64(1 << (self._shift - 1))
        adds = ends is not None
        self.steps.append(Linear(layer.name, shape, opens, main, rounded, adds, shortcut, self._shift, self.bits))

    def _convolution(
        self, layer: Conv | Dense, norm: BatchNorm | None, held: tuple[int, int, int]
    ) -> tuple[Convolution, IntArray]:
        channels, height, width = held
        if layer.op == "dense":
            geometry = Geometry(height, width, (height, width), 1, 0)
            weights, bias = self._mixture.affine(layer, norm)
            weights = weights.reshape(layer.outputs, channels, height, width)
        else:
            geometry = Geometry(height, width, (layer.kernel, layer.kernel), layer.stride, layer.padding)
            weights, bias = self._mixture.affine(layer, norm, geometry.live)
        return Convolution(weights, geometry, self._shift), bias

    def _simple(self, layer: Simple, shape: Shape, opens: bool) -> Step:
        name = f"{layer.op}{len(self.steps)}"
        match layer.op:
            case "relu":
                return Rectify(name, shape, opens)
            case "flatten":
                return Reshape(name, shape, opens)
            case "maxpool":
                return Maximum(name, shape, opens, layer.kernel, layer.stride, layer.padding, self.bits)
            case "avgpool":
                return Average(name, shape, opens, (layer.kernel, layer.kernel), layer.stride, self.bits)
            case "globalavgpool":
                return Average(name, shape, opens, self._held[1:], 1, self.bits)
