# SPDX-License-Identifier: Apache-2.0
"""Put a Rescale gate after every sum and pooling, in the cheapest form that those who take the value allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from medquorum.verifier.gates.layers.input_layer import Entry
from medquorum.verifier.gates.layers.steps import Scale, Step
from medquorum.verifier.gates.rescale import Form, Rescale

__all__ = ["Operation", "Rectify", "Same", "Widths", "lowered"]


class Widths(NamedTuple):
    """Bits of an evaluation: f + k that a sum's truncation drops, and an activation's w."""

    shift: int
    activation: int

    @property
    def ring(self) -> int:
        """Bits that sums before truncation need."""
        return self.shift + self.activation


@dataclass(frozen=True)
class Rectify:
    """A ReLU, fused with the step before it where that step's value is for nobody else."""

    name: str
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Same:
    """A layer that changes nothing."""

    name: str
    inputs: tuple[int, ...]


Operation: TypeAlias = Step | Rectify | Same
"""A layer's step before lowering; inputs are indices of operations, -1 is the model's input."""


def lowered(operations: Sequence[Operation], widths: Widths) -> list[Step]:
    """Return the steps of operations, the input's first."""
    return _Lowering(operations, widths).steps()


class _Lowering:
    def __init__(self, operations: Sequence[Operation], widths: Widths) -> None:
        self._operations = operations
        self._widths = widths
        self._takers: list[list[tuple[int, int]]] = [[] for _ in operations]
        for index, operation in enumerate(operations):
            for position, source in enumerate(operation.inputs):
                if source >= 0:
                    self._takers[source].append((index, position))
        self._numbers = self._wanted_numbers()
        self._steps: list[Step] = []

    def _wanted_numbers(self) -> list[bool]:
        """Return for each operation whether its value is needed with its sign: comparisons need it modulo 2^w only."""
        wanted = [False] * len(self._operations)

        def needs(taker: int, position: int) -> bool:
            operation = self._operations[taker]
            if isinstance(operation, Rectify):
                return False
            own = None if isinstance(operation, Same) else operation.needs_number(position)
            return wanted[taker] if own is None else own

        for index in reversed(range(len(wanted))):
            wanted[index] = any(needs(*taker) for taker in self._takers[index])
        return wanted

    def steps(self) -> list[Step]:
        """Return all steps."""
        self._steps = [Entry("entry", (-1,), self._widths.ring)]
        places = {-1: 0}
        for index, operation in enumerate(self._operations):
            inputs = tuple(places[source] for source in operation.inputs)
            if isinstance(operation, Same) or (isinstance(operation, Rectify) and self._fuses(operation.inputs[0])):
                places[index] = inputs[0]
                continue
            if isinstance(operation, Rectify):
                self._scale(operation.name, inputs[0], 0, Form.RELU)
            else:
                self._steps.append(replace(operation, inputs=inputs))
                self._follow(index, operation)
            places[index] = len(self._steps) - 1
        return self._steps

    def _follow(self, index: int, operation: Step) -> None:
        """Truncate an operation's value, as a ReLU of it where nobody else takes it."""
        drops, place = operation.drops, len(self._steps) - 1
        if drops is None:
            return
        if self._fuses(index):
            self._scale(self._operations[self._takers[index][0][0]].name, place, drops, Form.RELU)
        elif drops or self._numbers[index]:
            self._scale(operation.name, place, drops, Form.SIGNED if self._numbers[index] else Form.NARROW)

    def _fuses(self, index: int) -> bool:
        """Return whether an operation's value is truncated with the ReLU that alone takes it."""
        if index < 0:
            return False
        operation, takers = self._operations[index], self._takers[index]
        if isinstance(operation, Rectify | Same) or operation.drops is None:
            return False
        return len(takers) == 1 and isinstance(self._operations[takers[0][0]], Rectify)

    def _scale(self, name: str, place: int, drops: int, form: Form) -> None:
        ring = self._widths.activation if form is Form.NARROW else self._widths.ring
        self._steps.append(Scale(name, (place,), Rescale(drops, self._widths.activation, ring, form)))
