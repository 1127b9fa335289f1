# SPDX-License-Identifier: Apache-2.0
"""The layers of format version 2."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from medquorum.core.model.fields import Name, Size, StrictDocument

__all__ = [
    "AdaptiveAvgPool",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Concat",
    "Conv",
    "Dense",
    "Flatten",
    "GraphLayer",
    "LeakyRelu",
    "MaxPool",
    "Relu",
    "Relu6",
]

Steps: TypeAlias = Annotated[int, Field(ge=1, le=1024)]
Margin: TypeAlias = Annotated[int, Field(ge=0, le=1024)]
Pair: TypeAlias = tuple[Steps, Steps]
"""Along height and width; a signal has height 1."""
Margins: TypeAlias = tuple[Margin, Margin]
Features: TypeAlias = Annotated[int, Field(ge=1, le=1 << 20)]
"""A flattened picture has more of them than a layer has channels."""


class _Layer(StrictDocument):
    name: Name


class _Single(_Layer):
    inputs: tuple[Name] = Field(alias="from")


class _Joint(_Layer):
    inputs: Annotated[tuple[Name, ...], Field(min_length=2, max_length=128)] = Field(alias="from")


class Conv(_Single):
    """Convolution, zero padded: ``name.weight`` (out, in / groups, height, width) and, with bias, ``name.bias``."""

    op: Literal["conv"]
    channels: Size = Field(alias="in")
    outputs: Size = Field(alias="out")
    kernel: Pair
    stride: Pair
    padding: Margins
    dilation: Pair
    groups: Size
    bias: bool


class Dense(_Single):
    """Fully connected layer: ``name.weight`` (out, in) and, with bias, ``name.bias`` (out)."""

    op: Literal["dense"]
    features: Features = Field(alias="in")
    outputs: Size = Field(alias="out")
    bias: bool


class BatchNorm(_Single):
    """Batch normalisation, anywhere: ``name.weight``, ``.bias``, ``.mean``, ``.scale``."""

    op: Literal["batchnorm"]
    channels: Size


class Relu(_Single):
    """max(x, 0)."""

    op: Literal["relu"]


class Relu6(_Single):
    """min(max(x, 0), 6)."""

    op: Literal["relu6"]


class LeakyRelu(_Single):
    """x, or slope · x where x is negative; the slope has 16 fraction bits."""

    op: Literal["leakyrelu"]
    slope: Annotated[int, Field(ge=1, lt=1 << 16)]


class MaxPool(_Single):
    """Maximum over windows; padded places do not count. With ``ceil`` the last window may reach beyond the border."""

    op: Literal["maxpool"]
    kernel: Pair
    stride: Pair
    padding: Margins
    ceil: bool = False


class AvgPool(_Single):
    """Mean over windows; padded places count as zeros, what ``ceil`` adds beyond them does not count."""

    op: Literal["avgpool"]
    kernel: Pair
    stride: Pair
    padding: Margins
    ceil: bool = False


class AdaptiveAvgPool(_Single):
    """Mean over ``size`` windows along height and width that cover all places, as torch divides them."""

    op: Literal["adaptiveavgpool"]
    size: Pair


class Flatten(_Single):
    """(c, h, w) to c·h·w features, in that order."""

    op: Literal["flatten"]


class Add(_Joint):
    """Sum of values of one shape."""

    op: Literal["add"]


class Concat(_Joint):
    """Values one after the other along the channels, or features."""

    op: Literal["concat"]


GraphLayer: TypeAlias = Annotated[
    Conv | Dense | BatchNorm | Relu | Relu6 | LeakyRelu | MaxPool | AvgPool | AdaptiveAvgPool | Flatten | Add | Concat,
    Field(discriminator="op"),
]
