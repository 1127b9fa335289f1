# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import pytest

from medquorum.clients.ledger.ledger import Ledger, contract_error
from medquorum.core import canonical
from medquorum.core.documents.round import Round, State
from medquorum.errors import ContractError
from medquorum.gateway import CommitError, GatewayError

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
    monkeypatch.setattr("medquorum.clients.ledger.ledger.RETRY_DELAY", 0.001)
    contract = LateContract([unknown()] * 20)
    assert Ledger(contract, "H1MSP").value("ListTasks") == []
    monkeypatch.setattr("medquorum.clients.ledger.ledger.RETRY_TIMEOUT", 0.05)
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


@pytest.mark.parametrize(
    ("message", "code", "cause", "remedy"),
    [
        (
            "ROUND_CLOSED: round 3 is closed. Wait for round 4. It opens soon",
            "ROUND_CLOSED",
            "round 3 is closed",
            "Wait for round 4. It opens soon",
        ),
        ("BAD_KEY: empty", "BAD_KEY", "empty", ""),
    ],
)
def test_the_contracts_refusal_is_read(message: str, code: str, cause: str, remedy: str) -> None:
    refusal = contract_error(GatewayError(f"endorse failed, ABORTED: chaincode response 500, {message}"))
    assert refusal is not None
    assert (refusal.code, refusal.cause, refusal.remedy) == (code, cause, remedy)


@pytest.mark.parametrize(
    "error",
    [
        GatewayError("endorse failed, ABORTED: chaincode response 500, the asset k does not exist"),
        CommitError("chaincode response 500, X: y", code="X"),
        ValueError("chaincode response 500, X: y"),
    ],
)
def test_what_is_no_refusal_of_this_contract_is_none(error: Exception) -> None:
    assert contract_error(error) is None


class Rounds:
    """Answers with a round in a state, and counts how often."""

    def __init__(self) -> None:
        self.state: State = "open"
        self.asked = 0

    def evaluate(self, name: str, *, arguments: Sequence[str | bytes] = (), **_: object) -> bytes:
        self.asked += 1
        round_ = Round(task="demo", round=int(arguments[1]), state=self.state, base="0" * 64)
        if name == "ReadRound":
            return round_.encode()
        nothing: dict[str, object] = dict.fromkeys(("conclusion", "masks", "root"))
        maps = ("updates", "verdicts", "attestations", "aggregates", "root_attestations")
        empty: dict[str, object] = {name: {} for name in maps}
        return canonical.encode(nothing | empty | {"round": round_.plain(), "chunks": 1, "stored_chunks": []})

    def submit(self, name: str, **_: object) -> bytes:
        raise AssertionError("a read submits nothing")


def test_a_round_is_read_again_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.clients.ledger.ledger.ENDED_KEPT", 2)
    contract = Rounds()
    ledger = Ledger(contract, "H1MSP")
    assert [ledger.round("demo", 1).state for _ in range(2)] == ["open", "open"]
    contract.state = "aborted"
    assert [ledger.round("demo", 1).state for _ in range(2)] == ["aborted", "aborted"]
    assert contract.asked == 3
    for number in (2, 3, 1):
        ledger.round("demo", number)
    assert contract.asked == 6  # only the latest are kept


def test_the_status_of_an_ended_round_is_read_once_and_the_round_with_it() -> None:
    contract = Rounds()
    ledger = Ledger(contract, "H1MSP")
    statuses = [ledger.status("demo", 1) for _ in range(2)]
    contract.state = "closed"
    statuses += [ledger.status("demo", 1) for _ in range(2)]
    assert [status.round.state for status in statuses if status.round] == ["open", "open", "closed", "closed"]
    assert ledger.round("demo", 1) == statuses[-1].round
    assert contract.asked == 3
    assert ledger.status_now("demo", 1) == statuses[-1]
    assert contract.asked == 4
