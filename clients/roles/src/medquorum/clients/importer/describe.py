# SPDX-License-Identifier: Apache-2.0
"""Describe a hospital's own module: layers by tracing it, then its integer logits against its own float ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from medquorum.clients.importer.chain import layers_of_graph, probabilities_of
from medquorum.clients.importer.document import ModelDocument
from medquorum.clients.importer.dropout import WithoutDropout
from medquorum.clients.importer.graph import Graph, trace
from medquorum.clients.importer.interfaces import Classes, Labels, Logit, Numbers, Output, Pixels
from medquorum.clients.importer.nodes import nodes_of_graph
from medquorum.clients.training.formats.agreement import Images, check_agreement
from medquorum.clients.training.formats.state import check_apart, pack_module
from medquorum.core import model as modelformat
from medquorum.errors import ModelError

__all__ = ["Classes", "Labels", "Logit", "Numbers", "Pixels", "describe"]


def describe(
    module: nn.Module,
    example: torch.Tensor,
    inputs: Pixels | Numbers | None = None,
    output: Output | None = None,
    *,
    images: Images | None = None,
    name: str | None = None,
) -> ModelDocument:
    """Describe a module in the model format; the module stays as it is.

    Images of 8 bits, classes and a chain of layers make a document of version 1, which plain and encrypted tasks take.
    Everything else makes one of version 2. The integer logits are compared with the module's own float64 ones, on
    random inputs and on ``images``.

    Parameters
    ----------
    example
        One input as the module takes it: (1, channels, height, width), (1, channels, time) or (1, features).
    inputs
        How pixels or other numbers become the module's; by default pixels 0 to 1, or numbers as they are.
    output
        What the logits say; by default one class each.
    images
        Real images, uint8 (n, height, width) or (n, height, width, channels); or inputs of int16 or int32 of this form.
    name
        Of the model; by default the module's class.

    Raises
    ------
    ModelError
        Operations without a layer in the format, all at once; shapes or sizes beyond its bounds; tensors that are in no
        layer or in two; logits that differ by more than docs/reference/evaluation.md allows.
    RangeError
        A parameter lies outside its bound.
    """
    if not 2 <= example.ndim <= 4:
        raise ModelError(
            f"the module takes values of shape {tuple(example.shape[1:])}",
            "Give an example of shape (1, channels, height, width), (1, channels, time) or (1, features)",
        )
    graph = trace(module, example)
    taken = inputs or (Pixels() if example.ndim == 4 else Numbers())
    document = ModelDocument(_document(graph, name or type(module).__name__, _shape(example), taken, output))
    if _repeats(document["layers"]):
        check_apart(module.state_dict())
    for shown in (None,) if images is None else (None, images):
        _compare(module, document, shown, example.shape[1:], probabilities=probabilities_of(graph))
    return document


def _document(
    graph: Graph, name: str, shape: list[int], inputs: Pixels | Numbers, output: Output | None
) -> dict[str, Any]:
    """Return a document of version 1 where that says all, else of version 2."""
    if isinstance(inputs, Pixels) and isinstance(output, Classes | None):
        try:
            layers = layers_of_graph(graph)
        except ModelError:
            layers = []
        if layers and layers[-1]["op"] == "dense":
            count = _checked(output, layers[-1]["out"])
            return {"name": name, "input": shape, "classes": count, "pixels": inputs.table(), "layers": layers}
    nodes = nodes_of_graph(graph)
    if isinstance(inputs, Pixels):
        source: dict[str, Any] = {"kind": "table", "shape": shape, "pixels": inputs.table()}
    else:
        source = inputs.source(shape)
    logits = graph.result.shape[-1] if len(graph.result.shape) == 2 else 1
    said = Classes(_checked(output, logits)) if isinstance(output, Classes | None) else output
    return {"format": 2, "name": name, "input": source, "output": said.output(), "layers": nodes}


def _repeats(layers: list[dict[str, Any]]) -> bool:
    """Return whether two layers have one name: their weights are tied, or they are one module."""
    every = [item for layer in layers for item in [layer, *layer.get("body", []), *layer.get("shortcut", [])]]
    names = [item["name"] for item in every if "name" in item]
    return len(set(names)) < len(names)


def _checked(output: Classes | None, logits: int) -> int:
    if output is not None and output.count != logits:
        raise ModelError(f"the module gives {logits} logits, not {output.count}", "Give its number of classes")
    if logits < 2:
        raise ModelError("the module gives one logit", "Say what it means: output=Logit()")
    return logits


def _shape(example: torch.Tensor) -> list[int]:
    """Return channels, height, width; features are channels, a signal has height 1."""
    sizes = [int(size) for size in example.shape[1:]]
    return [sizes[0], 1, sizes[1]] if len(sizes) == 2 else [*sizes, 1, 1][:3]


def _compare(
    module: nn.Module, document: ModelDocument, images: Images | None, shape: Sequence[int], *, probabilities: str
) -> None:
    """Hold the module's own logits, float64, against the integers; of probabilities take the logits back."""
    copied = copy.deepcopy(module).cpu().double().eval()

    def logits(numbers: torch.Tensor) -> npt.NDArray[np.floating]:
        with torch.no_grad(), WithoutDropout():
            result: torch.Tensor = copied(numbers.reshape(-1, *shape))
            if probabilities:
                result = result.log() if probabilities == "softmax" else result.logit()
            return np.asarray(result.reshape(len(numbers), -1).numpy())

    description = modelformat.parse(dict(document))
    check_agreement(description, pack_module(copied, description, None), logits, images)
