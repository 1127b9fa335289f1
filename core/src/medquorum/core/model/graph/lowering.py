# SPDX-License-Identifier: Apache-2.0
"""A graph's layers as they are evaluated: batch normalisations folded, convolutions added before their truncation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from medquorum.core.model.graph.description import GraphDescription
from medquorum.core.model.graph.layers import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Flatten,
    LeakyRelu,
    MaxPool,
    Relu,
    Relu6,
)
from medquorum.core.model.graph.shapes import INPUT, Placed, walk_graph

__all__ = ["Node", "Other", "Term", "lower"]

Shape = tuple[int, ...]
Other = BatchNorm | Relu | Relu6 | LeakyRelu | MaxPool | AvgPool | AdaptiveAvgPool | Flatten | Concat
"""Layers with a step of their own that adds no convolutions."""


@dataclass(frozen=True)
class Term:
    """A convolution or dense layer, the batch normalisation folded into it, and the shape it receives."""

    layer: Conv | Dense
    norm: BatchNorm | None
    before: Shape


@dataclass(frozen=True)
class Node:
    """One step of an evaluation.

    Attributes
    ----------
    name, after
        Of the layer whose value it gives.
    layer
        None for a sum of ``terms`` and of further inputs, with one truncation.
    inputs
        Indices of the nodes whose values it takes, -1 the model's input: first those of the terms.
    before
        Shape of the first input.
    """

    name: str
    after: Shape
    layer: Other | None
    terms: tuple[Term, ...]
    inputs: tuple[int, ...]
    before: Shape


def lower(description: GraphDescription) -> tuple[Node, ...]:
    """Return a graph's steps in the order in which they are evaluated.

    A batch normalisation that alone takes the value of a conv or dense layer is folded into it. A conv or dense layer,
    so normalised or not, whose value one sum alone takes is added before that sum's truncation.
    """
    lowering = _Lowering(description)
    for placed in walk_graph(description):
        lowering.add(placed)
    return tuple(lowering.nodes)


class _Lowering:
    def __init__(self, description: GraphDescription) -> None:
        self.nodes: list[Node] = []
        self._takers = Counter(name for layer in description.layers for name in layer.inputs)
        self._followers = {name: layer for layer in description.layers for name in layer.inputs}
        self._places: dict[str, int] = {INPUT: -1}
        self._waiting: dict[str, tuple[Term, int]] = {}

    def add(self, placed: Placed) -> None:
        """Add a layer's step, or let it wait for the layer it becomes a part of."""
        layer = placed.layer
        if layer.op == "conv" or layer.op == "dense":
            self._offer(layer.name, Term(layer, None, placed.before[0]), self._places[layer.inputs[0]], placed)
        elif layer.op == "batchnorm" and layer.inputs[0] in self._waiting:
            term, source = self._waiting.pop(layer.inputs[0])
            self._offer(layer.name, Term(term.layer, layer, term.before), source, placed)
        elif layer.op == "add":
            self._sum(layer, placed)
        else:
            sources = tuple(self._places[name] for name in layer.inputs)
            self._append(Node(layer.name, placed.after, layer, (), sources, placed.before[0]))

    def _offer(self, name: str, term: Term, source: int, placed: Placed) -> None:
        """Keep a term for the layer that alone takes it, or make it a step."""
        follower = self._followers.get(name) if self._takers[name] == 1 else None
        if isinstance(follower, Add) or (isinstance(follower, BatchNorm) and term.norm is None):
            self._waiting[name] = term, source
        else:
            self._append(Node(name, placed.after, None, (term,), (source,), term.before))

    def _sum(self, layer: Add, placed: Placed) -> None:
        waiting = [self._waiting.pop(name) for name in layer.inputs if name in self._waiting]
        terms = tuple(term for term, _ in waiting)
        sources = [source for _, source in waiting]
        sources += [self._places[name] for name in layer.inputs if name in self._places]
        self._append(Node(layer.name, placed.after, None, terms, tuple(sources), placed.before[0]))

    def _append(self, node: Node) -> None:
        self._places[node.name] = len(self.nodes)
        self.nodes.append(node)
