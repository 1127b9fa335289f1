# SPDX-License-Identifier: Apache-2.0
"""Operations of a model description of format version 1."""

from __future__ import annotations

from math import prod

from medquorum.core.model.description import BatchNorm, ChainDescription, Conv, Dense
from medquorum.core.model.resolved import Places, ResolvedLayer, resolve
from medquorum.verifier.arithmetic.geometry import Geometry, Pair
from medquorum.verifier.gates.layers.linear import Linear
from medquorum.verifier.gates.layers.pooling import Average, Maximum
from medquorum.verifier.model.layers import Affine, Layer
from medquorum.verifier.model.lowering import Operation, Rectify, Same, Widths

__all__ = ["ChainCompiler"]


class ChainCompiler:
    """Adds the layers' operations, named as the plain evaluation names them, and the layers whose weights they use."""

    def __init__(self, description: ChainDescription, widths: Widths, *, grayscale: bool) -> None:
        self.operations: list[Operation] = []
        self.layers: list[Layer] = []
        self._widths = widths
        # Whether what comes next, and what the residual began with, is one channel repeated.
        self._grayscale = self._entry_grayscale = grayscale and description.input[0] > 1
        self._entry = -1
        for resolved in resolve(description):
            self._add(resolved)

    def _add(self, resolved: ResolvedLayer) -> None:
        layer, before = resolved.layer, len(self.operations) - 1
        name = f"{layer.op}{len(self.operations)}"
        if resolved.opens:
            self._entry, self._entry_grayscale = before, self._grayscale
        match layer.op:
            case "conv" | "dense":
                self.operations.append(self._linear(layer, resolved, before))
            case "relu":
                self.operations.append(Rectify(name, (before,)))
            case "flatten":
                self.operations.append(Same(name, (before,)))
            case "maxpool":
                kernel, stride, padding = map(_square, (layer.kernel, layer.stride, layer.padding))
                self.operations.append(Maximum(name, (before,), kernel, stride, padding, self._widths.activation))
            case "avgpool":
                self.operations.append(_average(name, before, _square(layer.kernel), _square(layer.stride)))
            case "globalavgpool":
                self.operations.append(_average(name, before, resolved.held[1:], (1, 1)))

    def _linear(self, layer: Conv | Dense, resolved: ResolvedLayer, before: int) -> Linear:
        terms = [layer.name]
        self._affine(layer, resolved.norm, resolved.held, grayscale=self._grayscale, rounds=True)
        side = resolved.shortcut
        if side is not None:
            self._affine(side.layer, side.norm, side.held, grayscale=self._entry_grayscale, rounds=False)
            terms.append(side.layer.name)
        self._grayscale = False
        inputs = (before, self._entry) if resolved.closes else (before,)
        return Linear(layer.name, inputs, tuple(terms), self._widths.ring, self._widths.shift)

    def _affine(
        self, layer: Conv | Dense, norm: BatchNorm | None, held: Places, *, grayscale: bool, rounds: bool
    ) -> None:
        _, *size = held
        places = size[0], size[1]
        geometry = Geometry(places, places)
        if layer.op == "conv":
            geometry = Geometry(places, _square(layer.kernel), _square(layer.stride), _square(layer.padding))
        norm_name = None if norm is None else norm.name
        self.layers.append(
            Affine(layer.name, layer.outputs, layer.bias, norm_name, geometry, 1, grayscale=grayscale, rounds=rounds)
        )


def _average(name: str, before: int, kernel: Pair, stride: Pair) -> Operation:
    """Return a mean; that of one place is the input's value."""
    if prod(kernel) == 1 and stride == (1, 1):
        return Same(name, (before,))
    return Average(name, (before,), kernel, stride)


def _square(side: int) -> Pair:
    return side, side
