# SPDX-License-Identifier: Apache-2.0
"""Hospitals that join and leave a running task."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium, with_nodes

H1, H2, H3 = HOSPITALS


@pytest.fixture
def demo(make: Callable[..., Consortium]) -> Consortium:
    demo = make()
    demo.begin(hospitals=[H1, H2], minimum_accepted=1)
    demo.submit(A, "OpenRound", "demo", 1)
    return demo


def test_a_new_hospital_takes_part_from_the_next_round(demo: Consortium, refused: Callable[..., str]) -> None:
    changed = demo.submit(A, "UpdateHospitals", "demo", [H3, H1, H2])
    assert (changed["hospitals"], changed["joined"]) == ([H1, H2, H3], {H3: 2})
    assert demo.read(H1, "ReadTask", "demo") == changed
    refused("ACCESS_DENIED", demo.hand_in, H3, demo.good_update())
    demo.submit(A, "AbortRound", "demo", 1, "next")
    demo.submit(A, "OpenRound", "demo", 2)
    demo.hand_in(H3, demo.good_update(), 2)
    again = demo.submit(A, "UpdateHospitals", "demo", [H1, H3])
    assert again["joined"] == {H3: 2}


def test_one_that_left_hands_in_no_more_and_its_update_stays(demo: Consortium, refused: Callable[..., str]) -> None:
    demo.hand_in(H2, demo.good_update())
    changed = demo.submit(A, "UpdateHospitals", "demo", [H1])
    assert "joined" not in changed
    demo.hand_in(H1, demo.good_update(1))
    closed = demo.submit(A, "CloseSubmissions", "demo", 1, "")
    assert closed["candidates"] == [H1, H2]
    demo.submit(A, "AbortRound", "demo", 1, "test")
    assert demo.submit(A, "PurgeUpdates", "demo", 1) == {"purged": 2}
    demo.submit(A, "OpenRound", "demo", 2)
    refused("ACCESS_DENIED", demo.hand_in, H2, demo.good_update(), 2)


def test_who_may_and_with_whom(demo: Consortium, refused: Callable[..., str]) -> None:
    refused("ACCESS_DENIED", demo.submit, H1, "UpdateHospitals", "demo", [H1])
    refused("TASK_MISSING", demo.submit, A, "UpdateHospitals", "other", [H1])
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", [])
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", [H1, H1])
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", [H1, B])
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", [H1, "StrangerMSP"])
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", {"hospitals": [H1]})


def test_not_fewer_than_the_task_needs(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.begin(minimum_accepted=3)
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", [H1, H2])


def test_expelled_nodes_are_dropped_with_the_hospitals(
    make: Callable[..., Consortium], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 2)
    demo = make(EncryptedConsortium)
    demo.begin(encrypted=with_nodes(A, B, H1, H2), minimum_accepted=2)
    demo.expel(H1)
    refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", HOSPITALS)
    changed = demo.submit(A, "UpdateHospitals", "demo", [H2, H3])
    assert changed["encrypted"]["aggregators"] == [H2, A, B]
    assert changed["encrypted"]["services"].keys() == {A, B, H2, DEALER}
    assert demo.submit(A, "UpdateHospitals", "demo", [H2, H3]) == changed


@pytest.mark.parametrize("how", ["expelled", "without the role"])
@pytest.mark.parametrize(("gone", "remains"), [(A, B), (B, A)], ids=["coordinator", "standby"])
def test_the_one_that_remains_coordinates(make: Callable[..., Consortium], gone: str, remains: str, how: str) -> None:
    others = ["VerifierCMSP", "VerifierDMSP"]
    demo = make(verifiers=[A, B, *others])
    demo.begin(verifiers=others, coordinator=A, standby=B)
    if how == "expelled":
        demo.expel(gone)
    else:
        demo.vote(demo.read(remains, "ReadConsortium")["members"] | {gone: ["verifier"]})
    changed = demo.submit(remains, "UpdateHospitals", "demo", HOSPITALS)
    assert (changed["coordinator"], changed["standby"]) == (remains, None)
    demo.submit(remains, "OpenRound", "demo", 1)


def test_a_task_does_not_go_on_without_a_party(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make(EncryptedConsortium, verifiers=[A, B, "VerifierCMSP"])
    demo.begin(verifiers=[A, B], standby=None)
    demo.expel(B)
    assert "do not have the role verifier" in refused("BAD_TASK", demo.submit, A, "UpdateHospitals", "demo", HOSPITALS)
