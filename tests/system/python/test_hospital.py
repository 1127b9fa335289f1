# SPDX-License-Identifier: Apache-2.0
"""A hospital that takes part from Python."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import structlog
import torch
from torch import nn
from torch.nn import functional

from medquorum import auditor
from medquorum.clients.data.images import read_shard
from medquorum.clients.hospital.model_access import model_of_round
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import fetch_model
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError, ContractError, ModelError, RangeError, StartTimeout
from medquorum.hospital import Context, HospitalTask, Proof, connect
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.own_functions import tie

Coordinated = Callable[[], AbstractContextManager[None]]
Events = list[dict[str, Any]]
Data = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture
def events() -> Events:
    return []


@pytest.fixture
def task(fed: Federation, events: Events) -> Iterator[HospitalTask]:
    state = fed.state("Hospital1")
    with connect(fed.running.profile("Hospital1"), state=state, on_event=lambda one: events.append(dict(one))) as made:
        yield made.task(fed.name)


@pytest.fixture
def data(fed: Federation) -> Data:
    images = read_shard(fed.folder / "Hospital1.npz")
    return torch.from_numpy(images.pixels).float() / 255, torch.from_numpy(images.labels)


class Net(nn.Module):
    """The task's mlp, as a hospital would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.fc2(functional.relu(self.fc1(inputs.flatten(1))))
        return hidden


