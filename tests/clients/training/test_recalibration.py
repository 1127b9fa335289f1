# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from medquorum.errors import DataError
from medquorum.hospital import recalibrate


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten())


def test_statistics_are_those_of_the_own_images_and_weights_stay() -> None:
    images = torch.randn(64, 1, 8, 8) * 0.1 + 3
    module = network().eval()
    weights = [tensor.clone() for tensor in module.parameters()]
    loader = DataLoader(TensorDataset(images, torch.zeros(64)), batch_size=16)
    assert recalibrate(module, loader) is module
    values = module[0](images)
    assert torch.allclose(module[1].running_mean, values.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(module[1].running_var, values.var((0, 2, 3)), rtol=0.05)
    assert all(torch.equal(old, new) for old, new in zip(weights, module.parameters(), strict=True))
    assert (module[1].momentum, module.training, module[1].training) == (0.1, False, False)


def test_a_batch_of_one_value_is_told() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).train()
    with pytest.raises(DataError, match="cannot be normalised"):
        recalibrate(module, [torch.randn(1, 3)])
    assert module.training
    assert module[1].momentum == 0.1


def test_no_images_are_told() -> None:
    with pytest.raises(DataError, match="no batch"):
        recalibrate(network(), [])
