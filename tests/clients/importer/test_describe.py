# SPDX-License-Identifier: Apache-2.0
"""A module of one's own as a model description, or every reason why it is none."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from medquorum.admin import Classes, ModelDocument, Pixels, describe
from medquorum.clients.importer import graph
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import ModelError, RangeError

IMAGE = torch.zeros(1, 1, 28, 28)


class Block(nn.Module):
    """A residual whose shortcut is its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return functional.relu(inputs + self.norm(self.conv(inputs)))


def small(*middle: nn.Module, width: int = 4, image: int = 28) -> nn.Sequential:
    parts = OrderedDict[str, nn.Module](stem=nn.Conv2d(1, width, 3, padding=1), relu=nn.ReLU())
    parts |= {f"middle{index}": module for index, module in enumerate(middle)}
    parts |= {
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "drop": nn.Dropout(0.5),
        "head": nn.Linear(width, 3),
    }
    return nn.Sequential(parts)


def operations(document: dict[str, Any]) -> list[str]:
    return [layer["op"] for layer in document["layers"]]


@pytest.mark.slow
def test_torchvision_s_resnet18_is_the_catalogue_s() -> None:
    document = describe(torchvision.models.resnet18(num_classes=4), torch.zeros(1, 3, 28, 28))
    assert modelformat.parse(dict(document)).layers == modelformat.parse(catalogue.resnet18((1, 28, 28), 4)).layers


@pytest.mark.slow
def test_torchvision_s_resnet50_is_described() -> None:
    document = describe(torchvision.models.resnet50(num_classes=9), torch.zeros(1, 3, 64, 64))
    assert operations(document).count("residual") == 16
    assert document["classes"] == 9


