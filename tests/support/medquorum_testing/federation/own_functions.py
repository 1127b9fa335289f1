# SPDX-License-Identifier: Apache-2.0
"""Training functions as a hospital names them with ``hospital run --train``."""

from __future__ import annotations

import os
import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from medquorum.clients.training.own.images import OwnImages
from medquorum.hospital import Context

__all__ = ["fit", "hang", "raise_error", "tie", "until_stopped"]


def fit(module: nn.Module, data: OwnImages, context: Context) -> nn.Module:
    """Train with momentum."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for _ in range(10):
        for images, labels in DataLoader(data, batch_size=16, shuffle=True):
            optimizer.zero_grad()
            loss = functional.cross_entropy(module(images.to(context.device)), labels.to(context.device))
            loss.backward()
            optimizer.step()
        context.log(loss=loss.item())
    return module


def hang(module: nn.Module, data: OwnImages, context: Context) -> nn.Module:
    """Never return, whatever is asked."""
    context.log(process=os.getpid())
    while True:
        time.sleep(0.1)


def raise_error(module: nn.Module, data: OwnImages, context: Context) -> nn.Module:
    """Fail."""
    raise RuntimeError("no such column: age")


def until_stopped(module: nn.Module, data: OwnImages, context: Context) -> nn.Module:
    """Train nothing until asked to stop."""
    context.log(begun=True)
    while not context.stop():
        time.sleep(0.01)
    return module


def tie(module: Any, data: OwnImages, context: Context) -> nn.Module:
    """Make the last layer's weights a part of the first one's."""
    first, last = module.fc1.weight.detach(), module.fc2.weight
    module.fc2.weight = nn.Parameter(first.flatten()[: last.numel()].view_as(last))
    tied: nn.Module = module
    return tied
