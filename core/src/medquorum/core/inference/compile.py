# SPDX-License-Identifier: Apache-2.0
"""Compile a description and its parameters to a program."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.entry import entry_of
from medquorum.core.inference.graph_steps import graph_step
from medquorum.core.inference.linear import Convolution, Geometry, Pair
from medquorum.core.inference.mixing import Mixture, Parameters, Scaled
from medquorum.core.inference.program import Program
from medquorum.core.inference.step_compiler import CompiledTerm, StepCompiler
from medquorum.core.inference.steps import Average, Maximum, Rectify, Reshape, Step
from medquorum.core.model.description import BatchNorm, ChainDescription, Conv, Dense, ModelDescription
from medquorum.core.model.graph.lowering import lower
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
    compiler = StepCompiler(parameters)
    if isinstance(description, ChainDescription):
        steps = _chain(compiler, description)
    else:
        steps = [graph_step(compiler, node) for node in lower(description)]
    return Program(steps, entry_of(description), description.output, compiler.bits)


def _chain(compiler: StepCompiler, description: ChainDescription) -> list[Step]:
    steps: list[Step] = []
    entry = -1
    for index, resolved in enumerate(resolve(description)):
        if resolved.opens:
            entry = index - 1
        steps.append(_step(compiler, index, resolved, (index - 1, entry) if resolved.closes else (index - 1,)))
    return steps


def _step(compiler: StepCompiler, index: int, resolved: ResolvedLayer, inputs: tuple[int, ...]) -> Step:
    """Return the step of a layer of a chain, the ``index``-th of all."""
    layer, shape = resolved.layer, resolved.after
    name = f"{layer.op}{index}"
    match layer.op:
        case "conv" | "dense":
            terms = [_term(compiler, layer, resolved.norm, resolved.held)]
            if (side := resolved.shortcut) is not None:
                terms.append(_term(compiler, side.layer, side.norm, side.held))
            return compiler.linear(layer.name, shape, inputs, terms)
        case "relu":
            return Rectify(name, shape, inputs)
        case "flatten":
            return Reshape(name, shape, inputs)
        case "maxpool":
            return Maximum(
                name, shape, inputs, _square(layer.kernel), _square(layer.stride), _square(layer.padding), compiler.bits
            )
        case "avgpool":
            return Average(name, shape, inputs, _square(layer.kernel), _square(layer.stride), (0, 0), compiler.bits)
        case "globalavgpool":
            return Average(name, shape, inputs, resolved.held[1:], (1, 1), (0, 0), compiler.bits)


def _term(compiler: StepCompiler, layer: Conv | Dense, norm: BatchNorm | None, held: Places) -> CompiledTerm:
    channels, *size = held
    places = size[0], size[1]
    if layer.op == "dense":
        weights, bias = compiler.parameters.affine(layer, norm)
        weights = weights.reshape(layer.outputs, channels, *places)
        return CompiledTerm(Convolution(weights, Geometry(places, places), compiler.shift), bias)
    geometry = Geometry(places, _square(layer.kernel), _square(layer.stride), _square(layer.padding))
    weights, bias = compiler.parameters.affine(layer, norm, geometry.live)
    return CompiledTerm(Convolution(weights, geometry, compiler.shift), bias)


def _square(side: int) -> Pair:
    return side, side