@pytest.mark.parametrize(
    ("middle", "wanted"),
    [
        (nn.MaxPool2d(2), ["maxpool"]),
        (nn.AvgPool2d(2, stride=1), ["avgpool"]),
        (nn.AdaptiveAvgPool2d(7), ["avgpool"]),
        (nn.AdaptiveAvgPool2d(28), []),
        (nn.Identity(), []),
        (nn.Conv2d(4, 4, 3, padding="same"), ["conv"]),
        (Block(4), ["residual", "relu"]),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, eps=0.1)), ["conv", "batchnorm"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_of_the_format_are_found(middle: nn.Module, wanted: list[str]) -> None:
    found = operations(describe(small(middle), IMAGE))
    assert found == ["conv", "relu", *wanted, "globalavgpool", "flatten", "dense"]


def test_what_does_not_change_the_largest_logit_is_left_out() -> None:
    class Tail(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(784, 3, bias=False)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return functional.log_softmax(self.fc(inputs.view(inputs.size(0), -1)), dim=1)

    module = Tail().train()
    assert operations(describe(module, IMAGE, output=Classes(3))) == ["flatten", "dense"]
    assert module.training


class Forms(nn.Module):
    """What hospitals write in other words: view of channels, squeeze, functional calls, padding by name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, padding="same")
        self.drop = nn.Dropout2d(0.2)
        self.first = nn.Linear(4 * 14 * 14, 6)
        self.norm = nn.BatchNorm1d(6)
        self.last = nn.Linear(6, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = functional.max_pool2d(functional.relu(self.conv(inputs)), 2)
        values = functional.dropout(values, 0.5, self.training).view(inputs.shape[0], -1)
        hidden = functional.relu(self.norm(self.first(values)))
        logits: torch.Tensor = self.last(hidden)
        return logits.softmax(-1)


def test_other_words_for_the_same_layers_are_understood() -> None:
    wanted = ["conv", "relu", "maxpool", "flatten", "dense", "batchnorm", "relu", "dense"]
    assert operations(describe(Forms(), IMAGE)) == wanted


class Squeezed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.last = nn.Linear(4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        pooled = functional.adaptive_avg_pool2d(self.conv(inputs), 1)
        logits: torch.Tensor = self.last(pooled.squeeze(-1).squeeze(-1))
        return logits


def test_squeezed_places_are_flattened() -> None:
    assert operations(describe(Squeezed(), IMAGE)) == ["conv", "globalavgpool", "flatten", "dense"]


def test_all_that_does_not_fit_is_told_at_once() -> None:
    module = small(nn.Hardswish(), nn.PReLU(), nn.MaxPool2d(2, dilation=2), nn.GroupNorm(2, 4))
    with pytest.raises(ModelError) as told:
        describe(module, IMAGE)
    lines = told.value.cause.splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["middle0", "middle1", "middle2", "middle3"]
    assert "middle1: prelu" in lines[2]
    assert "by LeakyReLU" in lines[2]
    assert "dilation" in lines[3]
    assert "nn.BatchNorm2d" in lines[4]


def test_the_source_line_is_told() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = small()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.inner(torch.tanh(inputs))

    with pytest.raises(ModelError, match=r"tanh \(test_describe.py:\d+\) has no exact integer form"):
        describe(Odd(), IMAGE)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (small(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False)), "middle1: batch_norm .*affine=True"),
        (
            small(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
            "middle1: batch_norm .*track_running_stats=True",
        ),
    ],
    ids=["affine", "statistics"],
)
def test_what_the_format_cannot_say_has_a_remedy(module: nn.Module, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        describe(module, IMAGE)


def test_tied_weights_are_refused() -> None:
    module = small(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
    module.middle1.weight = module.middle0.weight
    with pytest.raises(ModelError, match="tied weights"):
        describe(module, IMAGE)


def test_a_tensor_in_no_layer_is_refused() -> None:
    module = small()
    module.pool.extra = nn.Parameter(torch.zeros(1))
    with pytest.raises(ModelError, match=r"unknown: pool\.extra"):
        describe(module, IMAGE)


def test_a_branch_on_values_cannot_be_traced() -> None:
    class Branching(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs if inputs.sum() > 0 else -inputs

    with pytest.raises(ModelError, match="cannot be traced"):
        describe(Branching(), IMAGE)


def test_fx_is_asked_where_export_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    export = torch.export.export

    def failing(module: nn.Module, *given: Any, **more: Any) -> Any:
        if not isinstance(module, torch.fx.GraphModule):
            raise RuntimeError("no")
        return export(module, *given, **more)

    monkeypatch.setattr(graph.torch.export, "export", failing)
    assert operations(describe(small(Block(4)), IMAGE)) == operations(describe(small(Block(4)), IMAGE))


def test_a_parameter_out_of_range_is_told() -> None:
    module = small()
    with torch.no_grad():
        module.head.weight[0, 0] = 9
    with pytest.raises(RangeError, match=r"head\.weight"):
        describe(module, IMAGE)


def test_logits_that_differ_are_refused() -> None:
    class Doubled(nn.Module):
        """What no layer says: eval() and the trace see other values."""

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(784, 3)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.fc(inputs.flatten(1))
            return logits if torch.compiler.is_exporting() else 2 * logits

    with pytest.raises(ModelError, match="float and integer logits differ"):
        describe(Doubled(), IMAGE)


def test_real_images_are_held_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    describe(small(), IMAGE, images=images)
    monkeypatch.setattr("medquorum.clients.training.formats.agreement.EXACT", 1e-9)
    with pytest.raises(ModelError, match="on the given images"):
        describe(small(), IMAGE, images=images)


def test_inputs_are_images_of_one_table() -> None:
    document = describe(small(), IMAGE, Pixels(mean=0.5, deviation=[0.25]))
    assert (document["pixels"][0], document["pixels"][255]) == (-2 << 16, 2 << 16)
    with pytest.raises(ModelError, match="3 values of the mean"):
        describe(small(), IMAGE, Pixels(mean=(0.485, 0.456, 0.406)))
    with pytest.raises(ModelError, match="an example of shape"):
        describe(small(), torch.zeros(1, 1, 4, 28, 28))
    with pytest.raises(ModelError, match="3 logits, not 4"):
        describe(small(), IMAGE, output=Classes(4))


def test_a_document_is_saved_and_says_what_it_costs(tmp_path: Path) -> None:
    document = describe(small(), IMAGE)
    document.save(tmp_path / "model.json")
    assert ModelDocument.load(tmp_path / "model.json") == document
    plain, encrypted = document.check(), document.check("encrypted")
    assert plain.parameters == encrypted.parameters == 4 * 9 + 4 + 12 + 3
    assert plain.multiplications == encrypted.multiplications
    assert encrypted.comparisons > 4 * 28 * 28
    assert min(encrypted.sent, encrypted.dealt, encrypted.rounds, encrypted.seconds or 0) > 0
    keys = document.check("encrypted", comparison="fss", images=10**6)
    assert keys.dealt > encrypted.dealt
    assert (keys.seconds or 0) > (document.check("encrypted", images=10**6).seconds or 0)
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(ModelError):
        ModelDocument.load(tmp_path / "model.json")
