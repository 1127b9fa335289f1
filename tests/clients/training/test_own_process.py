# SPDX-License-Identifier: Apache-2.0
"""A training function in a process of its own: asked to stop it may still hand in; what is wrong is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.own.function import Training
from medquorum.clients.training.own.process import InProcess, Recipe
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.errors import TrainingError

DESCRIPTION = modelformat.parse(catalogue.mlp((1, 4, 4), 3, hidden=4))
BASE = drawn_model(DESCRIPTION, 0)
FUNCTIONS = "medquorum_testing.federation.own_functions"
WAIT = 200

Start = Callable[..., InProcess]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def started(function: str, log: Callable[[Any], None] = lambda metrics: None) -> InProcess:
        training = Training(DESCRIPTION, DescribedModel(DESCRIPTION), BASE, "task", 3, "H", 0)
        return InProcess(Recipe(f"{FUNCTIONS}:{function}", None, 1, tmp_path / "own"), training, log)

    return started


def test_a_process_that_is_asked_to_stop_still_hands_in(start: Start) -> None:
    begun = threading.Event()
    running = start("until_stopped", lambda metrics: begun.set())
    assert begun.wait(WAIT)
    assert not running.wait(0.2)
    running.stop()
    assert running.wait(WAIT)
    assert running.result() == BASE


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("tie", r"fc1.weight and fc2.weight are one \(tied weights\)"),
        ("raise_error", "raised RuntimeError: no such column: age"),
    ],
)
def test_what_is_no_update_is_told(start: Start, function: str, told: str) -> None:
    running = start(function)
    assert running.wait(WAIT)
    with pytest.raises(TrainingError, match=told) as found:
        running.result()
    assert found.value.remedy


def test_a_process_is_ended_by_force(start: Start) -> None:
    begun = threading.Event()
    running = start("hang", lambda metrics: begun.set())
    assert begun.wait(WAIT)
    running.stop()
    assert running.end()
    with pytest.raises(TrainingError, match="without a result"):
        running.result()
