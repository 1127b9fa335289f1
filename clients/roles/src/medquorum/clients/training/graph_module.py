# SPDX-License-Identifier: Apache-2.0
"""Torch modules of a graph's layers, and the walk through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model.graph.description import GraphDescription
from medquorum.core.model.graph.layers import Add, Concat, Conv, GraphLayer
from medquorum.core.model.graph.shapes import INPUT, last_uses, walk_graph

__all__ = ["GraphWalk", "graph_modules"]

Steps = dict[str, nn.Module]


def graph_modules(description: GraphDescription) -> Steps:
    """Return a module for each layer that takes one value."""
    return {
        placed.layer.name: _module(placed.layer, flat=len(placed.before[0]) == 1)
        for placed in walk_graph(description)
        if not isinstance(placed.layer, Add | Concat)
    }


class GraphWalk:
    """Takes values from layer to layer; each is dropped after its last use."""

    def __init__(self, layers: Sequence[GraphLayer], modules: Steps) -> None:
        self._layers = layers
        self._modules = modules
        self._last_uses = last_uses(layers)

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the last layer's values."""
        held = {INPUT: inputs}
        for index, layer in enumerate(self._layers):
            before = [held[name] for name in layer.inputs]
            for name in set(layer.inputs):
                if self._last_uses[name] == index:
                    del held[name]
            held[layer.name] = self._apply(layer, before)
        return held[self._layers[-1].name]

    def _apply(self, layer: GraphLayer, before: list[torch.Tensor]) -> torch.Tensor:
        if isinstance(layer, Concat):
            return torch.cat(before, dim=1)
        if isinstance(layer, Add):
            total = before[0]
            for other in before[1:]:
                total = total + other
            return total
        step: Callable[[torch.Tensor], torch.Tensor] = self._modules[layer.name]
        return step(before[0])


def _module(layer: GraphLayer, *, flat: bool) -> nn.Module:
    match layer.op:
        case "dense":
            return nn.Linear(layer.features, layer.outputs, bias=layer.bias)
        case "conv":
            return _convolution(layer)
        case "batchnorm":
            return nn.BatchNorm1d(layer.channels) if flat else nn.BatchNorm2d(layer.channels)
    return _without_state(layer)


def _without_state(layer: GraphLayer) -> nn.Module:
    match layer.op:
        case "flatten":
            return nn.Flatten()
        case "relu":
            return nn.ReLU()
        case "relu6":
            return nn.ReLU6()
        case "leakyrelu":
            return nn.LeakyReLU(layer.slope / (1 << FRACTION_BITS))
        case "maxpool":
            return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
        case "avgpool":
            return nn.AvgPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
        case "adaptiveavgpool":
            return nn.AdaptiveAvgPool2d(layer.size)
    raise TypeError(f"{layer.op} takes several values")


def _convolution(layer: Conv) -> nn.Conv2d:
    return nn.Conv2d(
        layer.channels,
        layer.outputs,
        layer.kernel,
        layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias,
    )
