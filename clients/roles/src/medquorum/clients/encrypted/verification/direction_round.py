# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction`` on hidden updates: levels, then losses that stay shared, then the rule's few questions.

Opened to the parties are a level of the root's norm, two levels of each update that is within its bounds, and which
length and step were chosen. On the ledger are verdicts and weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from medquorum.clients.encrypted.verification.result import unevaluated
from medquorum.clients.encrypted.verification.spec import make_step_spec
from medquorum.clients.encrypted.verification.update_verification import Verification, commitment
from medquorum.clients.encrypted.verification.whole_round import NoJudgement
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core import canonical, rules
from medquorum.core.documents.attestation import IMPOSSIBLE
from medquorum.core.documents.root import ROOT
from medquorum.core.documents.task import Task
from medquorum.core.documents.verdict import disclosed
from medquorum.core.fixedpoint import IntArray
from medquorum.core.rules.direction.levels import Levels
from medquorum.core.rules.direction.tables import COSINES, NORMS
from medquorum.errors import ProtocolError
from medquorum.verifier.model.parameters import MaskedUpdate
from medquorum.verifier.offline.direction_steps import ChoiceStep, LevelsStep, LossStep, RootStep
from medquorum.verifier.opening.transport import Transport
from medquorum.verifier.randomness.wires import Masked
from medquorum.verifier.session.direction import ChoiceSession, LevelsSession, LossSession, RootSession
from medquorum.verifier.session.session import OpenedResult

__all__ = ["verify_direction"]

_IMPOSSIBLE = {"accepted": False, "reason": IMPOSSIBLE}


def verify_direction(
    verification: Verification,
    task: Task,
    rule: rules.Direction,
    transport: Transport,
    status: RoundStatus,
    hospitals: Sequence[str],
    timeout: Callable[[], float],
) -> dict[str, Any]:
    """Verify these candidates, all of a round, in this order; return what to attest with AttestRound.

    Raises
    ------
    ProtocolError, MaterialError
        The other party or the dealer has stopped or does not agree; try again.
    """
    steps = _Steps(verification, task, rule, transport, status)
    results: dict[str, dict[str, Any]] = {}
    candidates: list[rules.Candidate] = []
    try:
        root = steps.root()
        for hospital in hospitals:
            found = steps.levels(hospital, root, timeout())
            if isinstance(found, rules.Candidate):
                candidates.append(found)
            else:
                results[hospital] = found
        verdicts = rules.judge_direction(
            rule.model_copy(update={"norm": None}),  # the bound is in the condition bit
            candidates,
            full=rules.full_weight(task.lambda_numerator, task.lambda_bits),
            judge=steps,
            minimum=task.minimum_accepted,
        )
        results |= {verdict.name: disclosed(task, verdict) for verdict in verdicts}
    except NoJudgement as error:
        results |= {hospital: error.result for hospital in hospitals if hospital not in results}
    return {
        "results": {name: result | {"update": commitment(status, name)} for name, result in results.items()},
        "dataset": task.dataset,
        "transcript": sha256(canonical.encode(steps.transcripts)).hexdigest(),
    }


