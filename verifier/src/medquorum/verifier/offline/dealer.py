# SPDX-License-Identifier: Apache-2.0
"""The dealer: material for a verification, gate by gate, in the order in which the parties need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from medquorum.verifier.arithmetic.subsets import SUBSETS
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.layers.weights import DealerWeights
from medquorum.verifier.gates.verdict.decision import deal_decision
from medquorum.verifier.gates.verdict.norm import deal_beyond
from medquorum.verifier.gates.verdict.parameter_range import deal_outside, deal_part, parts
from medquorum.verifier.model.parameters import deal_parameters, deal_weights, tensors
from medquorum.verifier.model.plan import Plan, Subject
from medquorum.verifier.model.program import StepValues
from medquorum.verifier.opening.interleave import pairs
from medquorum.verifier.randomness.identifier import MODEL_BATCH, MaterialId
from medquorum.verifier.randomness.material import GateDealer, MaskShares
from medquorum.verifier.randomness.parts import Parts
from medquorum.verifier.randomness.wires import DealerView

__all__ = ["Dealer", "Dealing"]


class Dealing(NamedTuple):
    """One gate's messages."""

    name: MaterialId
    messages: tuple[Parts, Parts]
    """To P0 and to P1."""


class Dealer:
    """Deals for one verification.

    Parameters
    ----------
    seeds
        Shared with P0 and with P1, fresh for this verification.
    name
        Of the verification; its batch and gate do not matter.
    comparison
        Back end for the batches; what is done once per model always uses the tree, whose material is 40 times smaller.
    weights
        Mapping of subject to DealerWeights or None.
        Where they are to be kept; new ones unless given.
    mask_seeds
        Of the mask of the update's parameters, the same in all attempts; the verification's own unless given.
    """

    def __init__(
        self,
        seeds: tuple[bytes, bytes],
        name: MaterialId,
        plan: Plan,
        comparison: Comparison,
        weights: Mapping[str, DealerWeights] | None = None,
        mask_seeds: tuple[bytes, bytes] | None = None,
    ) -> None:
        self._seeds = seeds
        self._mask_seeds = seeds if mask_seeds is None else mask_seeds
        self._name = name
        self._plan = plan
        self._comparison = comparison
        made = {subject.key: DealerWeights(subject.program.ring) for subject in plan.subjects}
        self._weights = made if weights is None else weights

    def once(self, gate: str, deal: Callable[[GateDealer], None]) -> Dealing:
        """Deal one gate of what is done once per model."""
        made = self._deal(MODEL_BATCH, gate)
        deal(made)
        return _finished(made)

    def model(self) -> Iterator[Dealing]:
        """Deal what is needed once per model."""
        averaging = self._plan.averaging
        if averaging is not None:
            for gate in averaging.deal(lambda chunk: self._deal(MODEL_BATCH, chunk), Tree()):
                yield _finished(gate)
        hidden = GateDealer(self._mask_seeds, self._name.of_update())
        masks = deal_parameters(hidden, self._plan.layout)
        yield Dealing(self._name.at(MODEL_BATCH, "parameters"), hidden.messages())
        if averaging is None:
            yield from self._conditions(masks)
        yield from self.layers(masks)

    def layers(self, masks: MaskShares) -> Iterator[Dealing]:
        """Deal for all layers of the model made of parameters under these masks (n,)."""
        first, second = (tensors(part, self._plan.layout) for part in masks)
        by_name = {name: MaskShares(first[name], second[name]) for name in first}
        for subject in self._plan.subjects:

            def dealer(layer: str, key: str = subject.key) -> GateDealer:
                return self._deal(MODEL_BATCH, f"{key}/{layer}")

            for gate in deal_weights(dealer, Tree(), subject, by_name, self._weights[subject.key]):
                yield _finished(gate)

    def _conditions(self, masks: MaskShares) -> Iterator[Dealing]:
        known, total = np.zeros(SUBSETS, dtype=np.int64), masks.total
        for number, part in enumerate(parts(self._plan.layout)):
            gate = self._deal(MODEL_BATCH, f"range/{number}")
            known += deal_part(gate, Tree(), part.of(total), part)
            yield _finished(gate)
        gate = self._deal(MODEL_BATCH, "range")
        deal_outside(gate, Tree(), known)
        yield _finished(gate)
        if self._plan.norm is not None:
            gate = self._deal(MODEL_BATCH, "norm")
            deal_beyond(gate, Tree(), self._plan.layout, tensors(total, self._plan.layout))
            yield _finished(gate)

    def batches(self, parts: Sequence[tuple[int, slice]]) -> Iterator[Dealing]:
        """Deal for batches, given by number and images; needs :meth:`model` first.

        Two at a time, gate by gate in turn, as the parties evaluate them.
        """
        for pair in pairs(parts):
            lanes = [self._batch(number, part.stop - part.start) for number, part in pair]
            for gate in lanes[0]:
                yield gate
                for lane in lanes[1:]:
                    yield next(lane)  # of the same program, so of as many gates

    def _batch(self, batch: int, images: int) -> Iterator[Dealing]:
        for subject in self._plan.subjects:
            yield from self.batch(batch, images, subject)

    def batch(self, batch: int, images: int, subject: Subject) -> Iterator[Dealing]:
        """Deal for one batch of images and one subject; needs :meth:`model` first."""
        program, weights = subject.program, self._weights[subject.key]
        held = StepValues(program, DealerView((images, *program.image)))
        for index, step in enumerate(program.steps):
            gate = self._deal(batch, f"{subject.key}/{index}/{step.name}")
            held.keep(index, step.deal(gate, self._comparison, weights, *held.take(index)))
            yield _finished(gate)
        gate = self._deal(batch, f"{subject.key}/correct")
        (self._plan.margin or self._plan.correctness(subject)).deal(gate, self._comparison, images)
        yield _finished(gate)

    def decision(self, counts: int) -> Iterator[Dealing]:
        """Deal for opening the verdict as one bit."""
        gate = self._deal(MODEL_BATCH, "decision")
        deal_decision(gate, Tree(), counts)
        yield _finished(gate)

    def _deal(self, batch: int, gate: str) -> GateDealer:
        return GateDealer(self._seeds, self._name.at(batch, gate))


def _finished(gate: GateDealer) -> Dealing:
    return Dealing(gate.name, gate.messages())
