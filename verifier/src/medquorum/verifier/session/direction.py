# SPDX-License-Identifier: Apache-2.0
"""A party's sessions for the rule ``direction``: levels, losses that stay shared, and the rule's questions on them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.errors import ProtocolError
from medquorum.verifier.binding.masks import mask_share
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.choice import any_gains, last_with
from medquorum.verifier.direction.norm_level import norm_bits
from medquorum.verifier.direction.update_levels import UpdateLevels
from medquorum.verifier.gates.verdict.products import moved
from medquorum.verifier.model.parameters import MaskedUpdate, tensors
from medquorum.verifier.offline.direction_steps import STEP_GATE, ChoiceStep, LevelsStep
from medquorum.verifier.opening.result import ResultShare
from medquorum.verifier.opening.tagged import Tagged
from medquorum.verifier.opening.transcript import Recorded
from medquorum.verifier.randomness.wires import Masked
from medquorum.verifier.session.evaluation import Evaluation
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import Attempt, OpenedResult, Session, transcript_of
from medquorum.verifier.session.spec import Observer, PartyInputs

__all__ = ["ChoiceSession", "LevelsSession", "LossSession", "RootSession"]

Step: TypeAlias = tuple[ResultShare, list[str]]
_NONE: IntArray = np.zeros(0, dtype=np.int64)


class RootSession(Session):
    """Opens the level of the root update's norm, where RANGE and the norm bound hold."""

    def _result(self, side: Evaluation, transport: Recorded, journal: Journal, attempt: Attempt) -> Step:
        fails = side.model(self._inputs.base, self._held_parameters())
        own, layout = self._moved(self._own(side)), self._spec.plan.layout
        with side.gate(STEP_GATE) as randomness:
            level = norm_bits(side.party, randomness, Tree(), layout, own).sum()
        return ResultShare.make(side.decide(_NONE, None, fails), level), []

    def _held_parameters(self) -> MaskedUpdate:
        if not isinstance(self._held, MaskedUpdate):
            raise ProtocolError("the masked update is not there", "Abort the round")
        return self._held

    def _own(self, side: Evaluation) -> Masked:
        public = self._held_parameters().public
        return Masked(public, mask_share(self._inputs.index, side.mask_seed, self._spec.name, public.shape[0]))

    def _moved(self, update: Masked) -> dict[str, Masked]:
        """Return the masked form of r - w, by tensor."""
        public, masks = (tensors(part, self._spec.plan.layout) for part in (update.public, update.mask))
        return moved(self._inputs.base, {name: Masked(public[name], masks[name]) for name in public})


class LevelsSession(RootSession):
    """Opens an update's levels of norm and cosine, where RANGE and all bounds hold.

    Parameters
    ----------
    root
        The root update (parameters,) as this party has it.
    """

    def __init__(self, inputs: PartyInputs, root: Masked, observer: Observer | None = None) -> None:
        super().__init__(inputs, observer)
        self._root = root

    def _result(self, side: Evaluation, transport: Recorded, journal: Journal, attempt: Attempt) -> Step:
        step = self._spec.step
        if not isinstance(step, LevelsStep):
            raise ProtocolError("these are no levels")
        fails = side.model(self._inputs.base, self._held_parameters())
        levels = UpdateLevels(self._spec.plan.layout, step.root)
        own, root = self._moved(self._own(side)), self._moved(self._root)
        with side.gate(STEP_GATE) as randomness:
            broken, found = levels.evaluate(side.party, randomness, Tree(), own, root)
        return ResultShare.make(side.decide(_NONE, None, fails + broken), found), []


class LossSession(Session):
    """Computes shares of the loss of a model of weighted updates. They stay in the parties' journals.

    Parameters
    ----------
    mask
        This party's part of the mask (parameters,) of the weighted sum, whose masked form is handed over.
    """

    def __init__(self, inputs: PartyInputs, mask: IntArray, observer: Observer | None = None) -> None:
        super().__init__(inputs, observer)
        self._mask = mask

    @property
    def loss(self) -> IntArray:
        """The share (1,) modulo 2^64."""
        journal = self._inputs.journal
        if journal is None or journal.result is None:
            raise ProtocolError("there is no share of the loss")
        return np.frombuffer(journal.result.share.values[0], dtype="<i8").astype(np.int64)

    def _result(self, side: Evaluation, transport: Recorded, journal: Journal, attempt: Attempt) -> Step:
        if not isinstance(self._held, MaskedUpdate):
            raise ProtocolError("the masked sum is not there", "Abort the round")
        side.layers(self._inputs.base, Masked(self._held.public, self._mask))
        self._evaluate_batches(side, transport, journal, attempt)
        digests = [batch.digest for batch in journal.batches]
        total = sum((batch.counts for batch in journal.batches), np.zeros(1, dtype=np.int64))
        return ResultShare((total.astype("<i8").tobytes(),)), digests

    def _reveal(self, transport: Recorded, journal: Journal) -> OpenedResult:
        kept = journal.result
        if kept is None:
            raise ProtocolError("there is no share of the loss")
        return OpenedResult(None, True, (), None, transcript_of(list(kept.digests)))


class ChoiceSession(Session):
    """Opens the answer to a question on hidden gains: in ``holds`` whether there is one, in ``counts`` a place."""

    def _result(self, side: Evaluation, transport: Recorded, journal: Journal, attempt: Attempt) -> Step:
        step, gains = self._spec.step, self._held
        if not isinstance(step, ChoiceStep) or not isinstance(gains, np.ndarray):
            raise ProtocolError("these are no gains")
        with side.gate(STEP_GATE) as randomness:
            if step.do == "gain":
                return ResultShare.make(any_gains(side.party, randomness, Tree(), gains), None), []
            place = last_with(side.party, randomness, Tree(), gains, step.share)
        return ResultShare.make(Tagged.known(1, side.party.index), place), []
