# SPDX-License-Identifier: Apache-2.0
"""What both format versions' steps are made with: one model's parameters, and the step of a sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import FRACTION_BITS, IntArray, activation_bits
from medquorum.core.inference.grouped import Depthwise, Grouped
from medquorum.core.inference.linear import Convolution
from medquorum.core.inference.mixing import Parameters
from medquorum.core.inference.steps import Linear

__all__ = ["CompiledTerm", "StepCompiler"]


class CompiledTerm(NamedTuple):
    """A convolution's weights, arranged for products, and its bias."""

    kernel: Convolution | Grouped | Depthwise
    bias: IntArray


class StepCompiler:
    """Makes steps with the parameters of one model or mixture."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.bits = activation_bits(parameters.bits)
        self.shift = FRACTION_BITS + parameters.bits

    def linear(
        self, name: str, shape: tuple[int, ...], inputs: tuple[int, ...], terms: Sequence[CompiledTerm]
    ) -> Linear:
        """Return the step that adds the terms of the first inputs and all further inputs, with one truncation."""
        rounded: IntArray = np.full(1, 1 << (self.shift - 1), dtype=np.int64)
        for term in terms:
            rounded = rounded + term.bias
        return Linear(name, shape, inputs, tuple(term.kernel for term in terms), rounded, self.shift, self.bits)