def train(module: nn.Module, data: Data, context: Context | None = None) -> nn.Module:
    optimizer = torch.optim.SGD([*module.parameters()][2:], lr=0.1, momentum=0.9)
    for _ in range(20):
        optimizer.zero_grad()
        loss = functional.cross_entropy(module(data[0]), data[1], label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        if context is not None:
            context.log(loss=loss.item())
    return module


def test_an_update_from_a_notebook_is_judged(
    fed: Federation, task: HospitalTask, data: Data, coordinated: Coordinated
) -> None:
    with coordinated():
        base = next(task.each_round(120))
        update = task.submit(train(base.load_into(Net()), data))
        assert task.submit(Net()).round == update.round  # what was submitted stays
        verdict = update.wait(120)
    assert verdict.accepted, verdict
    assert verdict.round == update.round == fed.current.round
    row = task.history()[-1]
    assert (row.outcome, row.state) == ("accepted", "closed")
    latest = task.model()
    assert latest.hash == row.model
    frozen = [name for name in base.integers() if name.startswith("fc1")]
    own = np.frombuffer(
        (fed.task_folder("Hospital1") / "updates" / f"{update.round:06d}" / "parameters.bin").read_bytes(), "<i4"
    )
    size = sum(base.integers()[name].size for name in frozen)
    assert np.array_equal(own[:size], np.frombuffer(base.packed, "<i4")[:size])
    assert not np.array_equal(own[size:], np.frombuffer(base.packed, "<i4")[size:])


def test_what_is_no_update_is_refused_before_anything_is_sent(
    fed: Federation, task: HospitalTask, close_without_first: Callable[[int], None]
) -> None:
    number = fed.opened()
    base = next(task.each_round(120))
    state = base.state_dict()
    with pytest.raises(ModelError, match=r"unknown: extra"):
        task.submit(state | {"extra": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"has shape \(3,\) instead of \(10,\)"):
        task.submit(state | {"fc2.bias": torch.zeros(3)})
    with pytest.raises(RangeError, match=r"fc1\.bias"):
        task.submit(state | {"fc1.bias": torch.full((16,), 100.0)})
    assert fed.msp("Hospital1") not in fed.status(number).updates
    assert not (fed.task_folder("Hospital1") / "updates" / f"{number:06d}").exists()
    rounds = task.each_round(0.1)
    next(rounds)
    with pytest.raises(TimeoutError):
        next(rounds)  # no other round is open
    close_without_first(number)


def test_a_base_that_is_still_on_its_way_is_waited_for(
    fed: Federation, task: HospitalTask, close_without_first: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round may open before the chunks of a private model have reached the hospital's peer."""
    asked: list[str] = []

    def late(ledger: Ledger, document: Task, model: str) -> bytes:
        asked.append(model)
        if len(asked) == 1:
            raise ContractError("CHUNK_MISSING", f"chunk 0 of the model {model} does not exist on this peer")
        return fetch_model(ledger, document, model)

    monkeypatch.setattr("medquorum.clients.hospital.api.task.fetch_model", late)
    number = fed.opened()
    base = next(task.each_round(120))
    assert asked == [base.hash, base.hash]
    close_without_first(number)


def test_an_initial_model_that_is_still_on_its_way_is_waited_for(
    task: HospitalTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def late(ledger: Ledger, document: Task, number: int | None) -> tuple[str, bytes]:
        asked.append(number)
        if len(asked) == 1:
            raise ContractError("CHUNK_MISSING", "chunk 0 of the model does not exist on this peer")
        return model_of_round(ledger, document, number)

    monkeypatch.setattr("medquorum.clients.hospital.api.task.model_of_round", late)
    with pytest.raises(ModelError):
        task.run(lambda module, data, context: module, module=nn.Linear(2, 2))
    assert asked == [0, 0]


def test_a_model_is_proven_and_its_round_verified(
    fed: Federation, task: HospitalTask, close_without_first: Callable[[int], None]
) -> None:
    number = fed.opened()
    close_without_first(number)
    proof = Proof(fed.running.folder.organisation(fed.running.consortium.organisation("Hospital1")).parent)
    proven = task.model(round=number, proof=proof)
    assert (proven.hash, proven.round) == (fed.current.model, number)
    assert task.model(round=number).packed == proven.packed
    assert task.model(round=0).hash == fed.task.initial_model
    program = fed.folder / "model.onnx"
    place = ["--organizations", str(proof.organizations), "--state-dir", str(fed.folder / "fetching")]
    chosen = ["--profile", str(fed.running.profile("Hospital1")), "--task", fed.name, "--round", str(number)]
    command = [sys.executable, "-m", "medquorum.clients", "hospital", "fetch", *chosen, *place, "--out", str(program)]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    props = {prop.key: prop.value for prop in onnx.load(program).metadata_props}
    assert props["model"] == proven.hash
    with auditor.connect(fed.running.profile("Hospital1"), state=fed.folder / "auditor") as connection:
        verified = connection.verify(fed.name, number, proof)
        assert len(verified.genesis) == 64
        assert len(verified.evidence) > 5
        assert connection.history(fed.name, fed.msp("Hospital2"))[-1].outcome == "accepted"
        assert connection.round(fed.name, number).round == fed.current


def test_nothing_else_of_the_process_is_changed(fed: Federation) -> None:
    def now() -> object:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        library = logging.getLogger("medquorum.gateway")
        return handlers, structlog.is_configured(), list(logging.getLogger().handlers), list(library.handlers)

    before = now()
    with connect(fed.running.profile("Hospital1"), state=fed.state("Hospital1")) as hospital:
        assert fed.name in hospital.tasks()
        assert hospital.task(fed.name).model().integers()
        assert now() == before
        with pytest.raises(ConfigError, match="another process uses"):
            connect(fed.running.profile("Hospital1"), state=fed.state("Hospital1")).__enter__()
    assert now() == before


def test_a_task_is_followed_in_one_call_whatever_the_function_does(
    fed: Federation, task: HospitalTask, data: Data, events: Events, close_without_first: Callable[[int], None]
) -> None:
    turns = iter(["raises", "nan", "tied", "good"])

    def sometimes(module: nn.Module, given: Any, context: Context) -> nn.Module:
        turn = next(turns)
        if turn == "raises":
            raise RuntimeError("no such column: age")
        if turn == "nan":
            with torch.no_grad():
                next(module.parameters()).fill_(float("nan"))
        if turn == "tied":
            return tie(module, given, context)
        return train(module, given, context) if turn == "good" else module

    def error_rate(module: nn.Module) -> dict[str, float]:
        return {"error": float((module(data[0]).argmax(1) != data[1]).float().mean())}

    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(task.run(sometimes, data, error_rate, module=Net())))
    thread.start()
    rounds = []
    for _ in range(3):
        rounds.append(fed.opened())
        await_event(events, "training_failed", rounds[-1])
        close_without_first(rounds[-1])
    rounds.append(fed.opened())
    fed.finished()
    await_event(events, "verdict", rounds[3])
    task.stop()
    thread.join(60)
    assert found == [None]
    failed = {event["round"]: event["cause"] for event in events if event["event"] == "training_failed"}
    assert list(failed) == rounds[:3]
    assert "no such column: age" in failed[rounds[0]]
    assert "NaN or infinity" in failed[rounds[1]]
    assert "fc1.weight and fc2.weight are one (tied weights)" in failed[rounds[2]]
    assert [fed.msp("Hospital1") in fed.status(number).updates for number in rounds] == [False, False, False, True]
    verdicts = {event["round"]: event["accepted"] for event in events if event["event"] == "verdict"}
    assert {number: verdicts.get(number) for number in rounds} == dict(
        zip(rounds, [None, None, None, True], strict=True)
    )
    assert {event["round"] for event in events if event["event"] == "metrics"} == {rounds[3]}
    assert all(0 <= event["error"] <= 1 for event in events if event["event"] == "global_model")


def await_event(events: Events, name: str, number: int) -> None:
    def is_told() -> bool:
        return any((one["event"], one.get("round")) == (name, number) for one in events)

    try:
        await_true(is_told, 100, f"no {name}")
    except StartTimeout as error:
        raise AssertionError(f"no {name} of round {number} among {events}") from error


def test_a_function_of_the_command_line_is_ended_and_another_goes_on(
    fed: Federation, close_without_first: Callable[[int], None]
) -> None:
    hospital = fed.start("Hospital1", "--train", "medquorum_testing.federation.own_functions:hang")
    number = fed.opened()
    process = hospital.wait_for("metrics", round=number)["metrics"]["process"]
    close_without_first(number)
    failure = hospital.wait_for("training_failed", round=number)
    assert failure["cause"] == "the round closed before the training function returned"
    await_true(lambda: not Path(f"/proc/{process}").exists(), 10, "the function's process goes on")
    assert fed.msp("Hospital1") not in fed.status(number).updates
    number = fed.opened()
    process = hospital.wait_for("metrics", round=number)["metrics"]["process"]
    hospital.kill()
    await_true(lambda: not Path(f"/proc/{process}").exists(), 10, "the function's process goes on without its hospital")
    fed.start("Hospital1", "--train", "medquorum_testing.federation.own_functions:fit")
    fed.finished()
    assert hospital.wait_for("verdict", round=number)["accepted"]


def test_a_function_that_is_not_there_is_told_at_once(fed: Federation) -> None:
    hospital = fed.start("Hospital1", "--train", "medquorum_testing.federation.own_functions:fti")
    assert hospital.exit_code(200) == 10
    assert "has no attribute 'fti'" in hospital.log


RUN = """
import sys, torch
from medquorum.hospital import connect
def train(module, data, context):
    print("training", context.round, flush=True)
    return module
with connect(sys.argv[1], state=sys.argv[2]) as hospital:
    hospital.task(sys.argv[3]).run(train)
"""


def test_a_killed_program_goes_on_with_the_update_it_has(fed: Federation) -> None:
    """It is on the disk before it leaves; the second program of the round trains nothing."""
    command = [sys.executable, "-c", RUN, str(fed.running.profile("Hospital1")), str(fed.state("Hospital1")), fed.name]
    number = fed.opened()
    stored = fed.task_folder("Hospital1") / "updates" / f"{number:06d}" / "update.json"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        await_true(stored.exists, 120, "no update on the disk")
        first.kill()
    before = stored.read_bytes()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
        fed.finished()
        second.kill()
        printed = second.communicate()[0]
    assert fed.msp("Hospital1") in fed.status(number).updates
    assert stored.read_bytes() == before
    assert f"training {number}" not in printed
