# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from medquorum.clients.runtime.reconcile import LoopControl, Stopped, reconcile
from medquorum.errors import CheckFailed, ContractError
from medquorum.gateway import CommitError, GatewayError


class Script:
    """A step that does what it is told, one thing a call."""

    def __init__(self, *things: float | Exception | None) -> None:
        self.things = list(things)

    def __call__(self) -> float | None:
        thing = self.things.pop(0)
        if isinstance(thing, Exception):
            raise thing
        return thing


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.clients.runtime.reconcile.FIRST_PAUSE", 0.001)


def test_it_ends_with_the_duty() -> None:
    script = Script(0, 0, None)
    reconcile(script, LoopControl())
    assert script.things == []


@pytest.mark.parametrize(
    "error",
    [
        GatewayError("away", code="UNAVAILABLE"),
        CommitError("conflict", code="MVCC_READ_CONFLICT"),
        ContractError("ROUND_CLOSED", "too late"),
        ContractError("TASK_MISSING", "not yet"),
        ValueError("what nobody foresaw"),
        KeyError("nor this"),
    ],
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    script = Script(error, error, None)
    reconcile(script, LoopControl())
    assert script.things == []


@pytest.mark.parametrize("error", [CheckFailed("wrong model"), ContractError("ACCESS_DENIED", "not you")])
def test_what_does_not_pass_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        reconcile(Script(error), LoopControl())


def test_an_event_ends_the_sleep_and_a_stop_ends_the_loop() -> None:
    control = LoopControl()
    seen: list[float] = []

    def step() -> float:
        seen.append(time.monotonic())
        return 60.0

    def play(*actions: Callable[[], None]) -> None:
        for number, action in enumerate(actions, start=1):
            while len(seen) < number:
                time.sleep(0.001)
            action()

    thread = threading.Thread(target=play, args=(control.wake, control.stop))
    thread.start()
    with pytest.raises(Stopped):
        reconcile(step, control)
    thread.join()
    assert len(seen) == 2
    assert seen[1] - seen[0] < 10


def test_events_that_change_nothing_are_slept_through() -> None:
    control = LoopControl()
    control.skip("UpdateSubmitted", 2)
    for _ in range(2):
        control.wake("UpdateSubmitted")
    assert not control.called_within(0.01)
    control.wake("UpdateSubmitted")
    assert control.called_within(0)
    control.sleep(60)  # what was called stays called for one sleep
    assert not control.called_within(0)
    control.skip("UpdateSubmitted", 5)
    control.wake("RoundConcluded")
    assert control.called_within(0)
    control.sleep(60)
    control.skip("UpdateSubmitted", 0)
    control.wake("UpdateSubmitted")
    assert control.called_within(0)
