# SPDX-License-Identifier: Apache-2.0
"""A torch module from a model description, and its named tensors in the description's form.

The description stores a BatchNorm's statistics as the mean and s = 1/sqrt(variance + eps); torch keeps the variance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from medquorum.clients.training.graph_module import GraphWalk, graph_modules
from medquorum.core.model.description import (
    AvgPool,
    BatchNorm,
    ChainDescription,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool,
    ModelDescription,
    Relu,
)
from medquorum.core.model.graph.description import GraphDescription
from medquorum.errors import ModelError

__all__ = ["DescribedModel"]

Floats = npt.NDArray[np.float64]
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d)


Step = Callable[[torch.Tensor], torch.Tensor]


class DescribedModel(nn.Module):
    """The network a description names: pixels already as numbers (n, c, h, w) in, logits (n, logits) out.

    Its layers are modules under their names in the layout, so that its state dict is that of the module described.
    Weights are torch's own initial ones until ``load_tensors``.

    Raises
    ------
    ModelError
        A layer's name cannot be a module's.
    """

    def __init__(self, description: ModelDescription) -> None:
        super().__init__()
        self.description = description
        self._named: dict[str, nn.Module] = {}
        # Not registered: the named modules are, under their names, and the others have no state.
        self._network: Step
        if isinstance(description, ChainDescription):
            self._network = _Path(self._path(description.layers))
        else:
            self._network = self._graph(description)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        return self._network(inputs)

    def tensors(self) -> dict[str, Floats]:
        """Return every parameter by its name in the layout, as float64 of the layout's shape."""
        tensors: dict[str, Floats] = {}
        for name, module in self._named.items():
            for attribute, tensor in _described(module).items():
                tensors[f"{name}.{attribute}"] = tensor.detach().cpu().double().numpy()
        return tensors

    def load_tensors(self, tensors: Mapping[str, Floats]) -> None:
        """Take every parameter from arrays as ``tensors`` gives them."""
        with torch.no_grad():
            for name, module in self._named.items():
                for attribute, target in _stored(module).items():
                    target.copy_(torch.from_numpy(np.ascontiguousarray(tensors[f"{name}.{attribute}"])))
                if isinstance(module, NORMALISATIONS) and module.running_var is not None:
                    scale = torch.from_numpy(np.ascontiguousarray(tensors[f"{name}.scale"]))
                    module.running_var.copy_((scale**-2 - module.eps).clamp(min=0))

    def _graph(self, description: GraphDescription) -> Step:
        modules = graph_modules(description)
        for layer in description.layers:
            if layer.op in ("conv", "dense", "batchnorm"):
                self._named[layer.name] = modules[layer.name]
                self._place(layer.name, modules[layer.name])
        return GraphWalk(description.layers, modules)

    def _path(self, layers: Iterable[Layer]) -> list[Step]:
        steps: list[Step] = []
        flat = False
        for layer in layers:
            steps.append(self._step(layer, flat=flat))
            flat = flat or layer.op in ("flatten", "dense")
        return steps

    def _step(self, layer: Layer, *, flat: bool) -> Step:
        if layer.op == "residual":
            return _Sum(_Path(self._path(layer.body)), _Path(self._path(layer.shortcut)))
        module = _plain(layer, flat=flat)
        if isinstance(layer, Dense | Conv | BatchNorm):
            self._named[layer.name] = module
            self._place(layer.name, module)
        return module

    def _place(self, name: str, module: nn.Module) -> None:
        *path, last = name.split(".")
        parent: nn.Module = self
        try:
            for part in path:
                if part not in parent._modules:
                    parent.add_module(part, nn.Module())
                parent = parent.get_submodule(part)
            parent.add_module(last, module)
        except KeyError as error:
            raise ModelError(f"{name} cannot be the name of a torch module: {error}", "Rename the layer") from error


class _Sum:
    """Body plus shortcut; an empty shortcut is the input itself."""

    def __init__(self, body: Step, shortcut: Step) -> None:
        self._body = body
        self._shortcut = shortcut

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Add both paths."""
        return self._body(inputs) + self._shortcut(inputs)


class _Path:
    """Steps one after the other."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the last step's values; without steps the inputs."""
        for step in self._steps:
            inputs = step(inputs)
        return inputs


def _plain(layer: Layer, *, flat: bool) -> nn.Module:
    match layer:
        case Flatten():
            return nn.Flatten()
        case Dense():
            return nn.Linear(layer.inputs, layer.outputs)
        case Conv():
            return nn.Conv2d(
                layer.inputs, layer.outputs, layer.kernel, layer.stride, padding=layer.padding, bias=layer.bias
            )
        case BatchNorm():
            return nn.BatchNorm1d(layer.channels) if flat else nn.BatchNorm2d(layer.channels)
        case Relu():
            return nn.ReLU()
        case MaxPool():
            return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding)
        case AvgPool():
            return nn.AvgPool2d(layer.kernel, layer.stride)
        case GlobalAvgPool():
            return nn.AdaptiveAvgPool2d(1)
    raise TypeError(f"{layer.op} is no plain layer")


def _stored(module: nn.Module) -> dict[str, torch.Tensor]:
    """Name the tensors that torch and the description store alike."""
    named: dict[str, object] = {"weight": module.weight, "bias": module.bias}
    if isinstance(module, NORMALISATIONS):
        named["mean"] = module.running_mean
    return {name: tensor for name, tensor in named.items() if isinstance(tensor, torch.Tensor)}


def _described(module: nn.Module) -> dict[str, torch.Tensor]:
    """Name all tensors in the description's form."""
    tensors = _stored(module)
    if isinstance(module, NORMALISATIONS) and module.running_var is not None:
        tensors["scale"] = (module.running_var.double() + module.eps).rsqrt()
    return tensors
