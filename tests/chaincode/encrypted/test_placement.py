# SPDX-License-Identifier: Apache-2.0
"""The placement of [SMV]: P0 and the hospital itself attest, and every verdict says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium, settings

H1, H2, H3 = HOSPITALS
Refused = Callable[..., str]


@pytest.fixture
def demo(make: Callable[..., Consortium]) -> EncryptedConsortium:
    """Round 1 is being verified; P0 is B, and A only adds up shares."""
    made = make(EncryptedConsortium)
    assert isinstance(made, EncryptedConsortium)
    made.begin(encrypted=settings(placement="smv-semi-honest"))
    made.submit(A, "OpenRound", "demo", 1)
    for hospital in HOSPITALS:
        made.hand_in(hospital, hospital.encode())
    made.submit(A, "CloseSubmissions", "demo", 1, "")
    return made


def attest(demo: Consortium, who: str, hospital: str, result: dict[str, Any], **how: Any) -> dict[str, Any]:
    answer: dict[str, Any] = demo.submit(who, "AttestVerdict", "demo", 1, hospital, result, **how)
    return answer


@pytest.mark.parametrize("order", [(B, H1), (H1, B)])
def test_p0_and_the_hospital_write_a_labelled_verdict(
    demo: EncryptedConsortium, refused: Refused, order: tuple[str, str]
) -> None:
    result = demo.evaluated(H1)
    first = attest(demo, order[0], H1, result)
    assert (first["verifier"], first["mode"]) == (order[0], "encrypted-semi-honest")
    assert demo.read(H1, "ReadVerdict", "demo", 1, H1) == "pending"
    assert attest(demo, order[1], H1, result) == first | {"verifier": order[1]}
    verdict = demo.read(H1, "ReadVerdict", "demo", 1, H1)
    assert (verdict["accepted"], verdict["mode"]) == (True, "encrypted-semi-honest")
    refused("DECIDED", attest, demo, order[0], H1, result)


def test_nobody_else_attests(demo: EncryptedConsortium, refused: Refused) -> None:
    result = demo.evaluated(H1)
    for who, cause in ((A, "does not verify the update"), (H2, "is not a verifier"), (H3, "is not a verifier")):
        assert cause in refused("ACCESS_DENIED", attest, demo, who, H1, result)
    refused("ACCESS_DENIED", attest, demo, H1, H1, result, unit="peer")
    refused("BAD_ATTESTATION", attest, demo, H1, H1, result | {"mode": "encrypted"})


def test_a_hospital_alone_is_never_an_acceptance(demo: EncryptedConsortium, refused: Refused) -> None:
    """Nor is one that differs from P0: it stands beside it, and the update is left out."""
    attest(demo, H1, H1, demo.evaluated(H1))
    attest(demo, B, H1, demo.evaluated(H1, transcript="8" * 64))
    attest(demo, H2, H2, demo.evaluated(H2))
    refused("VERDICTS_PENDING", demo.submit, A, "CloseVerdicts", "demo", 1, "")
    ended = demo.submit(A, "CloseVerdicts", "demo", 1, "the hospital has stopped")
    assert (ended["outcomes"], ended["accepted"]) == ({H1: "no_quorum", H2: "missing", H3: "missing"}, [])


def test_an_outsourced_task_takes_no_hospitals_word(encrypted: EncryptedConsortium, refused: Refused) -> None:
    encrypted.begin()
    encrypted.submit(A, "OpenRound", "demo", 1)
    encrypted.hand_in(H1, b"")
    encrypted.submit(A, "CloseSubmissions", "demo", 1, "")
    result = encrypted.evaluated(H1)
    refused("ACCESS_DENIED", attest, encrypted, H1, H1, result)
    assert attest(encrypted, A, H1, result)["mode"] == "encrypted"


def test_the_accepted_updates_are_summed_as_in_any_encrypted_task(demo: EncryptedConsortium) -> None:
    for hospital in HOSPITALS:
        for who in (B, hospital):
            attest(demo, who, hospital, demo.evaluated(hospital))
    assert demo.submit(A, "CloseVerdicts", "demo", 1, "")["state"] == "aggregating"
    demo.attest()
    demo.store()
    assert demo.submit(A, "CloseRound", "demo", 1, "")["accepted"] == HOSPITALS


def test_a_candidate_that_left_still_has_its_say(
    make: Callable[..., Consortium], refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three hospitals here, so that the contract has to allow a sum of two."""
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 2)
    demo = make(EncryptedConsortium)
    assert isinstance(demo, EncryptedConsortium)
    demo.begin(encrypted=settings(placement="smv-semi-honest"), minimum_accepted=2)
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, b"one")
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.submit(A, "UpdateHospitals", "demo", [H2, H3])
    for who in (B, H1):
        attest(demo, who, H1, demo.evaluated(H1))
    assert demo.read(A, "ReadVerdict", "demo", 1, H1)["accepted"]
    demo.submit(A, "AbortRound", "demo", 1, "next")
    demo.submit(A, "OpenRound", "demo", 2)
    refused("ACCESS_DENIED", demo.hand_in, H1, b"two", 2)
