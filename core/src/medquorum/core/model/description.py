# SPDX-License-Identifier: Apache-2.0
"""A model description: the JSON document of a task that names a model's layers, typed and bounded."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AvgPool",
    "BatchNorm",
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

Size: TypeAlias = Annotated[int, Field(ge=1, le=1 << 16)]
Kernel: TypeAlias = Annotated[int, Field(ge=1, le=64)]
Padding: TypeAlias = Annotated[int, Field(ge=0, le=32)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,80}$")]
Pixel: TypeAlias = Annotated[int, Field(gt=-(1 << 21), lt=1 << 21)]


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)


class Flatten(_Document):
    """(c, h, w) to c·h·w features, in that order."""

    op: Literal["flatten"]


class Dense(_Document):
    """Fully connected layer with bias: ``name.weight`` (out, in) and ``name.bias`` (out)."""

    op: Literal["dense"]
    name: Name
    inputs: Size = Field(alias="in")
    outputs: Size = Field(alias="out")


class Conv(_Document):
    """Square convolution, zero padded: ``name.weight`` (out, in, kernel, kernel) and, with bias, ``name.bias``."""

    op: Literal["conv"]
    name: Name
    inputs: Size = Field(alias="in")
    outputs: Size = Field(alias="out")
    kernel: Kernel
    stride: Kernel
    padding: Padding
    bias: bool


class BatchNorm(_Document):
    """Batch normalisation right after a conv or dense layer: ``name.weight``, ``.bias``, ``.mean``, ``.scale``."""

    op: Literal["batchnorm"]
    name: Name
    channels: Size


class Relu(_Document):
    """max(x, 0)."""

    op: Literal["relu"]


class MaxPool(_Document):
    """Maximum over square windows; padded places do not count."""

    op: Literal["maxpool"]
    kernel: Kernel
    stride: Kernel
    padding: Padding


class AvgPool(_Document):
    """Mean over square windows without padding."""

    op: Literal["avgpool"]
    kernel: Kernel
    stride: Kernel


class GlobalAvgPool(_Document):
    """Mean over all places: (c, h, w) to (c, 1, 1)."""

    op: Literal["globalavgpool"]


PlainLayer: TypeAlias = Annotated[
    Flatten | Dense | Conv | BatchNorm | Relu | MaxPool | AvgPool | GlobalAvgPool, Field(discriminator="op")
]


class Residual(_Document):
    """Body plus shortcut: the body ends in a conv (with batchnorm or without), the shortcut is empty or such a conv."""

    op: Literal["residual"]
    body: Annotated[tuple[PlainLayer, ...], Field(min_length=1, max_length=32)]
    shortcut: Annotated[tuple[PlainLayer, ...], Field(max_length=2)]


Layer: TypeAlias = Annotated[
    Flatten | Dense | Conv | BatchNorm | Relu | MaxPool | AvgPool | GlobalAvgPool | Residual, Field(discriminator="op")
]


class ModelDescription(_Document):
    """A model's layers, its input (channels, height, width) and the fixed-point value of each of 256 pixels."""

    name: Name
    input: tuple[Size, Size, Size]
    classes: Annotated[int, Field(ge=2, le=256)]
    pixels: Annotated[tuple[Pixel, ...], Field(min_length=256, max_length=256)]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=256)]
