# SPDX-License-Identifier: Apache-2.0
"""Descriptions of the models that ship: mlp ([VU]'s 784-128-10), lenet and torchvision's resnet18 ([SMV])."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from medquorum.core import fixedpoint
from medquorum.core.model import parse
from medquorum.errors import ModelError

__all__ = ["MODELS", "Document", "describe", "lenet", "mlp", "pixel_table", "resnet18"]

Document: TypeAlias = dict[str, Any]
"""JSON document of a model description."""


def pixel_table(mean: float = 0.0, deviation: float = 1.0) -> list[int]:
    """Return the fixed-point value of each pixel i: (i/255 - mean) / deviation."""
    values: list[int] = fixedpoint.encode((np.arange(256) / 255.0 - mean) / deviation).tolist()
    return values


def mlp(image: Sequence[int], classes: int, pixels: Sequence[int] | None = None, hidden: int = 128) -> Document:
    """Describe flatten, dense ``fc1``, ReLU, dense ``fc2`` for images (c, h, w)."""
    layers = [{"op": "flatten"}, _dense("fc1", prod(image), hidden), {"op": "relu"}, _dense("fc2", hidden, classes)]
    return _document("mlp", image, classes, pixels, layers)


def lenet(image: Sequence[int], classes: int, pixels: Sequence[int] | None = None) -> Document:
    """Describe LeNet-5 with ReLU and maximum pooling; images below 20 places keep their size in ``conv2``."""
    channels, height, width = image
    padding = 0 if min(height, width) >= 20 else 2
    places = prod((size // 2 - 4 + 2 * padding) // 2 for size in (height, width))
    pool = {"op": "maxpool", "kernel": 2, "stride": 2, "padding": 0}
    layers: list[Document] = [
        _conv("conv1", channels, 6, 5, padding=2, bias=True),
        {"op": "relu"},
        pool,
        _conv("conv2", 6, 16, 5, padding=padding, bias=True),
        {"op": "relu"},
        pool,
        {"op": "flatten"},
        _dense("fc1", 16 * places, 120),
        {"op": "relu"},
        _dense("fc2", 120, 84),
        {"op": "relu"},
        _dense("fc3", 84, classes),
    ]
    return _document("lenet", image, classes, pixels, layers)


def resnet18(image: Sequence[int], classes: int, pixels: Sequence[int] | None = None) -> Document:
    """Describe torchvision's resnet18, names as in its state dict; grayscale images are repeated to three channels."""
    _, height, width = image
    layers: list[Document] = [
        _conv("conv1", 3, 64, 7, stride=2, padding=3),
        _batchnorm("bn1", 64),
        {"op": "relu"},
        {"op": "maxpool", "kernel": 3, "stride": 2, "padding": 1},
    ]
    channels = 64
    for stage, outputs in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            stride = 2 if stage > 1 and block == 0 else 1
            layers += [_basic_block(f"layer{stage}.{block}", channels, outputs, stride), {"op": "relu"}]
            channels = outputs
    layers += [{"op": "globalavgpool"}, {"op": "flatten"}, _dense("fc", 512, classes)]
    return _document("resnet18", (3, height, width), classes, pixels, layers)


MODELS: dict[str, Callable[[Sequence[int], int, Sequence[int] | None], Document]] = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet18": resnet18,
}


def describe(name: str, image: Sequence[int], classes: int, pixels: Sequence[int] | None = None) -> Document:
    """Describe the model of this name for images (c, h, w).

    Raises
    ------
    ModelError
        There is no model of this name, or it does not fit such images.
    """
    if name not in MODELS:
        raise ModelError(f"there is no model named {name}", f"Use one of {', '.join(MODELS)}")
    document = MODELS[name](image, classes, pixels)
    parse(document)
    return document


def _basic_block(name: str, inputs: int, outputs: int, stride: int) -> Document:
    body = [
        _conv(f"{name}.conv1", inputs, outputs, 3, stride=stride, padding=1),
        _batchnorm(f"{name}.bn1", outputs),
        {"op": "relu"},
        _conv(f"{name}.conv2", outputs, outputs, 3, padding=1),
        _batchnorm(f"{name}.bn2", outputs),
    ]
    shortcut: list[Document] = []
    if stride != 1 or inputs != outputs:
        shortcut = [
            _conv(f"{name}.downsample.0", inputs, outputs, 1, stride=stride),
            _batchnorm(f"{name}.downsample.1", outputs),
        ]
    return {"op": "residual", "body": body, "shortcut": shortcut}


def _conv(
    name: str, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = False
) -> Document:
    sizes = {"kernel": kernel, "stride": stride, "padding": padding}
    return {"op": "conv", "name": name, "in": inputs, "out": outputs, **sizes, "bias": bias}


def _dense(name: str, inputs: int, outputs: int) -> Document:
    return {"op": "dense", "name": name, "in": inputs, "out": outputs}


def _batchnorm(name: str, channels: int) -> Document:
    return {"op": "batchnorm", "name": name, "channels": channels}


def _document(
    name: str, image: Sequence[int], classes: int, pixels: Sequence[int] | None, layers: list[Document]
) -> Document:
    table = pixel_table() if pixels is None else list(pixels)
    return {"name": name, "input": list(image), "classes": classes, "pixels": table, "layers": layers}
