# SPDX-License-Identifier: Apache-2.0
"""The model a task begins with where none is given: torch's own initialisation from a seed."""

from __future__ import annotations

import torch
from torch import nn

from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.parameters import parameters_of
from medquorum.core.model import ModelDescription

__all__ = ["drawn_model"]


def drawn_model(description: ModelDescription, seed: int) -> bytes:
    """Draw a packed model: torch's defaults, convolutions without bias as in He et al. 2015 (torchvision's resnet)."""
    torch.manual_seed(seed)
    model = DescribedModel(description)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return parameters_of(model)
