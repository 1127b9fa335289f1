# SPDX-License-Identifier: Apache-2.0
"""What a batch costs, found by running the dealer's code dry for one image: nothing is drawn or compared for use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.comparison.backends import Comparing, back_end
from medquorum.verifier.comparison.interface import Cost
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.layers.weights import DealerWeights
from medquorum.verifier.model.plan import Plan, Subject
from medquorum.verifier.offline.dealer import Dealer
from medquorum.verifier.randomness.channel import CREDIT
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import GateDealer
from medquorum.verifier.randomness.stream import SEED_BYTES
from medquorum.verifier.randomness.wires import DealerView

__all__ = ["batch_cost", "fitting_batch", "image_cost", "in_batches"]

_NAME = MaterialId("", 0, "")


class _Gate(NamedTuple):
    """One image's dealing: bytes besides comparisons, and what is compared (how many values, at which bits)."""

    material: int
    comparisons: list[tuple[int, Sequence[int]]]


def batch_cost(plan: Plan, images: int, comparing: Comparing) -> Cost:
    """Return what all comparisons of a batch cost under a back end."""
    chosen = back_end(comparing, _NAME)
    compared = [comparison for gate in _gates(plan) for comparison in gate.comparisons]
    costs = [chosen.cost(count * images, positions) for count, positions in compared]
    return Cost(*(sum(column) for column in zip(*costs, strict=True))) if costs else Cost(0, 0, 0)


def image_cost(plan: Plan, comparing: Comparing) -> tuple[int, Cost]:
    """Return an image's comparisons, and what it costs a party; ``material`` holds all that is dealt."""
    gates = list(_gates(plan))
    cost = batch_cost(plan, 1, comparing)
    comparisons = sum(count for gate in gates for count, _ in gate.comparisons)
    return comparisons, cost._replace(material=cost.material + sum(gate.material for gate in gates))


def fitting_batch(plan: Plan, wanted: int, comparing: Comparing, limit: int = CREDIT) -> int:
    """Return how many images may be evaluated together, at most ``wanted``.

    A gate's material for a party is one message, and all of it waits there: of ``limit`` bytes at most, or one image's.
    """
    chosen = back_end(comparing, _NAME)

    def size(gate: _Gate, images: int) -> int:
        return gate.material * images + sum(chosen.cost(n * images, bits).material for n, bits in gate.comparisons)

    gates = list(_gates(plan))
    return next((n for n in range(wanted, 1, -1) if all(size(gate, n) <= limit for gate in gates)), 1)


def in_batches(images: int, batch: int) -> list[slice]:
    """Return the images of every batch of at most so many."""
    return [slice(start, min(start + batch, images)) for start in range(0, images, batch)]


def _gates(plan: Plan) -> Iterator[_Gate]:
    """Deal one image's batch of every subject."""
    listed = _Listed()
    shapes = {subject.key: _Shapes(subject) for subject in plan.subjects}
    dealer = Dealer((bytes(SEED_BYTES), bytes(SEED_BYTES)), _NAME, plan, listed, shapes)
    for subject in plan.subjects:
        for _, messages in dealer.batch(0, 1, subject):
            yield _Gate(max(map(len, messages)), listed.comparisons)
            listed.comparisons = []


class _Listed(Tree):
    """A back end that only notes what is compared."""

    def __init__(self) -> None:
        self.comparisons: list[tuple[int, Sequence[int]]] = []

    def deal(self, dealer: GateDealer, masks: IntArray, positions: Sequence[int]) -> list[IntArray]:
        """Note it; there are no masks."""
        self.comparisons.append((masks.size, positions))
        return [np.zeros_like(masks) for _ in positions]


class _Shapes(DealerWeights):
    """Layers of which only the outputs' shapes are known."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject.program.ring)
        self._outputs = {layer.name: (*layer.geometry.output, layer.outputs) for layer in subject.program.layers}

    def offset(self, name: str, wire: DealerView) -> IntArray:
        """Return zeros in the shape of the layer's output."""
        return np.zeros((wire.shape[0], *self._outputs[name]), dtype=np.int64)
