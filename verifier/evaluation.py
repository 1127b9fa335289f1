# SPDX-License-Identifier: Apache-2.0
"""A party's evaluation of one model on batches of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from chaincode.fixedpoint import IntArray
from chaincode.modelformat.layout import TensorSpec
from verifier.comparison import Comparison
from verifier.correctness import Correctness
from verifier.identifier import MaterialId
from verifier.material import Hand
from verifier.parameters import Mixture, open_parameters, open_weights
from verifier.party import Party
from verifier.program import Program
from verifier.supply import Supply
from verifier.weights import Weights
from verifier.wires import Wire

__all__ = ["Evaluation", "Trace"]

Images = npt.NDArray[np.uint8]
Trace = Callable[[str, IntArray], None]
"""Told of every step's name and share, for tests."""


class Evaluation:
    """One party's side of a verification.

    Parameters
    ----------
    party : Party
    supply : Supply
    name : MaterialId
    program : Program
    comparison : Comparison
    trace : callable or None
    """

    def __init__(
        self,
        party: Party,
        supply: Supply,
        name: MaterialId,
        program: Program,
        comparison: Comparison,
        trace: Trace | None = None,
    ) -> None:
        self._party = party
        self._supply = supply
        self._name = name
        self._program = program
        self._comparison = comparison
        self._trace = trace
        self._weights = Weights(party.index)

    def model(
        self, mixture: Mixture, layout: tuple[TensorSpec, ...], base: Mapping[str, IntArray], share: IntArray
    ) -> None:
        """Open the masked parameters and prepare the layers, once per model.

        Parameters
        ----------
        mixture : Mixture
        layout : tuple of TensorSpec
        base : mapping of tensor name to int64 array
            w.
        share : ndarray of int64 (parameters,)
            The party's share of r in layout order.
        """
        masked = open_parameters(self._party, self._hand("parameters"), layout, share)
        self._weights = open_weights(self._party, self._hand, self._comparison, self._program, mixture, base, masked)

    def batch(self, batch: int, count: int, images: Images | None, labels: IntArray | None) -> IntArray:
        """Give shares modulo 2^32 of each image's correctness bit.

        Parameters
        ----------
        batch : int
        count : int
            Images in the batch.
        images : ndarray of uint8 (count, h, w) or (count, h, w, c), or None
            P0's; None at P1.
        labels : ndarray of int64 (count,) or None
            P0's; None at P1.
        """
        shape = (count, *self._program.image)
        values = np.zeros(shape, dtype=np.int64) if images is None else self._program.pixels[images].reshape(shape)
        wire = entry = Wire(values)
        for index, step in enumerate(self._program.steps):
            if step.opens:
                entry = wire
            hand = self._supply.hand(self._name.at(batch, f"{index}/{step.name}"))
            wire = step.evaluate(self._party, hand, self._comparison, self._weights, wire, entry)
            hand.finish()
            if self._trace is not None:
                self._trace(f"{index}/{step.name}", wire.share)
        hand = self._supply.hand(self._name.at(batch, "correct"))
        gate = Correctness(self._program.classes, self._program.width)
        result = gate.evaluate(self._party, hand, self._comparison, wire.share.reshape(count, -1), labels)
        hand.finish()
        return result

    def _hand(self, gate: str) -> Hand:
        return self._supply.hand(self._name.at(self._name.batch, gate))
