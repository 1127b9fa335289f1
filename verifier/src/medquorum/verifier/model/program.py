# SPDX-License-Identifier: Apache-2.0
"""Compile a model description to the steps of its encrypted evaluation (values: docs/reference/evaluation.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray, activation_bits
from medquorum.core.model.description import BatchNorm, ChainDescription, Conv, Dense, ModelDescription
from medquorum.core.model.resolved import Places, ResolvedLayer, resolve
from medquorum.errors import ModelError
from medquorum.verifier.arithmetic.geometry import Geometry
from medquorum.verifier.gates.input_layer import Entry
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum.verifier.gates.steps import Average, Linear, Maximum, Scale, Step

__all__ = ["Affine", "Program", "compile_program"]


@dataclass(frozen=True)
class Affine:
    """A convolution or dense layer's parameters and places.

    Attributes
    ----------
    norm
        Folded into it.
    held
        (c, h, w) of the input as the steps hold it: flatten leaves it.
    grayscale
        True when the input is one channel repeated: the weights are summed over the channels.
    rounds
        True when its bias carries the truncation's half; a shortcut's does not.
    """

    layer: Conv | Dense
    norm: BatchNorm | None
    geometry: Geometry
    held: tuple[int, int, int]
    grayscale: bool
    rounds: bool


@dataclass(frozen=True)
class Program:
    """A compiled model: the steps of a batch and the layers whose weights they use.

    Attributes
    ----------
    image
        (h, w, c) of the images as the parties hold them, c = 1 for grayscale ones.
    pixels
        Array of int64 (256,).
    classes, width, ring, lambda_bits
        width: signed bits of an activation; ring: bits that sums before truncation need.
    """

    steps: tuple[Step, ...]
    layers: tuple[Affine, ...]
    image: tuple[int, int, int]
    pixels: IntArray
    classes: int
    width: int
    ring: int
    lambda_bits: int


@dataclass(frozen=True)
class _Rectify:
    """A ReLU that is still to be fused with the step before it."""

    name: str
    opens: bool


@dataclass(frozen=True)
class _Reshape:
    name: str
    opens: bool


def compile_program(description: ModelDescription, *, lambda_bits: int, grayscale: bool) -> Program:
    """Compile a description.

    Parameters
    ----------
    lambda_bits
        k of the evaluated mixture's λ = A/2^k; 0 for a model alone.
    grayscale
        True when the images have one channel, repeated to the model's.

    Raises
    ------
    ModelError
        The description is of format version 2, which only plain verification evaluates.
    """
    if not isinstance(description, ChainDescription):
        raise ModelError(
            "a model of format version 2 has no encrypted evaluation",
            "Use plain verification, or describe the model in format version 1",
        )
    width = activation_bits(lambda_bits)
    shift = FRACTION_BITS + lambda_bits
    compiler = _Compiler(shift, width, grayscale and description.input[0] > 1)
    for resolved in resolve(description):
        compiler.add(resolved)
    channels, height, width_px = description.input
    return Program(
        (Entry(shift + width), *_lowered(compiler.steps, shift, width)),
        tuple(compiler.layers),
        (height, width_px, 1 if grayscale else channels),
        np.array(description.pixels, dtype=np.int64),
        description.classes,
        width,
        shift + width,
        lambda_bits,
    )


class _Compiler:
    """Adds the layers' steps, named as the plain evaluation names them, and the layers whose weights they use."""

    def __init__(self, shift: int, width: int, grayscale: bool) -> None:
        self.steps: list[Step | _Rectify | _Reshape] = []
        self.layers: list[Affine] = []
        self._shift = shift
        self._width = width
        # Whether what comes next, and what the residual began with, is one channel repeated.
        self._grayscale = self._entry_grayscale = grayscale

    def add(self, resolved: ResolvedLayer) -> None:
        """Add a layer's step."""
        layer, opens = resolved.layer, resolved.opens
        name = f"{layer.op}{len(self.steps)}"
        if opens:
            self._entry_grayscale = self._grayscale
        match layer.op:
            case "conv" | "dense":
                self._linear(layer, resolved)
            case "relu":
                self.steps.append(_Rectify(name, opens))
            case "flatten":
                self.steps.append(_Reshape(name, opens))
            case "maxpool":
                self.steps.append(Maximum(name, opens, layer.kernel, layer.stride, layer.padding, self._width))
            case "avgpool":
                self.steps.append(Average(name, opens, (layer.kernel, layer.kernel), layer.stride))
            case "globalavgpool":
                self.steps.append(Average(name, opens, resolved.held[1:], 1))

    def _linear(self, layer: Conv | Dense, resolved: ResolvedLayer) -> None:
        self._affine(layer, resolved.norm, resolved.held, grayscale=self._grayscale, rounds=True)
        shortcut: str | None = None
        side = resolved.shortcut
        if side is not None:
            self._affine(side.layer, side.norm, side.held, grayscale=self._entry_grayscale, rounds=False)
            shortcut = side.layer.name
        ring = self._shift + self._width
        self.steps.append(Linear(layer.name, resolved.opens, ring, self._shift, resolved.closes, shortcut))
        self._grayscale = False

    def _affine(
        self, layer: Conv | Dense, norm: BatchNorm | None, held: Places, *, grayscale: bool, rounds: bool
    ) -> None:
        _, height, width = held
        if layer.op == "dense":
            geometry = Geometry(height, width, (height, width), 1, 0)
        else:
            geometry = Geometry(height, width, (layer.kernel, layer.kernel), layer.stride, layer.padding)
        self.layers.append(Affine(layer, norm, geometry, held, grayscale, rounds))


def _lowered(steps: Sequence[Step | _Rectify | _Reshape], shift: int, width: int) -> list[Step]:
    """Put a Rescale gate after every sum and pooling, in the cheapest form the following step allows."""
    kept = [step for step in steps if not isinstance(step, _Reshape) and not _is_identity(step)]
    result: list[Step] = []
    fused = False
    for step, following in zip(kept, [*kept[1:], None], strict=True):
        if fused:
            fused = False
            continue
        if isinstance(step, _Rectify):
            result.append(Scale(step.name, step.opens, Rescale(0, width, shift + width, Form.RELU)))
            continue
        result.append(step)
        drop = shift if isinstance(step, Linear) else FRACTION_BITS if isinstance(step, Average) else 0
        fused = isinstance(following, _Rectify) and not following.opens
        form = Form.RELU if fused else _form(following)
        if drop or form is not Form.NARROW:
            name = following.name if fused and following is not None else step.name
            ring = width if form is Form.NARROW else shift + width
            result.append(Scale(name, False, Rescale(drop, width, ring, form)))
    return result


def _form(following: Step | _Rectify | None) -> Form:
    """Choose the form for a value that no ReLU follows: comparisons need it modulo 2^w only, sums with its sign."""
    narrow = following is None or (isinstance(following, Maximum) and not following.opens)
    return Form.NARROW if narrow else Form.SIGNED


def _is_identity(step: Step | _Rectify) -> bool:
    """Return whether an average covers one place only: its value is the input's."""
    return isinstance(step, Average) and prod(step.kernel) == 1 and step.stride == 1 and not step.opens
