# SPDX-License-Identifier: Apache-2.0
"""Models by torch's names, there and back; what is no update of the model is refused with every tensor's name."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from medquorum.clients.training.formats.state import load_into, pack_module, pack_state, state_of
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import ModelError, RangeError
from medquorum_testing.inference.tiny_models import random_tensors

MLP = modelformat.parse(catalogue.mlp((1, 2, 2), 3, hidden=4))
RESNET = modelformat.parse(catalogue.resnet18((1, 28, 28), 4))


def mlp() -> nn.Sequential:
    parts = {"flatten": nn.Flatten(), "fc1": nn.Linear(4, 4), "relu": nn.ReLU(), "fc2": nn.Linear(4, 3)}
    return nn.Sequential(OrderedDict(parts))


@pytest.fixture
def packed() -> bytes:
    return drawn_model(MLP, 0)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_not_trained_comes_back_bit_for_bit(dtype: torch.dtype) -> None:
    """Also a batch normalisation's mean of 26 bits and its scale, which float32 does not hold."""
    tensors = random_tensors(RESNET, np.random.default_rng(0))
    tensors["bn1.mean"] = np.linspace(-(1 << 26) + 1, (1 << 26) - 1, 64).astype(np.int64)
    tensors["bn1.scale"] = np.linspace(1, 320 << 16, 64).astype(np.int64)
    packed = modelformat.pack(RESNET, tensors)
    module = torchvision.models.resnet18(num_classes=4).to(dtype)
    load_into(module, RESNET, packed)
    assert pack_module(module, RESNET, packed) == packed
    assert pack_state(state_of(RESNET, packed), RESNET, packed) == packed
    module.load_state_dict(state_of(RESNET, packed), strict=False)
    assert pack_module(module, RESNET, packed) == packed


def test_a_described_network_has_the_names_of_what_was_described() -> None:
    theirs = torchvision.models.resnet18(num_classes=4).state_dict()
    ours = DescribedModel(RESNET).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


def test_a_trained_tensor_is_encoded_and_the_module_s_own_eps_counts() -> None:
    tensors = random_tensors(RESNET, np.random.default_rng(0))
    packed = modelformat.pack(RESNET, tensors)
    module = torchvision.models.resnet18(num_classes=4, norm_layer=lambda width: nn.BatchNorm2d(width, eps=0.01))
    load_into(module, RESNET, packed)
    assert pack_module(module, RESNET, packed) == packed
    with torch.no_grad():
        module.fc.bias[0] = 0.5
        module.bn1.running_var.fill_(0.24)
    found = modelformat.unpack(RESNET, pack_module(module, RESNET, packed))
    assert found["fc.bias"][0] == 1 << 15
    assert set(found["bn1.scale"].tolist()) == {2 << 16}
    assert np.array_equal(found["layer4.1.bn2.scale"], tensors["layer4.1.bn2.scale"])


def test_wrong_names_are_all_told(packed: bytes) -> None:
    other = nn.Sequential(OrderedDict(fc1=nn.Linear(4, 4), head=nn.Linear(4, 3)))
    with pytest.raises(ModelError, match=r"missing: fc2.weight, fc2.bias; unknown: head.weight, head.bias"):
        load_into(other, MLP, packed)


def test_another_shape_is_refused(packed: bytes) -> None:
    module = mlp()
    module.fc2 = nn.Linear(4, 5)
    with pytest.raises(ModelError, match=r"fc2.weight has shape \(5, 4\) instead of \(3, 4\)"):
        pack_module(module, MLP, packed)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused_by_name(packed: bytes, value: float) -> None:
    module = mlp()
    load_into(module, MLP, packed)
    with torch.no_grad():
        module.fc1.bias[2] = value
    with pytest.raises(ModelError, match=r"fc1.bias holds NaN or infinity"):
        pack_module(module, MLP, packed)


@pytest.mark.parametrize("value", [8.0, -1e9])
def test_what_is_out_of_range_is_refused_by_name(packed: bytes, value: float) -> None:
    module = mlp()
    load_into(module, MLP, packed)
    with torch.no_grad():
        module.fc1.weight[0, 0] = value
    with pytest.raises(RangeError, match=r"fc1.weight"):
        pack_module(module, MLP, packed)


def test_tied_weights_are_refused() -> None:
    description = modelformat.parse(catalogue.mlp((1, 2, 2), 4, hidden=4))
    module = mlp()
    module.fc2 = nn.Linear(4, 4)
    module.fc2.weight = module.fc1.weight
    with pytest.raises(ModelError, match=r"fc1.weight and fc2.weight are one \(tied weights\)"):
        load_into(module, description, drawn_model(description, 0))


def test_a_layer_without_bias_stands_for_a_bias_of_zero(packed: bytes) -> None:
    module = mlp()
    module.fc1 = nn.Linear(4, 4, bias=False)
    with pytest.raises(ModelError, match=r"missing: fc1.bias"):
        load_into(module, MLP, packed)
    tensors = {name: values.copy() for name, values in modelformat.unpack(MLP, packed).items()}
    tensors["fc1.bias"][:] = 0
    without = modelformat.pack(MLP, tensors)
    load_into(module, MLP, without)
    assert pack_module(module, MLP, without) == without


@pytest.mark.parametrize("name", ["train", "a..b", "description"])
def test_a_layer_s_name_must_be_a_module_s(name: str) -> None:
    document = catalogue.mlp((1, 2, 2), 3)
    document["layers"][1]["name"] = name
    with pytest.raises(ModelError, match="cannot be the name of a torch module"):
        DescribedModel(modelformat.parse(document))
