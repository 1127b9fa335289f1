# SPDX-License-Identifier: Apache-2.0
"""A task in a hospital's hands: its model, updates, history, or all of its rounds in one call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from medquorum.clients.hospital.actions import Action, AwaitVerdict, Leave, Submit, next_action
from medquorum.clients.hospital.api.checked_model import CheckedModel
from medquorum.clients.hospital.api.submission import SubmittedUpdate, submit
from medquorum.clients.hospital.api.waiting import take_steps
from medquorum.clients.hospital.assembly import awaited_events, make_hospital
from medquorum.clients.hospital.fetch import fetch_proven
from medquorum.clients.hospital.model_access import model_of_round, takes_updates
from medquorum.clients.ledger.history import RoundSummary, history
from medquorum.clients.ledger.models import check_round, fetch_model
from medquorum.clients.ledger.round_status import ended
from medquorum.clients.proof.basis import Proof
from medquorum.clients.runtime.options import Connection
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL, LoopControl, Stopped
from medquorum.clients.runtime.role import Step, follow_task
from medquorum.clients.runtime.session import Session
from medquorum.core import model as modelformat
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.model import ModelDescription
from medquorum.errors import ContractError, ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from medquorum.clients.training.own.function import Evaluation, TrainFunction

__all__ = ["HospitalTask"]


class HospitalTask:
    """One task of a connected hospital; safe to use from several threads."""

    def __init__(self, connection: Connection, session: Session, task: Task) -> None:
        self._connection = connection
        self._session = session
        self._task = task
        self._control = LoopControl()
        self._handed = ""

    @property
    def name(self) -> str:
        """The task's name."""
        return self._task.task

    @property
    def rounds(self) -> int:
        """How many rounds the task has."""
        return self._task.rounds

    @property
    def rule(self) -> dict[str, Any]:
        """The rule by which updates are judged."""
        return self._task.rule

    @property
    def description(self) -> ModelDescription:
        """The model's layers, input and classes."""
        return modelformat.parse(self._task.model)

    def model(self, round: int | None = None, proof: Proof | None = None) -> CheckedModel:
        """Return the model a round ended with, checked as ``hospital verify-model`` checks it.

        Parameters
        ----------
        round
            0: the initial model; None: the latest.
        proof
            Check all that ``hospital fetch`` checks: the chain, every signature, what each transaction wrote.

        Raises
        ------
        CheckFailed
            Something is not what the ledger promises; ``check`` names it.
        ContractError
            There is no such round, or ``MODEL_PURGED``.
        """
        if proof is not None:
            return self._proven(round, proof)
        number = self._latest() if round is None else round
        name, packed = model_of_round(self._session.ledger, self._task, number)
        if round is None:
            self._handed = name
        return CheckedModel(self._task, name, number, packed)

    def each_round(self, timeout: float | None = None) -> Iterator[CheckedModel]:
        """Yield the checked base model of each round as it opens for this hospital; end after the last round.

        Raises
        ------
        TimeoutError
            No round opened within ``timeout`` seconds.
        """
        before = 0
        while True:
            action, base = self._awaited(timeout, partial(_opens_after, before))
            if not isinstance(action, Submit) or base is None:
                return
            before = action.round.round
            self._handed = base.hash
            yield base

    def submit(self, module: nn.Module | Mapping[str, torch.Tensor], timeout: float | None = None) -> SubmittedUpdate:
        """Submit a trained module, or its state dict, in the open round; wait for one if none is open.

        It is stored with its salts before anything leaves. What was submitted in a round stays: a second call in the
        same round returns the first update.

        Raises
        ------
        ModelError, RangeError
            Its tensors are not the model's, not finite or out of range; nothing was sent.
        ContractError
            ``STALE_BASE``: a later round's model is the base now. ``ROUND_CLOSED``: the task has ended.
        TimeoutError
            No round opened within ``timeout`` seconds, or the ledger did not take the update.
        """
        from torch import nn

        from medquorum.clients.training.formats.state import pack_module, pack_state

        action, base = self._awaited(timeout, lambda action: isinstance(action, Submit | AwaitVerdict))
        if isinstance(action, AwaitVerdict):
            return submit(self._connection, self._session, self._task, action.round, b"", timeout)
        if not isinstance(action, Submit) or base is None:
            raise ContractError("ROUND_CLOSED", f"the task {self.name} has ended", "Use its model: task.model()")
        if self._handed not in ("", base.hash):
            raise ContractError(
                "STALE_BASE",
                f"the module was given model {self._handed}, round {action.round.round} is based on {base.hash}",
                "Train from task.model() again",
            )
        if isinstance(module, nn.Module):
            packed = pack_module(module, self.description, base.packed)
        elif isinstance(module, Mapping):
            packed = pack_state(module, self.description, base.packed)
        else:
            raise ModelError(f"{type(module).__name__} is no update", "Give the module, or its state dict")
        return submit(self._connection, self._session, self._task, action.round.round, packed, timeout)

    def history(self) -> list[RoundSummary]:
        """Return what became of every round so far, and of the own updates."""
        return history(self._session.ledger, self.name, self._session.msp)

    def run(
        self,
        train: TrainFunction,
        data: Any = None,
        evaluate: Evaluation | None = None,
        *,
        module: nn.Module | None = None,
        deadline: float | None = None,
        seed: int = 0,
    ) -> CheckedModel | None:
        """Take part until the task has ended: what ``hospital run`` does, with one's own training function.

        ``train(module, data, context)`` runs in a thread. A function that raises, returns no update of the model, or
        does not return before the round closes costs that round: ``training_failed`` is reported, nothing is sent, and
        the next round goes on. A process that starts again goes on where it was.

        Parameters
        ----------
        data
            Handed to ``train`` as it is.
        evaluate
            Called with each global model in eval mode; its number, or mapping of numbers, is in ``global_model``.
        module
            The own module, described when the task was made; None takes the described network. It is left as it is.
        deadline
            Seconds that ``train`` may take.

        Returns
        -------
        The task's last model; None after ``stop``.
        """
        from medquorum.clients.hospital.own_training import OwnTraining, Plan
        from medquorum.clients.training.formats.state import load_into
        from medquorum.clients.training.own.runner import InThread

        if module is not None:
            # What does not fit is said now, not in the first round.
            load_into(copy.deepcopy(module), self.description, self._initial().packed)
        plan = Plan(lambda training, log: InThread(train, data, training, log), evaluate, module, deadline, seed)

        def make(session: Session, task: Task, control: LoopControl) -> Step:
            is_open = partial(takes_updates, session.ledger, task.task)
            training = OwnTraining(task, session.msp, plan, session.report, control, is_open)
            return make_hospital(self._connection, session, task, control, training).step

        self._control = control = LoopControl()
        self._session.report.event("started", task=self.name)
        try:
            follow_task(self._session, control, self.name, awaited_events, make)
        except Stopped:
            self._session.report.event("stopped", task=self.name)
            return None
        return self.model()

    def stop(self) -> None:
        """Let ``run`` end, from any thread; what was submitted goes on without this hospital."""
        self._control.stop()

    def _initial(self) -> CheckedModel:
        """Return the initial model as soon as it has reached the own peer."""
        found: list[CheckedModel] = []
        take_steps(self._session, self._task, LoopControl(), lambda: found.append(self.model(0)), None)
        return found[0]

    def _latest(self) -> int:
        """Return the last round that has ended, 0 before the first."""
        round_ = self._session.ledger.current_round(self.name)
        return 0 if round_ is None else round_.round - (not ended(round_))

    def _base(self, round_: Round) -> CheckedModel:
        """Return the checked model a round starts from."""
        ledger = self._session.ledger
        check_round(ledger, ledger.task(self.name), round_)
        return CheckedModel(self._task, round_.base, round_.round - 1, fetch_model(ledger, self._task, round_.base))

    def _awaited(
        self, timeout: float | None, condition: Callable[[Action], bool]
    ) -> tuple[Action, CheckedModel | None]:
        """Wait until the hospital's next action is such a one, or the task has ended; errors as of ``take_steps``.

        Where the action is to train, the round's base comes with it: chunks of a private model may still be on their
        way to the own peer when the round opens, and are waited for.
        """
        ledger = self._session.ledger
        found: list[tuple[Action, CheckedModel | None]] = []

        def look() -> float | None:
            action = next_action(ledger.task(self.name), ledger.current_status(self.name), ledger.msp)
            if not condition(action) and not isinstance(action, Leave):
                return RESYNC_INTERVAL
            found.append((action, self._base(action.round) if isinstance(action, Submit) else None))
            return None

        take_steps(self._session, self._task, LoopControl(), look, timeout)
        return found[0]

    def _proven(self, round_number: int | None, proof: Proof) -> CheckedModel:
        chain, root = proof.begin(self._session)
        fetched = fetch_proven(chain, self._session.ledger, self._task, round_number, root)
        return CheckedModel(self._task, fetched.model, fetched.round, fetched.packed)


def _opens_after(before: int, action: Action) -> bool:
    return isinstance(action, Submit) and action.round.round > before
