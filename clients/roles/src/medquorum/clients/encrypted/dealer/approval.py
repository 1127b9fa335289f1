# SPDX-License-Identifier: Apache-2.0
"""What the dealer deals for: the plan of its task, for the updates that the ledger froze in the request's round."""

from __future__ import annotations

from hashlib import sha256

from medquorum.clients.encrypted.dealer.mask_seeds import MaskContext, MaskSeeds
from medquorum.clients.encrypted.verification.spec import direction_document, plan_document, settings_of, sum_name
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core import canonical
from medquorum.core.documents.root import ROOT
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.rules import parse_rule
from medquorum.errors import MaterialError, ProtocolError
from medquorum.gateway import GatewayError
from medquorum.verifier.offline.direction_steps import ChoiceStep, LevelsStep, LossStep, RootStep
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.refusal import outward
from medquorum.verifier.service.update_masks import UpdateMask

__all__ = ["Approval"]


class Approval:
    """Approves requests and gives hospitals their masks in one task on one channel.

    Parameters
    ----------
    channel
        Hash of the channel's genesis block.
    """

    def __init__(self, ledger: Ledger, task: Task, channel: str, seeds: MaskSeeds) -> None:
        self._ledger = ledger
        self._task = task
        self._channel = channel
        self._seeds = seeds

    def check(self, request: DealRequest) -> None:
        """Refuse a request that is not for updates of its round as they were frozen; bind their mask to them.

        Raises
        ------
        MaterialError
            It is for another task, plan, round or update, or the mask was dealt for another one.
        ProtocolError
            The ledger, or the own peer, cannot say yet.
        """
        if request.plan.step is not None:
            self._check_step(request)
            return
        plan = request.plan
        updates = len(request.updates) if plan.updates else 0
        wanted = plan_document(self._task, request.hospital, plan.first_batch, updates, comparing=plan.comparison)
        hospitals = [hospital for hospital, _ in request.updates]
        named = sum_name(hospitals) if updates else "".join(hospitals[:1])
        if request.task != self._task.task or plan != wanted or request.hospital != named:
            raise self._refusal()
        if (updates and not self._task.judges_rounds) or (not updates and len(hospitals) != 1):
            raise self._refusal()
        status, round_ = self._verifying(request)
        if updates:
            commitment = sha256(canonical.encode([list(pair) for pair in request.updates])).hexdigest()
            self._seeds.bind(self._context(round_, request.hospital), commitment, None)
        else:
            update = status.updates[request.hospital]
            self._seeds.bind(self._context(round_, request.hospital), update.commitment, update.nonce or "")

    def _verifying(self, request: DealRequest) -> tuple[RoundStatus, Round]:
        """Return the request's round, whose candidates are frozen as the request names them."""
        status = self._status(request.round)
        round_ = status.round
        if round_ is None or round_.state == "open":
            raise ProtocolError(f"round {request.round} is open here", "Ask again: the dealer's peer may lag behind")
        if round_.state != "verifying" or any(round_.commitments.get(h) != c for h, c in request.updates):
            raise self._refusal()
        return status, round_

    def _check_step(self, request: DealRequest) -> None:
        """Refuse the same for a step of the rule ``direction``, whose name binds its weights."""
        plan, step = request.plan, request.plan.step
        if step is None or not self._task.has_root or request.task != self._task.task:
            raise self._refusal()
        wanted = direction_document(self._task, step, plan.first_batch, plan.comparison)
        if plan != wanted or request.hospital != step.name(request.hospital):
            raise self._refusal()
        if isinstance(step, LossStep) and step.rule != parse_rule(self._task.rule):
            raise self._refusal()
        status, round_ = self._verifying(request)
        if status.root is None or [hospital for hospital, _ in request.updates] != _named(step, request.hospital):
            raise self._refusal()
        self._seeds.bind(self._context(round_, ROOT), status.root.commitment, status.root.nonce or "")
        if isinstance(step, LevelsStep):
            update = status.updates[request.hospital]
            self._seeds.bind(self._context(round_, request.hospital), update.commitment, update.nonce or "")
        elif not isinstance(step, RootStep):
            bound = sha256(canonical.encode([list(pair) for pair in request.updates])).hexdigest()
            self._seeds.bind(self._context(round_, request.hospital), bound, None)

    def mask(self, hospital: str, task: str, round_number: int, base: str, root: bool = False) -> UpdateMask:
        """Return the mask of the update that a hospital is about to submit, or its nonce alone where it gives shares.

        A hospital gets the mask of its own update only: it knows what that hides. So does the party that makes the
        round's ``root`` update.

        Raises
        ------
        ProtocolError
            It takes no part in such an open round of the task on this base model, as far as the own peer knows.
        """
        if task != self._task.task:
            raise ProtocolError(f"this is not the dealer of a task {task}", "Check the task and the address")
        round_ = self._status(round_number).round
        if round_ is None or round_.state != "open" or round_.base != base:
            raise ProtocolError(f"round {round_number} is not open on {base} here", "Ask again, or train again")
        if root:
            if not self._task.has_root or hospital != settings_of(self._task).parties[0]:
                raise ProtocolError(f"{hospital} makes no root update of {task}", "It is the first party's to make")
            return self._seeds.give(self._context(round_, ROOT))
        try:
            expected = self._ledger.task(task).taking_part(round_number)
        except GatewayError as error:
            raise ProtocolError(*outward(error)) from error
        if hospital not in expected:
            raise ProtocolError(f"{hospital} takes no part in round {round_number} of {task}", "Join the task first")
        given = self._seeds.give(self._context(round_, hospital))
        return UpdateMask(given.nonce) if settings_of(self._task).semi_honest else given

    def _context(self, round_: Round, hospital: str) -> MaskContext:
        return MaskContext(self._channel, self._task.fixed_hash, round_.round, round_.base, hospital)

    def _status(self, round_number: int) -> RoundStatus:
        try:
            return self._ledger.status(self._task.task, round_number)
        except GatewayError as error:
            raise ProtocolError(*outward(error)) from error

    def _refusal(self) -> MaterialError:
        return MaterialError(f"this is not the plan of the task {self._task.task}", "Compare the parties' task")


def _named(step: RootStep | LevelsStep | LossStep | ChoiceStep, hospital: str) -> list[str]:
    """Return whose updates a step is about, the root's left out."""
    if isinstance(step, LossStep):
        return [mixed for mixed, _ in step.weights]
    return [hospital] if isinstance(step, LevelsStep) else []