class _Steps:
    """The steps of one round, each a session with the other party; a :class:`~medquorum.core.rules.Judge` for it."""

    def __init__(
        self, verification: Verification, task: Task, rule: rules.Direction, transport: Transport, status: RoundStatus
    ) -> None:
        self.transcripts: list[list[str]] = []
        self._verification = verification
        self._task = task
        self._rule = rule
        self._transport = transport
        self._status = status
        self._losses: dict[rules.Weights, tuple[str, IntArray]] = {}
        self._base: int | None = None
        self._root: Masked | None = None

    def root(self) -> int:
        """Return the level of the root update's norm."""
        spec = make_step_spec(self._task, self._status, RootStep())
        held = self._verification.held(self._status, ROOT, 0)
        opened, _ = self._verification.step(self._transport, spec, RootSession, held, self._status, ROOT)
        self._noted(spec.name.hospital, opened)
        if opened.holds and len(opened.counts) == 1 and 0 < opened.counts[0] <= len(NORMS):
            return opened.counts[0]
        raise NoJudgement({"accepted": False, "reason": rules.Reason.ROOT.value})

    def levels(self, hospital: str, root: int, timeout: float) -> rules.Candidate | dict[str, Any]:
        """Return an update as a candidate, or what is attested of it where it was not evaluated."""
        spec = make_step_spec(self._task, self._status, LevelsStep(root=root), hospital)
        masked = self._root_update()
        held = self._verification.held(self._status, hospital, timeout)
        opened, _ = self._verification.step(
            self._transport,
            spec,
            lambda inputs, observer: LevelsSession(inputs, masked, observer),
            held,
            self._status,
            hospital,
        )
        self.transcripts.append([hospital, opened.transcript])
        refused = unevaluated(self._task, hospital, opened)
        if opened.shifted:
            raise NoJudgement(dict(_IMPOSSIBLE))
        if refused is not None:
            return refused
        if not opened.holds:
            # One bit says that RANGE and all bounds hold; which of them failed stays secret.
            return rules.Candidate(hospital, rules.Reason.RANGE_OR_NORM)
        if len(opened.counts) != 2 or opened.counts[0] > len(NORMS) or opened.counts[1] >= len(COSINES):
            raise NoJudgement(dict(_IMPOSSIBLE))
        return rules.Candidate(hospital, levels=Levels(*opened.counts))

    def _root_update(self) -> Masked:
        """Return the root update as this party has it: one for all updates."""
        if self._root is None:
            kept = self._verification.held(self._status, ROOT, 0)
            if not isinstance(kept, MaskedUpdate):
                raise ProtocolError("the root update is gone", "Abort the round")
            self._root = Masked(kept.public, self._verification.summands.mask(self._status, ROOT))
        return self._root

    def any_gains(self, candidates: Sequence[rules.Weights]) -> bool:
        """Return whether one of them has a smaller loss than the base."""
        return self._asked(candidates, "gain", 0).holds

    def last_with(self, candidates: Sequence[rules.Weights], share: int) -> int:
        """Return the place of the last one with at least ``share`` thousandths of the best gain."""
        place = self._asked(candidates, "last", share).counts
        if len(place) != 1 or place[0] >= len(candidates):
            raise NoJudgement(dict(_IMPOSSIBLE))
        return place[0]

    def _asked(self, candidates: Sequence[rules.Weights], do: str, share: int) -> OpenedResult:
        losses = [self._loss(weights) for weights in candidates]
        step = ChoiceStep.model_validate({"do": do, "models": tuple(name for name, _ in losses), "share": share})
        facts = {"losses": [transcript for name, transcript in self.transcripts if name in step.models]}
        spec = make_step_spec(self._task, self._status, step, facts=facts)
        gains = self._base_loss() - np.concatenate([loss for _, loss in losses])
        opened, _ = self._verification.step(self._transport, spec, ChoiceSession, gains, self._status)
        self._noted(spec.name.hospital, opened)
        return opened

    def _base_loss(self) -> np.int64:
        if self._base is None:
            base = "" if self._status.round is None else self._status.round.base
            self._base = self._verification.base_loss(self._rule, base)
        return np.int64(self._base)

    def _loss(self, weights: rules.Weights) -> tuple[str, IntArray]:
        """Return the name of a model's loss and this party's share of it."""
        if weights not in self._losses:
            mixed = {name: weight for name, weight in weights if weight}
            spec = make_step_spec(self._task, self._status, LossStep(rule=self._rule, weights=tuple(mixed.items())))
            summands = self._verification.summands
            held = MaskedUpdate(summands.masked(self._status, mixed))
            mask = summands.masks(self._status, mixed)
            opened, session = self._verification.step(
                self._transport,
                spec,
                lambda inputs, observer: LossSession(inputs, mask, observer),
                held,
                self._status,
            )
            self._noted(spec.name.hospital, opened)
            self._losses[weights] = spec.name.hospital, session.loss
        return self._losses[weights]

    def _noted(self, name: str, opened: OpenedResult) -> None:
        """Keep a step's transcript; raise where it was not evaluated."""
        self.transcripts.append([name, opened.transcript])
        refused = unevaluated(self._task, self._task.hospitals[0], opened)
        if refused is not None:
            raise NoJudgement(refused)
