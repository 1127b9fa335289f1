# SPDX-License-Identifier: Apache-2.0
"""Modules that only format version 2 can say: each is held to its own float64 logits when it is described."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from medquorum.admin import Classes, Labels, Logit, Numbers, Pixels, describe
from medquorum.clients.training.formats.state import load_into, pack_module, state_of
from medquorum.clients.training.module import DescribedModel
from medquorum.core import model as modelformat
from medquorum.errors import ModelError

IMAGE = torch.zeros(1, 3, 12, 10)


def lively(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give batch normalisations statistics that are not those of the start."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.copy_(torch.randn(part.num_features, generator=generator) * 0.3)
            part.running_var.copy_(torch.rand(part.num_features, generator=generator) + 0.5)
    return module


def ending(*body: nn.Module, channels: int) -> nn.Module:
    return lively(nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)))


@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.sampled_from([1, 3]),
    outputs=st.sampled_from([3, 6]),
    bias=st.booleans(),
    data=st.data(),
)
@settings(max_examples=10, deadline=None)
def test_every_convolution_agrees_with_torch(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    outputs: int,
    bias: bool,
    data: Any,
) -> None:
    most = [(spread * (side - 1) + 1) // 2 for side, spread in zip(kernel, dilation, strict=True)]
    padding = data.draw(st.tuples(*(st.integers(0, size) for size in most)))
    torch.manual_seed(0)
    conv = nn.Conv2d(3, outputs, kernel, stride, padding, dilation, groups, bias)
    document = describe(ending(conv, nn.BatchNorm2d(outputs), nn.ReLU(), channels=outputs), IMAGE)
    assert document["layers"][0]["op"] == "conv"


@given(
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kind=st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]),
    data=st.data(),
)
@settings(max_examples=10, deadline=None)
def test_every_pool_that_reaches_beyond_the_border_agrees_with_torch(
    kernel: tuple[int, int], stride: tuple[int, int], kind: Any, data: Any
) -> None:
    padding = data.draw(st.tuples(*(st.integers(0, side // 2) for side in kernel)))
    torch.manual_seed(0)
    pool = kind(kernel, stride, padding, ceil_mode=True)
    document = describe(ending(pool, nn.Conv2d(3, 3, 1), nn.LeakyReLU(), channels=3), IMAGE)
    shorter = kind(kernel, stride, padding)(IMAGE).shape != pool(IMAGE).shape
    assert document["layers"][0].get("ceil", False) == shorter


@pytest.mark.parametrize(
    "body",
    [
        [nn.BatchNorm2d(3)],
        [nn.MaxPool2d((3, 2), (2, 1), (1, 0)), nn.BatchNorm2d(3)],
        [nn.AvgPool2d((3, 2), (2, 1), (1, 1))],
        [nn.AdaptiveAvgPool2d((5, 3)), nn.ReLU6()],
        [nn.Conv2d(3, 3, 1), nn.LeakyReLU(0.1)],
        [nn.Conv2d(3, 3, 1), nn.LeakyReLU(0.01), nn.MaxPool2d(2, ceil_mode=True)],
        [nn.MaxPool2d((5, 4), ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True)],
        [nn.Conv2d(3, 3, 3, padding="same", dilation=2), nn.Hardtanh(0.0, 6.0)],
    ],
    ids=["norm", "norm_after_pool", "average", "adaptive", "leaky", "even_ceil", "ceil", "same"],
)
def test_every_layer_agrees_with_torch(body: list[nn.Module]) -> None:
    torch.manual_seed(0)
    document = describe(ending(*body, channels=3), IMAGE)
    assert document["format"] == 2


class DenseBlocks(nn.Module):
    """Concatenations, several skips of one value, and normalisation before convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4 * count) for count in (1, 2, 3))
        self.convs = nn.ModuleList(nn.Conv2d(4 * count, 4, 3, padding=1, bias=False) for count in (1, 2))
        self.last = nn.Linear(12, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = [self.stem(inputs)]
        for norm, conv in zip(self.norms, self.convs, strict=False):
            values.append(conv(functional.relu(norm(torch.cat(values, 1)))) + values[0])
        return self.last(functional.relu(self.norms[2](torch.cat(values, 1))).mean((2, 3)))


def test_dense_blocks_are_a_graph() -> None:
    torch.manual_seed(0)
    document = describe(lively(DenseBlocks()), IMAGE, Pixels(0.5, 0.5), Classes(4))
    assert [layer["op"] for layer in document["layers"]].count("concat") == 2
    assert document["output"] == {"kind": "classes", "count": 4}


class Rows(nn.Module):
    """A table's rows, one probability."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(13)
        self.first, self.last = nn.Linear(13, 8, bias=False), nn.Linear(8, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.last(functional.leaky_relu(self.first(self.norm(rows))))).squeeze(1)


class Signal(nn.Module):
    """Twelve leads, one dimension, several labels; maxima and means of all places, as in xresnet1d."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(12, 6, 5, 2, 2, bias=False), nn.BatchNorm1d(6), nn.ReLU())
        self.block = nn.Sequential(nn.Conv1d(6, 6, 3, padding=2, dilation=2), nn.BatchNorm1d(6))
        self.short = nn.Sequential(nn.AvgPool1d(2, ceil_mode=True), nn.Conv1d(6, 6, 1))
        self.pool = nn.MaxPool1d(2)
        self.last = nn.Linear(12, 5)

    def forward(self, leads: torch.Tensor) -> torch.Tensor:
        values = self.stem(leads)
        values = functional.relu(self.pool(self.block(values)) + self.short(values))
        pooled = functional.adaptive_max_pool1d(values, 1), functional.adaptive_avg_pool1d(values, 1)
        return self.last(torch.cat(pooled, 1).flatten(1))


def test_a_table_s_rows_have_one_logit() -> None:
    torch.manual_seed(0)
    inputs = Numbers(mean=[0.5] * 12 + [1990.0], deviation=[2.0] * 12 + [9.5])
    document = describe(lively(Rows()), torch.zeros(1, 13), inputs, Logit(0.25))
    assert document["input"]["shape"] == [13, 1, 1]
    assert document["output"] == {"kind": "logit", "threshold": 16384}
    with pytest.raises(ModelError, match="one logit"):
        describe(Rows(), torch.zeros(1, 13))
    with pytest.raises(ModelError, match="12 numbers for 13 channels"):
        describe(Rows(), torch.zeros(1, 13), Numbers(mean=[0.0] * 12), Logit())


def test_a_signal_has_several_labels() -> None:
    torch.manual_seed(0)
    raw = np.random.default_rng(0).integers(-2000, 2000, (6, 1, 40, 12)).astype(np.int16)
    inputs = Numbers(mean=3.0, deviation=500.0, type="int16")
    document = describe(lively(Signal()), torch.zeros(1, 12, 40), inputs, Labels(5), images=raw)
    assert document["input"]["shape"] == [12, 1, 40]
    assert document["output"]["thresholds"] == [0] * 5
    with pytest.raises(ModelError, match="gives \\(5,\\), not 4 logits"):
        describe(Signal(), torch.zeros(1, 12, 40), inputs, Labels(4))


def test_one_dimension_is_loaded_and_packed_as_torch_has_it() -> None:
    torch.manual_seed(0)
    module = lively(Signal())
    document = describe(module, torch.zeros(1, 12, 40), Numbers(), Labels(5))
    description = modelformat.parse(dict(document))
    packed = pack_module(module, description, None)
    other = Signal()
    load_into(other, description, packed)
    assert pack_module(other, description, packed) == packed
    described = DescribedModel(description).eval()
    described.load_state_dict(state_of(description, packed), strict=False)
    leads = torch.randn(3, 12, 40)
    with torch.no_grad():
        torch.testing.assert_close(described(leads[:, :, None]), other.eval()(leads), atol=1e-4, rtol=1e-4)


class AlwaysDropping(nn.Module):
    """Dropout that eval mode leaves on, as in openfl's histology workspace."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(30, 2)

    def forward(self, row: torch.Tensor) -> torch.Tensor:
        return self.last(functional.dropout(functional.relu(row), p=0.5))


def test_a_dropout_that_eval_mode_leaves_on_is_none() -> None:
    torch.manual_seed(0)
    document = describe(AlwaysDropping(), torch.zeros(1, 30))
    assert [layer["op"] for layer in document["layers"]] == ["flatten", "relu", "dense"]


class HeldTwice(nn.Module):
    """A part that two attributes hold, as in xresnet1d."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(nn.Conv1d(2, 2, 3, padding=1), nn.BatchNorm1d(2))
        self.path = nn.Sequential(self.convs)
        self.last = nn.Linear(16, 2)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return self.last((self.path(signal) + signal).flatten(1))


def test_a_part_that_is_held_twice_is_one() -> None:
    module = lively(HeldTwice())
    description = modelformat.parse(dict(describe(module, torch.zeros(1, 2, 8))))
    packed = pack_module(module, description, None)
    other = HeldTwice()
    load_into(other, description, packed)
    assert pack_module(other, description, packed) == packed
    other.path = nn.Sequential(nn.Sequential(nn.Conv1d(2, 2, 3, padding=1), nn.BatchNorm1d(2)))
    with pytest.raises(ModelError, match=r"unknown: (path|convs)\."):
        pack_module(other, description, packed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v2", "densenet121"])
def test_torchvision_s_networks_are_described(name: str) -> None:
    torch.manual_seed(0)
    module = getattr(torchvision.models, name)(num_classes=6)
    document = describe(module, torch.zeros(1, 3, 32, 32), Pixels(0.5, 0.5))
    assert document["format"] == 2
