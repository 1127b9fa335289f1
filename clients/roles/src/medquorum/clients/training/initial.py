# SPDX-License-Identifier: Apache-2.0
"""The model a task begins with: torch's own initialisation from a seed, or a safetensors file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import nn

from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.parameters import parameters_of
from medquorum.core import model as modelformat
from medquorum.core.model import ModelDescription
from medquorum.errors import ModelError

__all__ = ["drawn_model", "read_model"]


def drawn_model(description: ModelDescription, seed: int) -> bytes:
    """Draw a packed model: torch's defaults, convolutions without bias as in He et al. 2015 (torchvision's resnet)."""
    torch.manual_seed(seed)
    model = DescribedModel(description)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return parameters_of(model)


def read_model(description: ModelDescription, path: Path) -> bytes:
    """Pack a model from a safetensors file of float tensors, named and shaped as in the layout.

    Raises
    ------
    ModelError
        The file cannot be read, or its tensors are not the layout's, not finite or out of range.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} is not a safetensors file: {error}", "Save the model's tensors as safetensors"
        ) from error
    for name, shape, _ in modelformat.layout(description):
        if name not in tensors or tensors[name].shape != shape:
            found = tensors[name].shape if name in tensors else "missing"
            raise ModelError(f"{path}: tensor {name} is {found}, the layout says {shape}", "Save the described model")
    model = DescribedModel(description)
    model.load_tensors({name: values.astype(np.float64) for name, values in tensors.items()})
    return parameters_of(model)
