# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import pytest
from consortium_ledger import HOSPITALS
from small_federation import Federation

from clients.attacks.behaviour import Adversary

Federate = Callable[..., Federation]


def test_a_task_runs_to_its_end_and_gets_better(federate: Federate) -> None:
    federation = federate()
    federation.run()
    closed = federation.events("coordinator", "round_closed")
    assert [event["round"] for event in closed] == [1, 2, 3]
    assert all(event["reason"] is None for event in closed)
    accuracies = [event["accuracy"] for event in federation.events(HOSPITALS[0], "global_model")]
    assert len(accuracies) == 4
    assert accuracies[-1] > 0.8 > accuracies[0]
