# SPDX-License-Identifier: Apache-2.0
"""A party's side of a verification: conditions on the parameters, batches of images, the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.entry import Images
from medquorum.core.rules.direction.margin import class_worth
from medquorum.errors import ProtocolError
from medquorum.verifier.arithmetic.subsets import SUBSETS
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.layers.weights import Weights
from medquorum.verifier.gates.verdict.decision import decide
from medquorum.verifier.gates.verdict.norm import beyond
from medquorum.verifier.gates.verdict.parameter_range import evaluate_part, outside, parts
from medquorum.verifier.gates.verdict.products import moved
from medquorum.verifier.model.parameters import Held, MaskedUpdate, masked_parameters, open_weights, tensors
from medquorum.verifier.model.plan import Plan, Subject
from medquorum.verifier.model.program import StepValues
from medquorum.verifier.opening.interleave import ByTurns, Turn, pairs, take_turns
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.randomness.identifier import MODEL_BATCH, MaterialId
from medquorum.verifier.randomness.material import GateRandomness
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.randomness.wires import Masked, Wire

__all__ = ["Evaluation", "Finished", "Keep", "Samples", "Trace"]

Samples: TypeAlias = tuple[Images, IntArray]
Trace: TypeAlias = Callable[[str, IntArray], None]
"""Told of every step's name and share, for tests."""
Finished: TypeAlias = Callable[[int, Sequence[IntArray]], None]
"""Told of a batch's number and shares modulo 2^32 of each subject's correct images, in all (1,) or per class."""
Keep: TypeAlias = Callable[[IntArray], None]
"""Given R = r + u (parameters,) of int64 where it was opened; raises where another R of the same update is known."""


