# SPDX-License-Identifier: Apache-2.0
"""Approvals that come late: repeated until the channel has them, never approved twice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import sample
from medquorum.network.deployment.chaincodes import request
from medquorum.network.fabric.client import AdminClient
from medquorum.network.fabric.lifecycle import Lifecycle

LATE = "Error: timed out waiting for txid on all peers"
TWICE = "transaction invalidated with status (MVCC_READ_CONFLICT)"
KNOWN = "attempted to redefine uncommitted sequence (1) for namespace asset with unchanged content"
BEHIND = "requested sequence 2 is larger than the next available sequence number 1"
ANOTHER = "attempted to redefine the current committed sequence (1) for namespace asset with different parameters"


class Answers:
    """A ``peer`` that fails with one cause after another, then does what it is asked."""

    def __init__(self, *causes: str) -> None:
        self.causes: Iterator[str] = iter(causes)
        self.calls = 0
        self.orderer_flags: list[str] = []

    def peer(self, *_: object) -> str:
        self.calls += 1
        for cause in self.causes:
            raise NetworkError(cause, "-")
        return ""


@pytest.fixture
def approving() -> Callable[[Answers], None]:
    consortium = sample("small")
    asset = request(consortium, name="asset", path=Path(__file__))
    return lambda answers: Lifecycle(cast(AdminClient, answers), asset).approve(consortium.members[0])


@pytest.mark.parametrize(
    "causes", [(), (LATE,), (LATE, KNOWN), (LATE, TWICE, KNOWN), ("SERVICE_UNAVAILABLE", LATE), (BEHIND,)]
)
def test_an_approval_that_comes_late_is_asked_for_again(
    approving: Callable[[Answers], None], causes: tuple[str, ...]
) -> None:
    answers = Answers(*causes)
    approving(answers)
    assert answers.calls == len(causes) + (KNOWN not in causes)


@pytest.mark.parametrize("cause", [ANOTHER, "access denied"])
def test_a_refused_approval_is_said_at_once(approving: Callable[[Answers], None], cause: str) -> None:
    answers = Answers(cause)
    with pytest.raises(NetworkError, match=cause[:12]):
        approving(answers)
    assert answers.calls == 1
