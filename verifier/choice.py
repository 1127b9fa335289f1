# SPDX-License-Identifier: Apache-2.0
"""Choose the comparison back end by the links: few rounds (fss) or few bytes (tree)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, get_args

import numpy as np

from chaincode.fixedpoint import IntArray
from verifier.backends import Comparing, back_end
from verifier.comparison import Cost
from verifier.dealer import Dealer
from verifier.identifier import MaterialId
from verifier.material import Deal
from verifier.plan import Plan, Subject
from verifier.stream import SEED_BYTES
from verifier.tree import Tree
from verifier.weights import DealtWeights
from verifier.wires import Dealt

__all__ = ["Link", "Links", "batch_cost", "choose", "probe"]

_PROBE = bytes(1 << 20)
_TRIES = 3
_LEAST = 1e-6
_NAME = MaterialId("", 0, "")


class Link(NamedTuple):
    """The line between the parties: seconds an exchange of nothing takes, and bytes a second, one way."""

    exchange: float
    bandwidth: float


class Links(NamedTuple):
    """What the choice depends on; ``dealer``: bytes a second from the dealer to the slower party."""

    line: Link
    dealer: float


def probe(exchange: Callable[[bytes], bytes]) -> Link:
    """Measure a line; both ends do so at once."""

    def fastest(message: bytes) -> float:
        seconds = []
        for _ in range(_TRIES):
            started = time.perf_counter()
            exchange(message)
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    empty = fastest(b"")
    return Link(empty, len(_PROBE) / max(_LEAST, fastest(_PROBE) - empty))


def choose(plan: Plan, images: int, links: Links) -> Comparing:
    """Give the back end whose comparisons of a batch of ``images`` take less time on the links.

    That is rounds · exchange + sent bytes / bandwidth + dealt bytes / dealer's bandwidth. The first named wins a tie.
    """

    def seconds(comparing: Comparing) -> float:
        cost = batch_cost(plan, images, comparing)
        return cost.rounds * links.line.exchange + cost.sent / links.line.bandwidth + cost.material / links.dealer

    return min(get_args(Comparing), key=seconds)


def batch_cost(plan: Plan, images: int, comparing: Comparing) -> Cost:
    """Give what all comparisons of a batch cost under a back end."""
    listed = _Listed()
    shapes = {subject.key: _Shapes(subject) for subject in plan.subjects}
    dealer = Dealer((bytes(SEED_BYTES), bytes(SEED_BYTES)), _NAME, plan, listed, shapes)
    for subject in plan.subjects:
        deque(dealer.batch(0, 1, subject), maxlen=0)
    chosen = back_end(comparing, _NAME)
    costs = [chosen.cost(count * images, positions) for count, positions in listed.comparisons]
    return Cost(*(sum(column) for column in zip(*costs, strict=True))) if costs else Cost(0, 0, 0)


class _Listed(Tree):
    """A back end that only notes what is compared: its dealing is a dry run."""

    def __init__(self) -> None:
        self.comparisons: list[tuple[int, Sequence[int]]] = []

    def deal(self, deal: Deal, masks: IntArray, positions: Sequence[int]) -> list[IntArray]:
        """Note it; there are no masks."""
        self.comparisons.append((masks.size, positions))
        return [np.zeros_like(masks) for _ in positions]


class _Shapes(DealtWeights):
    """Layers of which only the outputs' shapes are known."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject.program.ring)
        self._outputs = {
            affine.layer.name: (*affine.geometry.output, affine.layer.outputs) for affine in subject.program.layers
        }

    def offset(self, name: str, wire: Dealt) -> IntArray:
        """Give zeros in the shape of the layer's output."""
        return np.zeros((wire.shape[0], *self._outputs[name]), dtype=np.int64)