class Evaluation:
    """One party's side.

    Parameters
    ----------
    name
        Of the verification; its batch and gate do not matter.
    comparison
        Back end for the batches, the dealer's.
    keep
        Given the update's opened masked parameters before anything is computed from them.
    """

    def __init__(
        self,
        party: Party,
        supply: Supply,
        name: MaterialId,
        plan: Plan,
        comparison: Comparison,
        trace: Trace | None = None,
        keep: Keep | None = None,
    ) -> None:
        self._party = party
        self._supply = supply
        self._name = name
        self._plan = plan
        self._comparison = comparison
        self._trace = trace
        self._keep = keep
        self._weights: dict[str, Weights] = {}
        self._turn: Turn | None = None

    @property
    def party(self) -> Party:
        """Who evaluates."""
        return self._party

    @property
    def mask_seed(self) -> bytes:
        """The seed of the party's part of the update's mask."""
        return self._supply.mask_seed

    @contextmanager
    def gate(self, name: str) -> Iterator[GateRandomness]:
        """Lend the material of a gate of what is done once per model."""
        randomness = self._randomness(MODEL_BATCH, name)
        yield randomness
        randomness.finish()

    def model(self, base: Mapping[str, IntArray], held: Held) -> IntArray:
        """Prepare all layers from the masked parameters, once per model.

        Parameters
        ----------
        base
            Mapping of tensor name to int64 array.
            w.
        held
            Array of int64 (parameters,), or MaskedUpdate.
            R, which is not opened then; or the party's share of r in layout order, or of the sum of the updates that
            the plan averages.

        Returns
        -------
        ndarray of int64 (1,)
            Share modulo 2^32 of a number that is 0 iff RANGE and the norm hold.
        """
        averaging = self._plan.averaging
        if averaging is not None:
            if isinstance(held, MaskedUpdate):
                raise ProtocolError("a sum is averaged from shares of it", "Install the same release")
            held = averaging.evaluate(
                self._party, lambda chunk: self._randomness(MODEL_BATCH, chunk), Tree(), base, held
            )
        opening = self._supply.randomness_of_update(self._name.at(MODEL_BATCH, "parameters"))
        flat = masked_parameters(self._party, opening, held)
        if self._keep is not None and not isinstance(held, MaskedUpdate):
            self._keep(flat.public)
        fails = np.zeros(1, dtype=np.int64)
        if averaging is None:
            fails = self._conditions(base, flat.public, self._by_name(flat))
        self.layers(base, flat)
        return fails

    def layers(self, base: Mapping[str, IntArray], flat: Masked) -> None:
        """Prepare all layers from masked parameters (n,): of an update, or of a weighted sum of updates."""
        masked = self._by_name(flat)
        for subject in self._plan.subjects:

            def randomness(layer: str, key: str = subject.key) -> GateRandomness:
                return self._randomness(MODEL_BATCH, f"{key}/{layer}")

            self._weights[subject.key] = open_weights(self._party, randomness, Tree(), subject, base, masked)

    def _by_name(self, flat: Masked) -> dict[str, Masked]:
        public, masks = (tensors(part, self._plan.layout) for part in (flat.public, flat.mask))
        return {name: Masked(public[name], masks[name]) for name in public}

    def _conditions(self, base: Mapping[str, IntArray], public: IntArray, masked: Mapping[str, Masked]) -> IntArray:
        total = np.zeros(SUBSETS, dtype=np.int64)
        for number, part in enumerate(parts(self._plan.layout)):
            randomness = self._randomness(MODEL_BATCH, f"range/{number}")
            total += evaluate_part(self._party, randomness, Tree(), part.of(public), part)
            randomness.finish()
        randomness = self._randomness(MODEL_BATCH, "range")
        fails = outside(self._party, randomness, Tree(), total)
        randomness.finish()
        if self._plan.norm is not None:
            randomness = self._randomness(MODEL_BATCH, "norm")
            fails += beyond(self._party, randomness, Tree(), self._plan.layout, moved(base, masked), self._plan.norm)
            randomness.finish()
        return fails

    def batches(self, parts: Sequence[tuple[int, slice]], samples: Samples | None, finished: Finished) -> None:
        """Evaluate batches, two at a time by turns: one computes while the other's message is on its way.

        Parameters
        ----------
        parts
            Sequence of (int, slice).
            Number and images of each batch.
        samples
            Pair of ndarrays or None.
            P0's images (n, h, w) or (n, h, w, c) of the model's type and labels (n,) or (n, labels) of int64, of all
            batches; None at P1.
        finished
            Called after each batch, in the order of their numbers.
        """
        for pair in pairs(parts):
            take_turns([partial(self._batch, *part, samples, finished) for part in pair])

    def _batch(self, number: int, part: slice, samples: Samples | None, finished: Finished, turn: Turn) -> None:
        side = copy(self)
        side._turn = turn
        side._party = self._party.over(ByTurns(self._party.transport, turn))
        own = None if samples is None else (samples[0][part], samples[1][part])
        worth = None if samples is None or self._plan.margin is None else class_worth(samples[1])[part]
        count = part.stop - part.start
        finished(number, [side._result(number, subject, count, own, worth) for subject in self._plan.subjects])

    def _result(
        self, batch: int, subject: Subject, count: int, samples: Samples | None, worth: IntArray | None
    ) -> IntArray:
        """Return the share of the batch's correct images, or of its loss."""
        program, weights = subject.program, self._weights[subject.key]
        shape = (count, *program.image)
        values: IntArray = np.zeros(shape, dtype=np.int64)
        if samples is not None:
            values = program.entry.numbers(program.entry.checked(samples[0])).astype(np.int64).reshape(shape)
        held = StepValues(program, Wire(values))
        for index, step in enumerate(program.steps):
            randomness = self._randomness(batch, f"{subject.key}/{index}/{step.name}")
            wire = step.evaluate(self._party, randomness, self._comparison, weights, *held.take(index))
            randomness.finish()
            held.keep(index, wire)
            if self._trace is not None:
                self._trace(f"{subject.key}/{index}/{step.name}", wire.share)
        randomness = self._randomness(batch, f"{subject.key}/correct")
        logits = wire.share.reshape(count, -1)
        labels = None if samples is None else samples[1]
        if self._plan.margin is not None:
            margin = self._plan.margin
            result = margin.evaluate(self._party, randomness, self._comparison, logits, labels, worth)
        else:
            counted = self._plan.correctness(subject)
            result = counted.evaluate(self._party, randomness, self._comparison, logits, labels)
        randomness.finish()
        return result

    def decide(self, counts: IntArray, needed: IntArray | None, fails: IntArray) -> Tagged:
        """Return the share (1,) of the verdict's single bit: no fails, and every count reaches P0's minimum."""
        randomness = self._randomness(MODEL_BATCH, "decision")
        return decide(self._party, randomness, Tree(), counts, needed, fails)

    def _randomness(self, batch: int, gate: str) -> GateRandomness:
        randomness = self._supply.randomness(self._name.at(batch, gate))
        if self._turn is not None:
            self._turn.pass_on()  # the dealer deals a gate to one batch after the other
        return randomness
