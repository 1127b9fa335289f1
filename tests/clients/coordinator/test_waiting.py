# SPDX-License-Identifier: Apache-2.0
"""The coordinator sleeps until an update can be the last one."""

from __future__ import annotations

from collections.abc import Callable

from medquorum.clients.coordinator.agent import Coordinator
from medquorum_testing.ledger.consortium_ledger import HOSPITALS
from medquorum_testing.ledger.small_federation import Federation


def test_an_update_that_leaves_others_missing_does_not_wake_it(federate: Callable[..., Federation]) -> None:
    federation = federate(rounds=1)
    coordinator = federation.agents["coordinator"]
    assert isinstance(coordinator, Coordinator)
    control = coordinator._control
    while not coordinator.step():
        pass
    for _ in HOSPITALS[1:]:
        control.wake("UpdateSubmitted")
    assert not control.called_within(0)
    federation.agents[HOSPITALS[0]].step()
    coordinator.step()  # two are missing now
    control.wake("UpdateSubmitted")
    assert not control.called_within(0)
    control.wake("UpdateSubmitted")
    assert control.called_within(0)
