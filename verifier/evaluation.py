# SPDX-License-Identifier: Apache-2.0
"""A party's side of a verification: conditions on the parameters, batches of images, the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chaincode.fixedpoint import IntArray
from verifier.comparison import Comparison
from verifier.decision import decide
from verifier.identifier import MODEL_BATCH, MaterialId
from verifier.material import Hand
from verifier.norm import beyond
from verifier.parameterrange import CHUNK, bounds, outside
from verifier.parameters import open_parameters, open_weights, tensors
from verifier.party import Party
from verifier.plan import Plan, Subject
from verifier.supply import Supply
from verifier.tree import Tree
from verifier.weights import Weights
from verifier.wires import Masked, Wire

__all__ = ["Evaluation", "Images", "Keep", "Trace"]

Images: TypeAlias = npt.NDArray[np.uint8]
Trace: TypeAlias = Callable[[str, IntArray], None]
"""Told of every step's name and share, for tests."""
Keep: TypeAlias = Callable[[IntArray], None]
"""Given R = r + u (parameters,) of int64; raises where another R of the same update is known."""


class Evaluation:
    """One party's side.

    Parameters
    ----------
    party : Party
    supply : Supply
    name : MaterialId
        Of the verification; its batch and gate do not matter.
    plan : Plan
    comparison : Comparison
        Back end for the batches, the dealer's.
    trace : callable or None
    keep : callable or None
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

    def model(self, base: Mapping[str, IntArray], share: IntArray) -> IntArray:
        """Open the masked parameters and prepare all layers, once per model.

        Parameters
        ----------
        base : mapping of tensor name to int64 array
            w.
        share : ndarray of int64 (parameters,)
            The party's share of r in layout order, or of the sum of the updates that the plan averages.

        Returns
        -------
        ndarray of int64 (1,)
            Share modulo 2^32 of the number of parameters outside RANGE plus the failed norm conditions.
        """
        averaging = self._plan.averaging
        if averaging is not None:
            share = averaging.evaluate(self._party, lambda chunk: self._hand(MODEL_BATCH, chunk), Tree(), base, share)
        opening = self._supply.hand_of_update(self._name.at(MODEL_BATCH, "parameters"))
        flat = open_parameters(self._party, opening, share)
        if self._keep is not None:
            self._keep(flat.public)
        public, masks = (tensors(part, self._plan.layout) for part in (flat.public, flat.mask))
        masked = {name: Masked(public[name], masks[name]) for name in public}
        fails = np.zeros(1, dtype=np.int64)
        if averaging is None:
            fails = self._conditions(base, flat.public, masked)
        for subject in self._plan.subjects:

            def hand(layer: str, key: str = subject.key) -> Hand:
                return self._hand(MODEL_BATCH, f"{key}/{layer}")

            self._weights[subject.key] = open_weights(self._party, hand, Tree(), subject, base, masked)
        return fails

    def _conditions(self, base: Mapping[str, IntArray], public: IntArray, masked: Mapping[str, Masked]) -> IntArray:
        fails = np.zeros(1, dtype=np.int64)
        for part in self._plan.chunks(CHUNK):
            hand = self._hand(MODEL_BATCH, f"range/{part.start}")
            lowest = bounds(self._plan.layout, part)[0]
            fails += outside(self._party, hand, Tree(), public[part], lowest)
            hand.finish()
        if self._plan.norm is not None:
            hand = self._hand(MODEL_BATCH, "norm")
            fails += beyond(self._party, hand, Tree(), self._plan.layout, base, masked, self._plan.norm)
            hand.finish()
        return fails

    def batch(
        self, batch: int, subject: Subject, count: int, images: Images | None, labels: IntArray | None
    ) -> IntArray:
        """Give shares modulo 2^32 of the correct images of a batch, in all (1,) or per class (classes,).

        Parameters
        ----------
        batch : int
        subject : Subject
        count : int
            Images in the batch.
        images : ndarray of uint8 (count, h, w) or (count, h, w, c), or None
            P0's; None at P1.
        labels : ndarray of int64 (count,) or None
            P0's; None at P1.
        """
        program, weights = subject.program, self._weights[subject.key]
        shape = (count, *program.image)
        values = np.zeros(shape, dtype=np.int64) if images is None else program.pixels[images].reshape(shape)
        wire = entry = Wire(values)
        for index, step in enumerate(program.steps):
            if step.opens:
                entry = wire
            hand = self._hand(batch, f"{subject.key}/{index}/{step.name}")
            wire = step.evaluate(self._party, hand, self._comparison, weights, wire, entry)
            hand.finish()
            if self._trace is not None:
                self._trace(f"{subject.key}/{index}/{step.name}", wire.share)
        hand = self._hand(batch, f"{subject.key}/correct")
        logits = wire.share.reshape(count, -1)
        result = self._plan.correctness(subject).evaluate(self._party, hand, self._comparison, logits, labels)
        hand.finish()
        return result

    def decide(self, counts: IntArray, needed: IntArray | None, fails: IntArray) -> bool:
        """Open the verdict's single bit: no fails, and every count reaches P0's minimum (None at P1)."""
        hand = self._hand(MODEL_BATCH, "decision")
        return decide(self._party, hand, Tree(), counts, needed, fails)

    def _hand(self, batch: int, gate: str) -> Hand:
        return self._supply.hand(self._name.at(batch, gate))
