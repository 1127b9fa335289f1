# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from medquorum.clients.training.adam import Adam
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.parameters import flatten, load, pack_flat, parameters_of
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import ModelError, RangeError

torch.set_num_threads(1)


def described(name: str, image: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> DescribedModel:
    return DescribedModel(modelformat.parse(catalogue.describe(name, image, classes)))


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet18"])
def test_the_module_has_exactly_the_layouts_tensors(name: str) -> None:
    model = described(name)
    shapes = {spec.name: spec.shape for spec in modelformat.layout(model.description)}
    assert {key: tensor.shape for key, tensor in model.tensors().items()} == shapes


def test_resnet18_is_torchvisions() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=10)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    tensors = {}
    for key, value in theirs.state_dict().items():
        name, _, attribute = key.rpartition(".")
        if attribute == "running_mean":
            tensors[f"{name}.mean"] = value.double().numpy()
        elif attribute == "running_var":
            tensors[f"{name}.scale"] = (value.double() + 1e-5).rsqrt().numpy()
        elif attribute != "num_batches_tracked":
            tensors[key] = value.double().numpy()
    ours = described("resnet18")
    ours.load_tensors(tensors)
    images = torch.randn(4, 3, 28, 28)
    for training in (False, True):
        ours.train(training)
        theirs.train(training)
        assert torch.allclose(ours(images), theirs(images), atol=1e-4)


def test_batchnorm_statistics_survive_the_way_there_and_back() -> None:
    model = described("resnet18")
    tensors = model.tensors()
    tensors["bn1.scale"] = np.linspace(0.01, 310, 64)
    model.load_tensors(tensors)
    assert np.allclose(model.tensors()["bn1.scale"], tensors["bn1.scale"], rtol=1e-3)


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet18"])
def test_packed_parameters_come_back_unchanged(name: str) -> None:
    model = described(name)
    packed = drawn_model(model.description, seed=3)
    load(model, packed)
    again = parameters_of(model)
    differing = np.abs(flatten(packed) - flatten(again))
    # 1/sqrt(variance + eps) through float32 may move a scale by the last bits.
    assert differing.max() <= (2 if name == "resnet18" else 0)


def test_the_seed_decides_the_initial_model() -> None:
    description = described("mlp").description
    assert drawn_model(description, 1) == drawn_model(description, 1) != drawn_model(description, 2)


def test_nan_and_out_of_range_parameters_are_refused() -> None:
    model = described("mlp")
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("nan")
    with pytest.raises(ModelError, match="NaN"):
        parameters_of(model)
    with torch.no_grad():
        next(model.parameters())[0, 0] = 9.0
    with pytest.raises(RangeError):
        parameters_of(model)


def test_a_channel_that_never_varies_is_brought_into_bounds() -> None:
    model = described("resnet18")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            module.running_var.fill_(1e12)
    packed = modelformat.unpack(model.description, parameters_of(model))
    assert packed["bn1.scale"].min() == 1


def test_a_vector_of_the_wrong_length_is_no_model() -> None:
    description = described("mlp").description
    with pytest.raises(ModelError, match="bytes instead of"):
        pack_flat(description, np.zeros(7, np.int64))


def test_adam_is_torchs() -> None:
    weights = []
    for ours in (True, False):
        torch.manual_seed(5)
        model = nn.Linear(6, 3)
        optimizer = (
            Adam(model.parameters(), 0.01) if ours else torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
        )
        for _ in range(20):
            model.zero_grad()
            (model(torch.randn(4, 6)) ** 2).sum().backward()
            optimizer.step()
        weights.append(model.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
