# SPDX-License-Identifier: Apache-2.0
"""Steps of a graph's layers."""

from __future__ import annotations

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.inference.grouped import Depthwise, Grouped
from medquorum.core.inference.linear import Convolution, Geometry, Pair
from medquorum.core.inference.step_compiler import CompiledTerm, StepCompiler
from medquorum.core.inference.steps import AdaptiveAverage, Average, Flatten, Join, Leak, Maximum, Rectify, Step
from medquorum.core.model.graph.layers import BatchNorm
from medquorum.core.model.graph.lowering import Node, Other, Term

__all__ = ["graph_step"]

_SIX = 6.0 * (1 << FRACTION_BITS)


def graph_step(compiler: StepCompiler, node: Node) -> Step:
    """Return a node's step."""
    if node.layer is None:
        return compiler.linear(node.name, node.after, node.inputs, [_term(compiler, term) for term in node.terms])
    return _step(compiler, node.layer, node)


def _step(compiler: StepCompiler, layer: Other, node: Node) -> Step:
    about = (node.name, node.after, node.inputs)
    match layer.op:
        case "batchnorm":
            return compiler.linear(*about, [_normalisation(compiler, layer, node.before)])
        case "relu":
            return Rectify(*about)
        case "relu6":
            return Rectify(*about, _SIX)
        case "leakyrelu":
            return Leak(*about, layer.slope)
        case "maxpool":
            return Maximum(*about, layer.kernel, layer.stride, layer.padding, compiler.bits, layer.ceil)
        case "avgpool":
            return Average(*about, layer.kernel, layer.stride, layer.padding, compiler.bits, layer.ceil)
        case "adaptiveavgpool":
            return AdaptiveAverage(*about, layer.size, compiler.bits)
        case "flatten":
            return Flatten(*about)
        case "concat":
            return Join(*about)


def _term(compiler: StepCompiler, term: Term) -> CompiledTerm:
    layer = term.layer
    if layer.op == "dense":
        weights, bias = compiler.parameters.affine(layer, term.norm)
        weights = weights.reshape(*weights.shape, 1, 1)
        return CompiledTerm(Convolution(weights, Geometry((1, 1), (1, 1)), compiler.shift), bias)
    geometry = Geometry(_places(term.before), layer.kernel, layer.stride, layer.padding, layer.dilation)
    weights, bias = compiler.parameters.affine(layer, term.norm, geometry.live)
    if layer.groups == 1:
        return CompiledTerm(Convolution(weights, geometry, compiler.shift), bias)
    if layer.groups == layer.channels == layer.outputs:
        return CompiledTerm(Depthwise(weights, geometry, compiler.shift), bias)
    return CompiledTerm(Grouped(weights, geometry, compiler.shift, layer.groups), bias)


def _normalisation(compiler: StepCompiler, layer: BatchNorm, before: tuple[int, ...]) -> CompiledTerm:
    weights, bias = compiler.parameters.normalisation(layer)
    geometry = Geometry(_places(before), (1, 1))
    return CompiledTerm(Depthwise(weights.reshape(-1, 1, 1, 1), geometry, compiler.shift), bias)


def _places(shape: tuple[int, ...]) -> Pair:
    _, height, width = (*shape, 1, 1)[:3]
    return height, width
