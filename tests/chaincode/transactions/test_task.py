# SPDX-License-Identifier: Apache-2.0
"""Tasks: every limit of CreateTask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum_testing.inference.tiny_graphs import GRAPHS
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium


def test_create_and_read(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    refused("TASK_MISSING", demo.read, A, "ReadTask", "demo")
    created = demo.submit(A, "CreateTask", demo.task(hospitals=HOSPITALS[::-1], layout=demo.layout))
    assert created["layout"] == demo.layout
    assert created["length"] == len(demo.model())
    assert created["created_by"] == A
    assert created["hospitals"] == HOSPITALS
    assert demo.read(HOSPITALS[0], "ReadTask", "demo") == created
    demo.submit(B, "CreateTask", demo.task(task="another"))
    assert demo.read(HOSPITALS[0], "ListTasks") == ["another", "demo"]
    refused("TASK_EXISTS", demo.submit, A, "CreateTask", demo.task())


@pytest.mark.parametrize(
    "change",
    [
        {"task": "Upper"},
        {"task": ""},
        {"task": "a" * 33},
        {"task": "-a"},
        {"model": {"name": "mlp"}},
        {"model": None},
        {"layout": "0" * 64},
        {"initial_model": "zz"},
        {"lambda_numerator": -1},
        {"lambda_numerator": 3},
        {"lambda_bits": 9},
        {"lambda_bits": -1},
        {"rule": {"name": "lenient"}},
        {"rule": {"name": "slack"}},
        {"rule": {"name": "slack", "slack": 1001}},
        {"rule": None},
        {"disclosure": "everything"},
        {"dataset": "abc"},
        {"dataset_size": 0},
        {"dataset_size": 10_000_000},
        {"fraction_bits": 15},
        {"coordinator": HOSPITALS[0]},
        {"coordinator": "StrangerMSP"},
        {"standby": DEALER},
        {"standby": A},
        {"verifiers": [A, HOSPITALS[0]]},
        {"verifiers": [A, A]},
        {"verifiers": []},
        {"hospitals": [*HOSPITALS, B]},
        {"hospitals": []},
        {"quorum": 1},
        {"quorum": 3},
        {"minimum_accepted": 0},
        {"minimum_accepted": 4},
        {"model_tolerance": -1},
        {"model_tolerance": 1001},
        {"rounds": 0},
        {"rounds": 1_000_000},
        {"verification": "encrypted"},
        {"model_store": "cloud"},
        {"keep_updates": 1},
        {"created_by": B},
        {"length": 4},
        {"surplus": 1},
    ],
)
def test_limits(make: Callable[..., Consortium], refused: Callable[..., str], change: dict[str, Any]) -> None:
    demo = make()
    demo.init()
    refused("BAD_TASK", demo.submit, A, "CreateTask", demo.task(**change))
    assert demo.read(A, "ListTasks") == []


def test_direction_needs_classes(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    task = demo.task(model=GRAPHS["tabular"], rule={"name": "direction"})
    assert "tell classes" in refused("BAD_TASK", demo.submit, A, "CreateTask", task)


def test_weighted_has_a_weight_for_each_class(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    weights = [1] * demo.task()["model"]["classes"]
    rule = {"name": "weighted", "slack": 0, "weights": [*weights, 1]}
    assert "weights for" in refused("BAD_TASK", demo.submit, A, "CreateTask", demo.task(rule=rule))
    created = demo.submit(A, "CreateTask", demo.task(rule=rule | {"weights": weights}))
    assert created["rule"]["weights"] == weights


def test_every_field_is_needed(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    for name in demo.task():
        document = {key: value for key, value in demo.task().items() if key != name}
        refused("BAD_TASK", demo.submit, A, "CreateTask", document)


def test_numbers_are_integers(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    refused("BAD_JSON", demo.submit, A, "CreateTask", demo.task(rounds=1.0))
    refused("BAD_JSON", demo.submit, A, "CreateTask", "{")
    refused("BAD_TASK", demo.submit, A, "CreateTask", "[]")


def test_only_coordinators_create(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.init()
    for msp in (HOSPITALS[0], DEALER, "StrangerMSP"):
        refused("ACCESS_DENIED", demo.submit, msp, "CreateTask", demo.task())
    refused("ACCESS_DENIED", demo.submit, A, "CreateTask", demo.task(), unit="peer")
