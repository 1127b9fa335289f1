# SPDX-License-Identifier: Apache-2.0
"""Models, updates and images for tests of the encrypted evaluation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model import Kind, ModelDescription, TensorSpec, catalogue, layout, parse


class Case(NamedTuple):
    """A description with a base model, an update, images and labels."""

    description: ModelDescription
    base: dict[str, IntArray]
    update: dict[str, IntArray]
    images: np.ndarray
    labels: IntArray

    def flat(self) -> IntArray:
        """Return the update in layout order."""
        return np.concatenate([self.update[spec.name].reshape(-1) for spec in layout(self.description)])


def tensor(spec: TensorSpec, rng: np.random.Generator, extreme: bool) -> IntArray:
    """Draw a tensor: of the size of trained ones, or anywhere in RANGE so that sums wrap."""
    kind = spec.kind
    if extreme and kind is not Kind.MEAN:
        return rng.integers(kind.lowest, kind.highest + 1, spec.shape)
    fan = int(np.prod(spec.shape[1:])) if len(spec.shape) > 1 else 400
    match kind:
        case Kind.WEIGHT:
            values = rng.normal(size=spec.shape) * 1.5 / np.sqrt(fan)
        case Kind.GAMMA:
            values = 1 + 0.1 * rng.normal(size=spec.shape)
        case Kind.SCALE:
            values = np.exp(0.3 * rng.normal(size=spec.shape))
        case _:
            values = 0.1 * rng.normal(size=spec.shape)
    return np.clip(np.rint(values * 65536), kind.lowest, kind.highest).astype(np.int64)


def case(
    document: catalogue.Document, images: int, *, extreme: bool = False, grayscale: bool = True, seed: int = 3
) -> Case:
    """Make a case from a description's document."""
    rng = np.random.default_rng(seed)
    description = parse(document)
    base = {spec.name: tensor(spec, rng, False) for spec in layout(description)}
    update = {spec.name: tensor(spec, rng, extreme) for spec in layout(description)}
    channels, height, width = description.input
    shape = (images, height, width) if grayscale else (images, height, width, channels)
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    return Case(description, base, update, pixels, rng.integers(0, description.classes, images))


def graph_case(document: catalogue.Document, images: int, *, extreme: bool = False, seed: int = 3) -> Case:
    """Make a case from a document of format version 2, its inputs of the type that it says."""
    rng = np.random.default_rng(seed)
    description = parse(document)
    base = {spec.name: tensor(spec, rng, False) for spec in layout(description)}
    update = {spec.name: tensor(spec, rng, extreme) for spec in layout(description)}
    channels, height, width = description.shape
    kind = document["input"].get("type", "uint8")
    lowest, highest = {"uint8": (0, 256), "int16": (-128, 128), "int32": (-(1 << 17), 1 << 17)}[kind]
    inputs = rng.integers(lowest, highest, (images, height, width, channels)).astype(kind)
    output = description.output
    shape = (images, output.logits) if output.kind == "labels" else (images,)
    labels = rng.integers(0, output.count if output.kind == "classes" else 2, shape)
    return Case(description, base, update, inputs, labels)
