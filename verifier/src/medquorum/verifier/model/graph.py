# SPDX-License-Identifier: Apache-2.0
"""Operations of a model description of format version 2."""

from __future__ import annotations

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model.graph.description import GraphDescription
from medquorum.core.model.graph.layers import AdaptiveAvgPool, AvgPool
from medquorum.core.model.graph.lowering import Node, Other, Term, lower
from medquorum.verifier.arithmetic.geometry import Geometry, Pair
from medquorum.verifier.gates.layers.activations import Clip, Leak
from medquorum.verifier.gates.layers.arrangement import Flatten, Join
from medquorum.verifier.gates.layers.linear import Add, Linear
from medquorum.verifier.gates.layers.pooling import AdaptiveAverage, Average, Maximum
from medquorum.verifier.model.layers import Affine, Layer, Normalisation
from medquorum.verifier.model.lowering import Operation, Rectify, Same, Widths

__all__ = ["GraphCompiler"]

_SIX = 6 << FRACTION_BITS


class GraphCompiler:
    """Adds the layers' operations, named as the plain evaluation names them, and the layers whose weights they use."""

    def __init__(self, description: GraphDescription, widths: Widths) -> None:
        self.operations: list[Operation] = []
        self.layers: list[Layer] = []
        self._widths = widths
        self._places = {-1: -1}
        for index, node in enumerate(lower(description)):
            inputs = tuple(self._places[source] for source in node.inputs)
            if node.layer is None:
                self.operations.append(self._sum(node, inputs))
            else:
                self._add(node.layer, node, inputs)
            self._places[index] = len(self.operations) - 1

    def _sum(self, node: Node, inputs: tuple[int, ...]) -> Operation:
        if not node.terms:
            return Add(node.name, inputs)
        self.layers += [_affine(term, rounds=number == 0) for number, term in enumerate(node.terms)]
        return self._linear(node.name, inputs, tuple(term.layer.name for term in node.terms))

    def _linear(self, name: str, inputs: tuple[int, ...], terms: tuple[str, ...]) -> Linear:
        return Linear(name, inputs, terms, self._widths.ring, self._widths.shift)

    def _add(self, layer: Other, node: Node, inputs: tuple[int, ...]) -> None:
        name, (_, width) = node.name, self._widths
        match layer.op:
            case "batchnorm":
                places = _places(node.before)
                self.layers.append(Normalisation(name, layer.channels, Geometry(places, (1, 1))))
                made: Operation = self._linear(name, inputs, (name,))
            case "relu":
                made = Rectify(name, inputs)
            case "relu6":
                made = Clip(name, self._rectified(name, inputs), width, self._widths.ring, _SIX)
            case "leakyrelu":
                made = Leak(name, (*inputs, *self._rectified(name, inputs)), width, self._widths.ring, layer.slope)
            case "maxpool":
                made = Maximum(name, inputs, layer.kernel, layer.stride, layer.padding, width, layer.ceil)
            case "avgpool" | "adaptiveavgpool":
                made = _mean(layer, node, inputs)
            case "flatten":
                made = Flatten(name, inputs)
            case "concat":
                made = Join(name, inputs)
        self.operations.append(made)

    def _rectified(self, name: str, inputs: tuple[int, ...]) -> tuple[int]:
        """Add the ReLU that an activation begins with."""
        self.operations.append(Rectify(f"{name}/relu", inputs))
        return (len(self.operations) - 1,)


def _mean(layer: AvgPool | AdaptiveAvgPool, node: Node, inputs: tuple[int, ...]) -> Operation:
    """Return a mean; that of one place is the input's value."""
    places = _places(node.before)
    if layer.op == "adaptiveavgpool":
        same = layer.size == places
        return Same(node.name, inputs) if same else AdaptiveAverage(node.name, inputs, layer.size)
    if layer.kernel == layer.stride == (1, 1):
        return Same(node.name, inputs)
    return Average(node.name, inputs, layer.kernel, layer.stride, layer.padding, layer.ceil)


def _affine(term: Term, *, rounds: bool) -> Affine:
    layer = term.layer
    geometry, groups = Geometry((1, 1), (1, 1)), 1
    if layer.op == "conv":
        geometry = Geometry(_places(term.before), layer.kernel, layer.stride, layer.padding, layer.dilation)
        groups = layer.groups
    norm = None if term.norm is None else term.norm.name
    return Affine(layer.name, layer.outputs, layer.bias, norm, geometry, groups, grayscale=False, rounds=rounds)


def _places(shape: tuple[int, ...]) -> Pair:
    """Return the places of values of a shape; features have one."""
    _, height, width = (*shape, 1, 1)[:3]
    return height, width
