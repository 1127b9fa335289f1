# SPDX-License-Identifier: Apache-2.0
"""Layout: the ordered tensors of a model, their kinds, bounds (RANGE) and hash."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medquorum.core import canonical
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.core.model.description import ChainDescription, ModelDescription, PlainLayer
from medquorum.core.model.graph.layers import GraphLayer
from medquorum.core.model.graph.shapes import walk_graph
from medquorum.core.model.shapes import walk
from medquorum.errors import ModelError, RangeError

__all__ = [
    "Kind",
    "TensorSpec",
    "check_range",
    "check_tensors",
    "layout",
    "layout_hash",
    "parameters",
]

_TAG = b"medquorum layout v1"


class Kind(Enum):
    """What a tensor holds; it fixes the tensor's bound and how it is mixed."""

    WEIGHT = "weight"
    """Weights and biases of conv and dense layers."""
    GAMMA = "gamma"
    BETA = "beta"
    MEAN = "mean"
    """Batch normalisation's mean μ: taken from the update, never mixed with λ."""
    SCALE = "scale"
    """Batch normalisation's s = 1/sqrt(σ² + ε): taken from the update, never mixed with λ."""

    @property
    def mixed(self) -> bool:
        """Return whether p mixes this tensor with λ."""
        return self not in (Kind.MEAN, Kind.SCALE)

    @property
    def lowest(self) -> int:
        """Smallest value RANGE lets through, with 16 fraction bits."""
        return 1 if self is Kind.SCALE else -self.highest

    @property
    def highest(self) -> int:
        """Largest value RANGE lets through: below 8 (mean: below 1024), scale at most 320, with 16 fraction bits."""
        if self is Kind.SCALE:
            return 320 << FRACTION_BITS
        return (1 << (FRACTION_BITS + (10 if self is Kind.MEAN else 3))) - 1


class TensorSpec(NamedTuple):
    """One tensor: torch-style name, shape and kind."""

    name: str
    shape: tuple[int, ...]
    kind: Kind

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


def layout(description: ModelDescription) -> tuple[TensorSpec, ...]:
    """Return the model's tensors in packing order: the order of the layers."""
    if isinstance(description, ChainDescription):
        chain = walk(description.layers, description.input)
        return tuple(spec for placed in chain for spec in _tensors(placed.layer))
    return tuple(spec for placed in walk_graph(description) for spec in _graph_tensors(placed.layer))


def _tensors(layer: PlainLayer) -> list[TensorSpec]:
    match layer.op:
        case "dense":
            weight = TensorSpec(f"{layer.name}.weight", (layer.outputs, layer.inputs), Kind.WEIGHT)
            return [weight, TensorSpec(f"{layer.name}.bias", (layer.outputs,), Kind.WEIGHT)]
        case "conv":
            shape = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
            specs = [TensorSpec(f"{layer.name}.weight", shape, Kind.WEIGHT)]
            return [*specs, TensorSpec(f"{layer.name}.bias", shape[:1], Kind.WEIGHT)] if layer.bias else specs
        case "batchnorm":
            return _statistics(layer.name, layer.channels)
    return []


def _graph_tensors(layer: GraphLayer) -> list[TensorSpec]:
    if layer.op == "batchnorm":
        return _statistics(layer.name, layer.channels)
    if layer.op != "conv" and layer.op != "dense":
        return []
    shape: tuple[int, ...] = (layer.outputs, layer.features) if layer.op == "dense" else ()
    if layer.op == "conv":
        shape = (layer.outputs, layer.channels // layer.groups, *layer.kernel)
    specs = [TensorSpec(f"{layer.name}.weight", shape, Kind.WEIGHT)]
    return [*specs, TensorSpec(f"{layer.name}.bias", shape[:1], Kind.WEIGHT)] if layer.bias else specs


def _statistics(name: str, channels: int) -> list[TensorSpec]:
    parts = (("weight", Kind.GAMMA), ("bias", Kind.BETA), ("mean", Kind.MEAN), ("scale", Kind.SCALE))
    return [TensorSpec(f"{name}.{part}", (channels,), kind) for part, kind in parts]


def parameters(description: ModelDescription) -> int:
    """Return the number of parameters; a packed model has four bytes for each."""
    return sum(spec.size for spec in layout(description))


def layout_hash(description: ModelDescription) -> str:
    """Return the hex SHA-256 of a tag and the canonical JSON of [[name, shape, kind], ...]."""
    rows = [[spec.name, list(spec.shape), spec.kind.value] for spec in layout(description)]
    return sha256(_TAG + canonical.encode(rows)).hexdigest()


def check_tensors(description: ModelDescription, tensors: Mapping[str, npt.NDArray[np.integer]]) -> None:
    """Check that a model has exactly the layout's tensors, as integers.

    Raises
    ------
    ModelError
        A tensor is missing, unknown, of another shape or not of an integer type.
    """
    specs = {spec.name: spec for spec in layout(description)}
    differing = sorted(specs.keys() ^ tensors.keys())
    if differing:
        word = "missing" if differing[0] in specs else "unknown"
        raise ModelError(f"tensor {differing[0]} is {word}", "Send exactly the tensors of the task's model description")
    for name, spec in specs.items():
        if tensors[name].shape != spec.shape:
            raise ModelError(
                f"tensor {name} has shape {tensors[name].shape} instead of {spec.shape}",
                "Train the model of the task's description",
            )
        if not np.issubdtype(tensors[name].dtype, np.signedinteger):
            raise ModelError(
                f"tensor {name} holds {tensors[name].dtype}", "Encode it with medquorum.core.fixedpoint.encode"
            )


def check_range(description: ModelDescription, tensors: Mapping[str, npt.NDArray[np.integer]]) -> None:
    """Check rule RANGE: every parameter, used or not, lies within its tensor's bound.

    Raises
    ------
    RangeError
        A value lies outside its bound.
    """
    for name, _, kind in layout(description):
        values = tensors[name]
        if values.min() < kind.lowest or values.max() > kind.highest:
            unit = 1 << FRACTION_BITS
            raise RangeError(
                f"tensor {name} holds a value outside [{kind.lowest / unit:g}, {kind.highest / unit:g}]",
                "Keep the training stable (learning rate, weight decay) so that parameters stay in range",
            )
