# SPDX-License-Identifier: Apache-2.0
"""Compile a description and its parameters to a program."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray, activation_bits
from medquorum.core.inference.linear import Convolution, Geometry
from medquorum.core.inference.mixing import Mixture, Parameters, Scaled
from medquorum.core.inference.program import Program
from medquorum.core.inference.steps import Average, Linear, Maximum, Rectify, Reshape, Step
from medquorum.core.model.description import BatchNorm, Conv, Dense, ModelDescription
from medquorum.core.model.layout import check_tensors
from medquorum.core.model.resolved import Places, ResolvedLayer, resolve

__all__ = ["compile_model", "compile_scaled"]


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
    base, update
        Mapping of tensor name to integer array.
        The layout's tensors, with 16 fraction bits.
    lambda_numerator, lambda_bits
        λ = A / 2^k; without effect when there is no update.

    Raises
    ------
    ModelError
        The tensors are not the layout's, or λ is not of that form.
    """
    for tensors in (base, update):
        if tensors is not None:
            check_tensors(description, tensors)
    return _compiled(description, Mixture(base, update, lambda_numerator, lambda_bits))


def compile_scaled(description: ModelDescription, tensors: Mapping[str, IntArray], bits: int) -> Program:
    """Prepare exact inference with a model that was not rounded.

    Parameters
    ----------
    tensors
        The layout's tensors as int64, with 16 + ``bits`` fraction bits, bits <= 8.

    Raises
    ------
    ModelError
        The tensors are not the layout's.
    """
    check_tensors(description, tensors)
    return _compiled(description, Scaled(tensors, bits))


def _compiled(description: ModelDescription, parameters: Parameters) -> Program:
    compiler = _Compiler(parameters)
    steps = [compiler.step(index, resolved) for index, resolved in enumerate(resolve(description))]
    return Program(steps, description.input, description.pixels, compiler.bits)


class _Compiler:
    """Makes the steps of layers, with the parameters of one model or mixture."""

    def __init__(self, parameters: Parameters) -> None:
        self.bits = activation_bits(parameters.bits)
        self._shift = FRACTION_BITS + parameters.bits
        self._parameters = parameters

    def step(self, index: int, resolved: ResolvedLayer) -> Step:
        """Return the step of a layer, the ``index``-th of all."""
        layer, shape, opens = resolved.layer, resolved.after, resolved.opens
        name = f"{layer.op}{index}"
        match layer.op:
            case "conv" | "dense":
                return self._linear(layer, resolved)
            case "relu":
                return Rectify(name, shape, opens)
            case "flatten":
                return Reshape(name, shape, opens)
            case "maxpool":
                return Maximum(name, shape, opens, layer.kernel, layer.stride, layer.padding, self.bits)
            case "avgpool":
                return Average(name, shape, opens, (layer.kernel, layer.kernel), layer.stride, self.bits)
            case "globalavgpool":
                return Average(name, shape, opens, resolved.held[1:], 1, self.bits)

    def _linear(self, layer: Conv | Dense, resolved: ResolvedLayer) -> Linear:
        main, bias = self._convolution(layer, resolved.norm, resolved.held)
        shortcut: Convolution | None = None
        side = resolved.shortcut
        if side is not None:
            shortcut, more = self._convolution(side.layer, side.norm, side.held)
            bias = bias + more
        rounded = bias + np.int64(1 << (self._shift - 1))
        return Linear(
            layer.name,
            resolved.after,
            resolved.opens,
            main,
            rounded,
            resolved.closes,
            shortcut,
            self._shift,
            self.bits,
        )

    def _convolution(self, layer: Conv | Dense, norm: BatchNorm | None, held: Places) -> tuple[Convolution, IntArray]:
        channels, height, width = held
        if layer.op == "dense":
            geometry = Geometry(height, width, (height, width), 1, 0)
            weights, bias = self._parameters.affine(layer, norm)
            weights = weights.reshape(layer.outputs, channels, height, width)
        else:
            geometry = Geometry(height, width, (layer.kernel, layer.kernel), layer.stride, layer.padding)
            weights, bias = self._parameters.affine(layer, norm, geometry.live)
        return Convolution(weights, geometry, self._shift), bias
