# SPDX-License-Identifier: Apache-2.0
"""A model description of format version 2, typed and bounded: a graph of layers that name their inputs."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from medquorum.core.model.fields import Name, Number, Pixels, Size, StrictDocument
from medquorum.core.model.graph.layers import GraphLayer

__all__ = ["Classes", "Fixed", "GraphDescription", "Input", "Labels", "Logit", "Output", "Table"]

Scale: TypeAlias = Annotated[int, Field(ge=-(1 << 42), le=1 << 42)]
Shape: TypeAlias = tuple[Size, Size, Size]


class Table(StrictDocument):
    """Images of uint8: pixel i is the number ``pixels[i]``; one channel is repeated to the model's."""

    kind: Literal["table"]
    shape: Shape
    pixels: Pixels


class Fixed(StrictDocument):
    """Numbers x of a fixed point: x · scale + offset, for each channel.

    Attributes
    ----------
    type
        ``int16``: x is a whole number. ``int32``: x has 16 fraction bits.
    scale, offset
        One for each channel, with 32 and 16 fraction bits.
    """

    kind: Literal["fixed"]
    shape: Shape
    type: Literal["int16", "int32"]
    scale: Annotated[tuple[Scale, ...], Field(min_length=1, max_length=1 << 16)]
    offset: Annotated[tuple[Scale, ...], Field(min_length=1, max_length=1 << 16)]


Input: TypeAlias = Annotated[Table | Fixed, Field(discriminator="kind")]


class Classes(StrictDocument):
    """One logit for each class: the largest names the class."""

    kind: Literal["classes"]
    count: Annotated[int, Field(ge=2, le=256)]

    @property
    def logits(self) -> int:
        """Number of logits."""
        return self.count

    @property
    def classes(self) -> int:
        """Number of entries of per-class counts."""
        return self.count

    @property
    def answers(self) -> int:
        """Number of answers that are counted of a case."""
        return 1


class Logit(StrictDocument):
    """One logit: class 1 from ``threshold`` on, else class 0."""

    kind: Literal["logit"]
    threshold: Number

    @property
    def logits(self) -> int:
        """Number of logits."""
        return 1

    @property
    def classes(self) -> int:
        """Number of entries of per-class counts."""
        return 2

    @property
    def answers(self) -> int:
        """Number of answers that are counted of a case."""
        return 1


class Labels(StrictDocument):
    """One logit for each label: the label is given from its threshold on."""

    kind: Literal["labels"]
    thresholds: Annotated[tuple[Number, ...], Field(min_length=2, max_length=128)]

    @property
    def logits(self) -> int:
        """Number of logits."""
        return len(self.thresholds)

    @property
    def classes(self) -> int:
        """Number of entries of per-class counts: without and with each label."""
        return 2 * len(self.thresholds)

    @property
    def answers(self) -> int:
        """Number of answers that are counted of a case: one for each label."""
        return len(self.thresholds)


Output: TypeAlias = Annotated[Classes | Logit | Labels, Field(discriminator="kind")]


class GraphDescription(StrictDocument):
    """A model's input, output and layers, each after those it takes values from."""

    format: Literal[2]
    name: Name
    source: Input = Field(alias="input")
    output: Output
    layers: Annotated[tuple[GraphLayer, ...], Field(min_length=1, max_length=1024)]

    @property
    def shape(self) -> Shape:
        """The input: channels, height, width."""
        return self.source.shape

    @property
    def classes(self) -> int:
        """Number of entries of per-class counts."""
        return self.output.classes
