# SPDX-License-Identifier: Apache-2.0
"""Makes a hospital's updates with its own training function; one that fails costs the hospital that round only."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from medquorum.clients.runtime.reconcile import GRACE, POLL_INTERVAL, LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.clients.training.formats.state import load_into
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.own.function import Evaluation, Training
from medquorum.clients.training.own.runner import Running, Start
from medquorum.clients.training.train import seed_of
from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task
from medquorum.errors import TrainingError

__all__ = ["OwnTraining", "Plan"]

LOOK = 2.0
"""Seconds between two looks whether the round is still open while the function runs."""


@dataclass(frozen=True)
class Plan:
    """How a hospital trains by a function of its own.

    Attributes
    ----------
    start
        Starts the function on a round's model.
    evaluate
        Says how good each global model is.
    module
        The hospital's own module, left as it is: each round trains a copy. None: the described one.
    deadline
        Seconds the function may take; it may never take longer than its round is open.
    """

    start: Start
    evaluate: Evaluation | None = None
    module: nn.Module | None = field(default=None, repr=False)
    deadline: float | None = None
    seed: int = 0


class OwnTraining:
    """The updates of one hospital in one task.

    Parameters
    ----------
    is_open
        Returns whether a round still takes updates.
    """

    def __init__(
        self, task: Task, msp: str, plan: Plan, report: Report, control: LoopControl, is_open: Callable[[int], bool]
    ) -> None:
        self._task = task
        self._msp = msp
        self._plan = plan
        self._report = report
        self._control = control
        self._is_open = is_open
        self._description = modelformat.parse(task.model)
        self._failed = 0
        self._left: Running | None = None

    def update(self, round_number: int, base: bytes, store: UpdateStore) -> bytes | None:
        """Train on the round's base; None when that failed, which an event ``training_failed`` tells.

        Raises
        ------
        Stopped
            The process was asked to stop.
        """
        if self._failed == round_number:
            return None
        try:
            with self._report.phase("training", round=round_number):
                return self._trained(round_number, base)
        except TrainingError as error:
            self._failed = round_number
            self._report.event("training_failed", **error.as_dict())
            return None

    def quality(self, packed: bytes) -> Mapping[str, Any]:
        """Return what the hospital's own function says of a model; a function that raises is told, and says nothing."""
        if self._plan.evaluate is None:
            return {}
        module = self._module()
        load_into(module, self._description, packed)
        try:
            with torch.no_grad():
                metrics = self._plan.evaluate(module.eval())
        except Exception as error:
            self._report.event("evaluation_failed", error=type(error).__name__, cause=str(error))
            return {}
        return dict(metrics) if isinstance(metrics, Mapping) else {"accuracy": float(metrics)}

    def oldest_needed(self, round_number: int) -> int:
        """Return the round before: its verdict may still be untold."""
        return round_number - 1

    def _module(self) -> nn.Module:
        return DescribedModel(self._description) if self._plan.module is None else copy.deepcopy(self._plan.module)

    def _trained(self, round_number: int, base: bytes) -> bytes:
        if self._left is not None and not self._left.wait(0):
            raise TrainingError(
                "the training function of an earlier round has not returned",
                "A thread cannot be ended: look at context.stop() in it, or use hospital run --train",
                round_number=round_number,
            )
        seed = seed_of(self._task.task, round_number, self._msp, self._plan.seed)
        training = Training(self._description, self._module(), base, self._task.task, round_number, self._msp, seed)

        def log(metrics: Mapping[str, Any]) -> None:
            self._report.event("metrics", round=round_number, metrics=dict(metrics))

        running = self._plan.start(training, log)
        try:
            self._await(running, round_number)
        except BaseException:
            running.stop()
            if not running.wait(GRACE) and not running.end():
                self._left = running
            raise
        return running.result()

    def _await(self, running: Running, round_number: int) -> None:
        """Wait for a training's end, as long as it is of use."""
        start = look = time.monotonic()
        while not running.wait(POLL_INTERVAL):
            self._control.check()
            now = time.monotonic()
            if self._plan.deadline is not None and now - start > self._plan.deadline:
                raise TrainingError(
                    f"the training function did not return within {self._plan.deadline:g} s",
                    "Train less in a round, or allow more time",
                    round_number=round_number,
                )
            if now - look > LOOK:
                look = now
                if not self._is_open(round_number):
                    raise TrainingError(
                        "the round closed before the training function returned",
                        "Train less in a round, or ask the coordinator for a later deadline",
                        round_number=round_number,
                    )
