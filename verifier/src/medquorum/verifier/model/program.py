# SPDX-License-Identifier: Apache-2.0
"""Compile a model description to the steps of its encrypted evaluation (values: docs/reference/evaluation.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from medquorum.core.fixedpoint import FRACTION_BITS, activation_bits
from medquorum.core.inference.entry import Entry, entry_of
from medquorum.core.model.description import ChainDescription, ModelDescription
from medquorum.core.model.graph.description import Output
from medquorum.verifier.gates.layers.steps import Step
from medquorum.verifier.model.chain import ChainCompiler
from medquorum.verifier.model.graph import GraphCompiler
from medquorum.verifier.model.layers import Layer
from medquorum.verifier.model.lowering import Widths, lowered

__all__ = ["Program", "StepValues", "compile_program"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Program:
    """A compiled model: the steps of a batch and the layers whose weights they use.

    Attributes
    ----------
    image
        (h, w, c) of the numbers as the parties hold them, c = 1 for grayscale images of a chain.
    entry
        How P0's images become numbers.
    output
        What the logits say.
    width, ring, lambda_bits
        width: signed bits of an activation; ring: bits that sums before truncation need.
    """

    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    image: tuple[int, int, int]
    entry: Entry
    output: Output
    width: int
    ring: int
    lambda_bits: int

    @cached_property
    def last_uses(self) -> dict[int, int]:
        """For each step's value, -1 the input, the last step that takes it."""
        return {source: index for index, step in enumerate(self.steps) for source in step.inputs}


class StepValues(Generic[Value]):
    """The values of a program's steps, each kept until its last use."""

    def __init__(self, program: Program, first: Value) -> None:
        self._program = program
        self._values = {-1: first}

    def take(self, index: int) -> list[Value]:
        """Return a step's inputs; what no later step takes is forgotten."""
        inputs = self._program.steps[index].inputs
        result = [self._values[source] for source in inputs]
        for source in set(inputs):
            if self._program.last_uses[source] == index:
                del self._values[source]
        return result

    def keep(self, index: int, value: Value) -> None:
        """Keep a step's value."""
        self._values[index] = value


def compile_program(description: ModelDescription, *, lambda_bits: int, grayscale: bool) -> Program:
    """Compile a description.

    Parameters
    ----------
    lambda_bits
        k of the evaluated mixture's λ = A/2^k; 0 for a model alone.
    grayscale
        True when the images have one channel, repeated to the model's.
    """
    widths = Widths(FRACTION_BITS + lambda_bits, activation_bits(lambda_bits))
    channels, height, width = description.shape
    compiler: ChainCompiler | GraphCompiler
    if isinstance(description, ChainDescription):
        compiler = ChainCompiler(description, widths, grayscale=grayscale)
        channels = 1 if grayscale else channels
    else:
        compiler = GraphCompiler(description, widths)
    return Program(
        tuple(lowered(compiler.operations, widths)),
        tuple(compiler.layers),
        (height, width, channels),
        entry_of(description),
        description.output,
        widths.activation,
        widths.ring,
        lambda_bits,
    )
