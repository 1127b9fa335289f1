# SPDX-License-Identifier: Apache-2.0
"""What the dealer deals for: hospitals of the task, and candidates of the round that have left since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.encrypted.dealer.approval import check_request
from medquorum.clients.encrypted.verification.spec import make_sum_spec, plan_document
from medquorum.clients.ledger.ledger import Ledger
from medquorum.errors import MaterialError, ProtocolError
from medquorum.gateway import GatewayError
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum_testing.consortium_ledger import DEALER, HOSPITALS, A
from medquorum_testing.encrypted_consortium import EncryptedConsortium, settings
from medquorum_testing.ledger_contract import LedgerContract

H1, H2, H3 = HOSPITALS
Make = Callable[..., tuple[EncryptedConsortium, Ledger]]


@pytest.fixture
def verifying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a round whose candidates are all three hospitals, of which the first one has left the task since."""
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 2)

    def make(**task: Any) -> tuple[EncryptedConsortium, Ledger]:
        demo = EncryptedConsortium(tmp_path / "ledger")
        demo.begin(minimum_accepted=2, **task)
        demo.submit(A, "OpenRound", "demo", 1)
        for hospital in HOSPITALS:
            demo.hand_in(hospital, hospital.encode())
        demo.submit(A, "CloseSubmissions", "demo", 1, "")
        demo.submit(A, "UpdateHospitals", "demo", [H2, H3])
        return demo, Ledger(LedgerContract(demo, DEALER), DEALER, A)

    return make


def request(ledger: Ledger, hospital: str, updates: int = 0, **changes: Any) -> DealRequest:
    plan = plan_document(ledger.task("demo"), hospital, updates=updates)
    return DealRequest(
        **{"task": "demo", "round": 1, "hospital": hospital, "attempt": 1, "party": 0, "plan": plan} | changes
    )


def test_a_candidate_that_left_still_gets_material(verifying: Make) -> None:
    _, ledger = verifying()
    task = ledger.task("demo")
    for hospital in HOSPITALS:
        check_request(ledger, task, request(ledger, hospital))
    for other in (
        request(ledger, "Hospital9MSP"),
        request(ledger, H1, plan=plan_document(task, H1, first_batch=3), task="other"),
        request(ledger, H2, plan=plan_document(task, H2, updates=2)),
    ):
        with pytest.raises(MaterialError, match="is not the plan of the task demo"):
            check_request(ledger, task, other)


def test_a_hospital_that_left_gets_none_in_a_later_round(verifying: Make) -> None:
    demo, ledger = verifying()
    demo.submit(A, "AbortRound", "demo", 1, "next")
    demo.submit(A, "OpenRound", "demo", 2)
    with pytest.raises(MaterialError):
        check_request(ledger, ledger.task("demo"), request(ledger, H1, round=2))


def test_sums_are_of_as_many_updates_as_there_are_candidates(verifying: Make) -> None:
    _, ledger = verifying(rule={"name": "prefix", "slack": 0}, encrypted=settings())
    task = ledger.task("demo")
    name = make_sum_spec(task, ledger.status("demo", 1), HOSPITALS).name.hospital
    for updates in (1, 3):
        check_request(ledger, task, request(ledger, name, updates))
    with pytest.raises(MaterialError):
        check_request(ledger, task, request(ledger, name, 4))


def test_a_dealer_whose_peer_is_away_refuses_for_now(verifying: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told the error's type only."""
    _, ledger = verifying()
    task, wanted = ledger.task("demo"), request(ledger, H1)

    def away(*_: object) -> None:
        raise GatewayError("the peer cannot be reached", "Start it", code="UNAVAILABLE")

    monkeypatch.setattr(Ledger, "task", away)
    with pytest.raises(ProtocolError, match="has a GatewayError of its own") as refused:
        check_request(ledger, task, wanted)
    assert "cannot be reached" not in str(refused.value)
