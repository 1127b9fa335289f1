# SPDX-License-Identifier: Apache-2.0
"""A model description: the JSON document of a task that names a model's layers, format version 1."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from medquorum.core.model.fields import Name, Pixels, Size, StrictDocument
from medquorum.core.model.graph.description import Classes, GraphDescription, Table

__all__ = [
    "AvgPool",
    "BatchNorm",
    "ChainDescription",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalAvgPool",
    "Layer",
    "MaxPool",
    "ModelDescription",
    "PlainLayer",
    "Relu",
    "Residual",
]

Kernel: TypeAlias = Annotated[int, Field(ge=1, le=64)]
Padding: TypeAlias = Annotated[int, Field(ge=0, le=32)]


class Flatten(StrictDocument):
    """(c, h, w) to c·h·w features, in that order."""

    op: Literal["flatten"]


class Dense(StrictDocument):
    """Fully connected layer with bias: ``name.weight`` (out, in) and ``name.bias`` (out)."""

    op: Literal["dense"]
    name: Name
    inputs: Size = Field(alias="in")
    outputs: Size = Field(alias="out")

    @property
    def bias(self) -> bool:
        """True: a dense layer has a bias."""
        return True


class Conv(StrictDocument):
    """Square convolution, zero padded: ``name.weight`` (out, in, kernel, kernel) and, with bias, ``name.bias``."""

    op: Literal["conv"]
    name: Name
    inputs: Size = Field(alias="in")
    outputs: Size = Field(alias="out")
    kernel: Kernel
    stride: Kernel
    padding: Padding
    bias: bool


class BatchNorm(StrictDocument):
    """Batch normalisation right after a conv or dense layer: ``name.weight``, ``.bias``, ``.mean``, ``.scale``."""

    op: Literal["batchnorm"]
    name: Name
    channels: Size


class Relu(StrictDocument):
    """max(x, 0)."""

    op: Literal["relu"]


class MaxPool(StrictDocument):
    """Maximum over square windows; padded places do not count."""

    op: Literal["maxpool"]
    kernel: Kernel
    stride: Kernel
    padding: Padding


class AvgPool(StrictDocument):
    """Mean over square windows without padding."""

    op: Literal["avgpool"]
    kernel: Kernel
    stride: Kernel


class GlobalAvgPool(StrictDocument):
    """Mean over all places: (c, h, w) to (c, 1, 1)."""

    op: Literal["globalavgpool"]


PlainLayer: TypeAlias = Annotated[
    Flatten | Dense | Conv | BatchNorm | Relu | MaxPool | AvgPool | GlobalAvgPool, Field(discriminator="op")
]


class Residual(StrictDocument):
    """Body plus shortcut: the body ends in a conv (with batchnorm or without), the shortcut is empty or such a conv."""

    op: Literal["residual"]
    body: Annotated[tuple[PlainLayer, ...], Field(min_length=1, max_length=32)]
    shortcut: Annotated[tuple[PlainLayer, ...], Field(max_length=2)]


Layer: TypeAlias = Annotated[
    Flatten | Dense | Conv | BatchNorm | Relu | MaxPool | AvgPool | GlobalAvgPool | Residual, Field(discriminator="op")
]


class ChainDescription(StrictDocument):
    """A model's layers, its input (channels, height, width) and the fixed-point value of each of 256 pixels."""

    name: Name
    input: tuple[Size, Size, Size]
    classes: Annotated[int, Field(ge=2, le=256)]
    pixels: Pixels
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=256)]

    @property
    def shape(self) -> tuple[int, int, int]:
        """The input: channels, height, width."""
        return self.input

    @property
    def source(self) -> Table:
        """The input as version 2 says it."""
        return Table(kind="table", shape=self.input, pixels=self.pixels)

    @property
    def output(self) -> Classes:
        """The output as version 2 says it."""
        return Classes(kind="classes", count=self.classes)


ModelDescription: TypeAlias = ChainDescription | GraphDescription
"""A description of either format version."""
