# SPDX-License-Identifier: Apache-2.0
"""The dealer: material for a verification, gate by gate, in the order in which the parties need it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chaincode.modelformat.layout import TensorSpec
from verifier.comparison import Comparison
from verifier.correctness import Correctness
from verifier.identifier import MaterialId
from verifier.material import Deal
from verifier.parameters import Mixture, deal_parameters, deal_weights
from verifier.program import Program
from verifier.weights import DealtWeights
from verifier.wires import Dealt

__all__ = ["Dealer", "Dealing"]


class Dealing(NamedTuple):
    """One gate's messages."""

    name: MaterialId
    messages: tuple[bytes, bytes]
    """To P0 and to P1."""


class Dealer:
    """Deals for one verification.

    Parameters
    ----------
    seeds : (bytes, bytes)
        Shared with P0 and with P1, fresh for this verification.
    name : MaterialId
    program : Program
    mixture : Mixture
    layout : tuple of TensorSpec
    comparison : Comparison
    """

    def __init__(
        self,
        seeds: tuple[bytes, bytes],
        name: MaterialId,
        program: Program,
        mixture: Mixture,
        layout: tuple[TensorSpec, ...],
        comparison: Comparison,
    ) -> None:
        self._seeds = seeds
        self._name = name
        self._program = program
        self._mixture = mixture
        self._layout = layout
        self._comparison = comparison
        self._weights = DealtWeights()

    def model(self) -> Iterator[Dealing]:
        """Deal what is needed once per model."""
        first = self._deal(self._name.at(self._name.batch, "parameters"))
        masks = deal_parameters(first, self._layout)
        yield Dealing(first.name, first.messages())
        made: list[Deal] = []

        def deal(gate: str) -> Deal:
            made.append(self._deal(self._name.at(self._name.batch, gate)))
            return made[-1]

        self._weights = deal_weights(deal, self._comparison, self._program, self._mixture, masks)
        for gate in made:
            yield Dealing(gate.name, gate.messages())

    def batch(self, batch: int, images: int) -> Iterator[Dealing]:
        """Deal for one batch of images; needs :meth:`model` first."""
        wire = entry = Dealt((images, *self._program.image))
        for index, step in enumerate(self._program.steps):
            gate = self._deal(self._name.at(batch, f"{index}/{step.name}"))
            if step.opens:
                entry = wire
            wire = step.deal(gate, self._comparison, self._weights, wire, entry)
            yield Dealing(gate.name, gate.messages())
        gate = self._deal(self._name.at(batch, "correct"))
        Correctness(self._program.classes, self._program.width).deal(gate, self._comparison, images)
        yield Dealing(gate.name, gate.messages())

    def _deal(self, name: MaterialId) -> Deal:
        return Deal(self._seeds, name)
