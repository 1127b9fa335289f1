# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from clients.ledger import Ledger
from medquorum import ContractError, GatewayError

UNKNOWN = (
    "evaluate failed, FAILED_PRECONDITION: no peers available to evaluate chaincode medquorum in channel mychannel"
)


class LateContract:
    """Answers after it has failed so many times."""

    def __init__(self, failures: list[GatewayError]) -> None:
        self.failures = failures

    def evaluate(self, name: str, **_: object) -> bytes:
        if self.failures:
            raise self.failures.pop(0)
        return b"[]"

    def submit(self, name: str, **_: object) -> bytes:
        raise AssertionError("a read submits nothing")


def unknown() -> GatewayError:
    return GatewayError(UNKNOWN, code="FAILED_PRECONDITION")


def test_a_peer_that_is_not_known_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.ledger.PAUSE", 0.001)
    contract = LateContract([unknown()] * 20)
    assert Ledger(contract, "H1MSP").value("ListTasks") == []
    monkeypatch.setattr("clients.ledger.PATIENCE", 0.05)
    contract.failures = [unknown()] * 10_000
    with pytest.raises(GatewayError, match="no peers available"):
        Ledger(contract, "H1MSP").value("ListTasks")
    assert 1 < 10_000 - len(contract.failures) < 100


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (GatewayError("evaluate failed, UNAVAILABLE: refused", code="UNAVAILABLE"), GatewayError),
        (GatewayError("chaincode response 500, TASK_MISSING: no task", code="UNKNOWN"), ContractError),
    ],
    ids=["away", "refused"],
)
def test_what_time_does_not_mend_is_said_at_once(error: GatewayError, raised: type[Exception]) -> None:
    contract = LateContract([error])
    with pytest.raises(raised):
        Ledger(contract, "H1MSP").value("ListTasks")
    assert contract.failures == []
