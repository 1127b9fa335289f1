# SPDX-License-Identifier: Apache-2.0
"""A round that goes on while its documents and their histories are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from medquorum.clients.proof import audit
from medquorum.errors import CheckFailed


class MovingLedger:
    """Answers another status each time, until it comes to rest."""

    def __init__(self, statuses: list[str]) -> None:
        self._statuses = statuses
        self.now = statuses[0]

    def status_now(self, task: str, number: int) -> str:
        self.now = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return self.now


@pytest.fixture
def task() -> Any:
    class Task:
        task = "demo"

    return Task


def writes_of(ledger: MovingLedger) -> Iterator[str]:
    """Read what `audit._writes` would: it finds the documents of a moment and the histories of a later one."""

    def read(_: Any, __: Any, ___: int, status: str, ____: str | None) -> dict[str, list[Any]]:
        if status != "at rest":
            raise CheckFailed("update demo 1 is not the latest in the history of its key")
        return {status: []}

    return read  # type: ignore[return-value]


def test_a_round_that_went_on_meanwhile_is_read_again(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger: Any = MovingLedger(["open", "verifying", "open", "at rest"])
    monkeypatch.setattr(audit, "_writes", writes_of(ledger))
    assert audit.round_writes(ledger, task, 1) == {"at rest": []}


def test_a_peer_whose_answers_do_not_fit_is_named_at_once(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger: Any = MovingLedger(["open"])
    monkeypatch.setattr(audit, "_writes", writes_of(ledger))
    with pytest.raises(CheckFailed, match="is not the latest"):
        audit.round_writes(ledger, task, 1)


def test_a_round_that_never_rests_ends_the_reading(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger: Any = MovingLedger([str(number) for number in range(100)])
    monkeypatch.setattr(audit, "_writes", writes_of(ledger))
    with pytest.raises(CheckFailed, match="changed while it was read"):
        audit.round_writes(ledger, task, 1)
