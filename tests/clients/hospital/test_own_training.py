# SPDX-License-Identifier: Apache-2.0
"""A hospital's own training function: what it may do, and that a bad one costs its round only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from medquorum.clients.hospital import own_training
from medquorum.clients.hospital.agent import Hospital
from medquorum.clients.hospital.own_training import OwnTraining, Plan
from medquorum.clients.runtime.reconcile import LoopControl, Stopped
from medquorum.clients.runtime.report import EventReport
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.own.function import Context
from medquorum.clients.training.own.runner import InThread
from medquorum.core import model as modelformat
from medquorum.core.documents.task import Task
from medquorum_testing.federation.own_functions import tie
from medquorum_testing.ledger.small_federation import Federation, quarters

Federate = Callable[..., Federation]
Events = list[dict[str, Any]]


@pytest.fixture
def task(federate: Federate) -> Task:
    return federate().task


@pytest.fixture
def base(task: Task) -> bytes:
    return drawn_model(modelformat.parse(task.model), 0)


@pytest.fixture
def events() -> Events:
    return []


Make = Callable[..., OwnTraining]


@pytest.fixture
def make(task: Task, events: Events) -> Make:
    def made(
        train: Any, data: Any = None, is_open: Callable[[int], bool] = lambda number: True, **more: Any
    ) -> OwnTraining:
        report = EventReport("hospital", task.hospitals[0], lambda event: events.append(dict(event)))
        plan = Plan(lambda training, log: InThread(train, data, training, log), **more)
        return OwnTraining(task, task.hospitals[0], plan, report, LoopControl(), is_open)

    return made


@pytest.fixture
def update(base: bytes, tmp_path: Path) -> Callable[[OwnTraining, int], bytes | None]:
    return lambda training, number: training.update(number, base, UpdateStore(tmp_path))


def failures(events: Events) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "training_failed"]


def fitted(module: nn.Module, data: Any, context: Context) -> nn.Module:
    for done in range(5):
        functional.cross_entropy(module(data[0]), data[1]).backward()
        with torch.no_grad():
            for parameter in module.parameters():
                assert parameter.grad is not None
                parameter -= 0.1 * parameter.grad
                parameter.grad = None
        context.log(loss=done)
    context.progress(1, 1)
    return module


def test_any_training_makes_an_update(make: Make, update: Any, base: bytes, task: Task, events: Events) -> None:
    images = quarters(16, 0)
    data = (torch.from_numpy(images.pixels).float() / 255, torch.from_numpy(images.labels))
    seen: list[Context] = []

    def train(module: nn.Module, given: Any, context: Context) -> nn.Module:
        seen.append(context)
        assert module.training
        return fitted(module, given, context)

    packed = update(make(train, data), 3)
    assert packed is not None
    assert packed != base
    (context,) = seen
    assert (context.task, context.round, context.hospital) == (task.task, 3, task.hospitals[0])
    state = DescribedModel(modelformat.parse(task.model)).state_dict()
    assert {name: value.shape for name, value in context.base.items()} == {
        name: value.shape for name, value in state.items()
    }
    with pytest.raises(TypeError):
        context.base["fc1.weight"] = torch.zeros(1)  # type: ignore[index]
    told = [event["metrics"] for event in events if event["event"] == "metrics"]
    assert told == [*({"loss": done} for done in range(5)), {"done": 1, "total": 1}]
    assert not failures(events)


def raising(module: nn.Module, data: Any, context: Context) -> nn.Module:
    raise RuntimeError("no such column: age")


def leaving(module: nn.Module, data: Any, context: Context) -> nn.Module:
    sys.exit("no data today")


def nothing(module: nn.Module, data: Any, context: Context) -> Any:
    return None


def diverged(module: nn.Module, data: Any, context: Context) -> nn.Module:
    with torch.no_grad():
        next(module.parameters()).fill_(float("nan"))
    return module


def outside(module: nn.Module, data: Any, context: Context) -> nn.Module:
    with torch.no_grad():
        next(module.parameters()).fill_(9)
    return module


def renamed(module: nn.Module, data: Any, context: Context) -> Any:
    return {f"module.{name}": tensor for name, tensor in module.state_dict().items()}


def reshaped(module: nn.Module, data: Any, context: Context) -> Any:
    return {name: tensor[..., :1] for name, tensor in module.state_dict().items()}


def another_head(module: Any, data: Any, context: Context) -> nn.Module:
    module.fc2 = nn.Linear(module.fc2.in_features, module.fc2.out_features + 1)
    return module  # type: ignore[no-any-return]


def tied_state(module: Any, data: Any, context: Context) -> Any:
    return dict(tie(module, data, context).state_dict())


def one_image(module: nn.Module, data: Any, context: Context) -> nn.Module:
    nn.BatchNorm1d(4)(torch.zeros(1, 4))
    return module


BAD = [
    (raising, "raised RuntimeError: no such column: age"),
    (leaving, "raised SystemExit: no data today"),
    (nothing, "returned NoneType, not the module"),
    (diverged, "NaN or infinity"),
    (outside, "fc1.weight"),
    (renamed, "missing: fc1.weight"),
    (reshaped, "has shape"),
    (another_head, "fc2.weight has shape"),
    (tie, "fc1.weight and fc2.weight are one (tied weights)"),
    (tied_state, "fc1.weight and fc2.weight are one (tied weights)"),
    (one_image, "more than 1 value per channel"),
]


@pytest.mark.parametrize(("train", "told"), BAD)
def test_a_bad_training_is_told_once_and_the_next_round_goes_on(
    make: Make, update: Any, events: Events, base: bytes, train: Any, told: str
) -> None:
    turns = {2: train}

    def sometimes(module: nn.Module, data: Any, context: Context) -> Any:
        return turns.get(context.round, lambda *given: module)(module, data, context)

    training = make(sometimes)
    assert update(training, 2) is None
    assert update(training, 2) is None
    (failure,) = failures(events)
    assert told in failure["cause"]
    assert (failure["round"], failure["error"], failure["exit_code"]) == (2, "TrainingError", 14)
    assert failure["remedy"]
    assert update(training, 3) == base


def test_a_function_that_does_not_return_is_given_up(
    make: Make, update: Any, events: Events, base: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_training, "GRACE", 0.05)
    leave = threading.Event()

    def train(module: nn.Module, data: Any, context: Context) -> nn.Module:
        if context.round == 1:
            leave.wait(60)
        return module

    training = make(train, deadline=0.3)
    assert update(training, 1) is None
    assert update(training, 2) is None
    assert ["0.3 s" in failures(events)[0]["cause"], "earlier round" in failures(events)[1]["cause"]] == [True, True]
    leave.set()
    assert training._left is not None
    assert training._left.wait(10)
    assert update(training, 3) == base


def test_a_training_ends_with_its_round(
    make: Make, update: Any, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_training, "LOOK", 0.0)

    def train(module: nn.Module, data: Any, context: Context) -> nn.Module:
        while not context.stop():
            threading.Event().wait(0.01)
        context.log(late=True)
        return module

    assert update(make(train, is_open=lambda number: False), 1) is None
    assert "the round closed" in failures(events)[0]["cause"]
    assert not [event for event in events if event["event"] == "metrics"]


def test_a_hospital_that_leaves_asks_its_training_to_stop(make: Make, update: Any) -> None:
    stopped = threading.Event()
    training = make(lambda module, data, context: module)

    def train(module: nn.Module, data: Any, context: Context) -> nn.Module:
        training._control.stop()
        while not context.stop():
            threading.Event().wait(0.01)
        stopped.set()
        return module

    training._plan = Plan(lambda given, log: InThread(train, None, given, log))
    with pytest.raises(Stopped):
        update(training, 1)
    assert stopped.wait(10)


def test_a_model_is_measured_by_the_own_function(make: Make, base: bytes, events: Events) -> None:
    def auc(module: nn.Module) -> dict[str, float]:
        assert not module.training
        return {"auc": 0.75}

    assert make(raising, evaluate=auc).quality(base) == {"auc": 0.75}
    assert make(raising, evaluate=lambda module: np.float64(0.5)).quality(base) == {"accuracy": 0.5}
    assert make(raising, evaluate=lambda module: 1 / 0).quality(base) == {}
    assert events[-1]["event"] == "evaluation_failed"


def test_the_own_module_is_left_as_it_is(make: Make, update: Any, base: bytes, task: Task) -> None:
    own = DescribedModel(modelformat.parse(task.model)).eval()
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    assert update(make(lambda module, data, context: module, module=own), 1) == base
    assert not own.training
    assert all(torch.equal(before[name], tensor) for name, tensor in own.state_dict().items())


@pytest.mark.slow
def test_bad_trainings_cost_their_rounds_only_on_the_ledger(federate: Federate, events: Events, make: Make) -> None:
    bad = list(range(1, len(BAD) + 1))
    federation = federate(rounds=len(BAD) + 1)
    first = federation.task.hospitals[0]
    turns: dict[int, Any] = dict(zip(bad, (train for train, _ in BAD), strict=True))

    def sometimes(module: nn.Module, data: Any, context: Context) -> Any:
        return turns.get(context.round, lambda *given: module)(module, data, context)

    report = EventReport("hospital", first, lambda event: events.append(dict(event)))
    store = UpdateStore(federation.folder / first / "updates")
    transactions = federation.transactions(first)
    training = make(sometimes)
    federation.agents[first] = Hospital(
        federation.ledger(first), transactions, federation.task, training, store, report
    )
    federation.run(2000)
    assert [failure["round"] for failure in failures(events)] == bad
    assert all(told in failure["cause"] for (_, told), failure in zip(BAD, failures(events), strict=True))
    assert [event["round"] for event in events if event["event"] == "late"] == bad
    submitted = [
        call for call in federation.contract(first).submitted if call.startswith(("SubmitUpdate", "PutUpdate"))
    ]
    assert len(submitted) == 1
    assert [event["round"] for event in events if event["event"] == "verdict"] == [len(BAD) + 1]
    assert events[-1]["event"] == "finished"
