# SPDX-License-Identifier: Apache-2.0
"""A hospital's own training function: what it is given, and how its result becomes an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import nn

from medquorum.clients.training.formats.state import State, load_into, pack_module, pack_state, state_of
from medquorum.core.model import ModelDescription
from medquorum.errors import MedquorumError, TrainingError

__all__ = ["Context", "Evaluation", "TrainFunction", "Training", "make_update"]

Metric: TypeAlias = float | int | str | bool | None
Evaluation: TypeAlias = Callable[[nn.Module], float | Mapping[str, Metric]]
"""Says how good a model is, on data of one's own."""


@dataclass(frozen=True)
class Context:
    """What a training function may know of its round.

    Attributes
    ----------
    task, round, hospital
        Names and number.
    seed
        Of task, round and hospital: the same after a restart.
    device
        Where the module lies: a GPU where there is one.
    base
        The round's model by torch's names, read only; for a proximal term, say.
    """

    task: str
    round: int
    hospital: str
    seed: int
    device: torch.device
    base: State = field(repr=False)
    _stop: Callable[[], bool] = field(repr=False)
    _log: Callable[[Mapping[str, Metric]], None] = field(repr=False)

    def stop(self) -> bool:
        """Return whether the training shall end: the round has closed, or the program is leaving."""
        return self._stop()

    def log(self, **metrics: Metric) -> None:
        """Report numbers, such as a loss: an event ``metrics``."""
        self._log(metrics)

    def progress(self, done: int, total: int) -> None:
        """Report how far the training is: an event ``metrics`` with ``done`` and ``total``."""
        self._log({"done": done, "total": total})


TrainFunction: TypeAlias = Callable[[Any, Any, Context], nn.Module | State]
"""``train(module, data, context)``: trains the module and returns it, or a state dict."""


@dataclass(frozen=True)
class Training:
    """One call of a training function.

    Attributes
    ----------
    module
        Where the base is loaded into; trained in place.
    base
        The round's packed model.
    """

    description: ModelDescription
    module: nn.Module
    base: bytes = field(repr=False)
    task: str
    round: int
    hospital: str
    seed: int


def make_update(
    train: TrainFunction,
    data: Any,
    training: Training,
    stop: Callable[[], bool],
    log: Callable[[Mapping[str, Metric]], None],
) -> bytes:
    """Call a training function and pack what it gives.

    Raises
    ------
    TrainingError
        It raised, or gave something that is no update of the task's model: nothing was sent.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        load_into(training.module, training.description, training.base)
    except MedquorumError as error:
        raise TrainingError(error.cause, error.remedy, round_number=training.round) from error
    base = {name: tensor.to(device) for name, tensor in state_of(training.description, training.base).items()}
    context = Context(
        training.task, training.round, training.hospital, training.seed, device, MappingProxyType(base), stop, log
    )
    module = training.module.to(device).train()
    try:
        result = train(module, data, context)
    except (Exception, SystemExit) as error:
        raise _raised(error, training.round) from error
    try:
        if isinstance(result, nn.Module):
            return pack_module(result.eval(), training.description, training.base)
        if isinstance(result, Mapping) and all(isinstance(tensor, torch.Tensor) for tensor in result.values()):
            return pack_state(result, training.description, training.base)
    except MedquorumError as error:
        raise TrainingError(error.cause, error.remedy, round_number=training.round) from error
    raise TrainingError(
        f"the training function returned {type(result).__name__}, not the module",
        "End it with: return module",
        round_number=training.round,
    )


def _raised(error: BaseException, round_number: int) -> TrainingError:
    cause = f"the training function raised {type(error).__name__}: {error}"
    remedy = "Try it alone: train(task.model().module(), data, context)"
    if isinstance(error, ValueError) and "more than 1 value per channel" in str(error):
        remedy = "A batch of one cannot be normalised: drop_last=True in the loader, or larger batches"
    return TrainingError(cause, remedy, round_number=round_number)
