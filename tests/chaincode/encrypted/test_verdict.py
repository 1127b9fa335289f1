# SPDX-License-Identifier: Apache-2.0
"""Verdicts of an encrypted task: written by the second of two equal attestations, never by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fabric_protos.common import policies_pb2

from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import TRANSCRIPT, EncryptedConsortium
from medquorum_testing.ledger.memory_stub import creator

H1, H2, H3 = HOSPITALS
C = "VerifierCMSP"
Make = Callable[..., Consortium]
Refused = Callable[..., str]
BIT = {"counts": None, "quality": None}


def verifying(make: Make, **changes: Any) -> EncryptedConsortium:
    demo = make(EncryptedConsortium)
    assert isinstance(demo, EncryptedConsortium)
    demo.begin(**changes)
    demo.submit(A, "OpenRound", "demo", 1)
    for hospital in (H1, H2):
        demo.hand_in(hospital, hospital.encode())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    return demo


def attest(demo: Consortium, party: str, hospital: str, attestation: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = demo.submit(party, "AttestVerdict", "demo", 1, hospital, attestation)
    return answer


def events(demo: Consortium) -> list[str]:
    return [name for name, _ in demo.ledger.events[-2:]]


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_equal_findings_are_the_verdict(make: Make, refused: Refused, order: tuple[str, str]) -> None:
    demo = verifying(make)
    attestation = demo.evaluated(H1)
    first = attest(demo, order[0], H1, attestation)
    bound = {name: attestation[name] for name in ("update", "dataset", "transcript")}
    result = {name: attestation[name] for name in ("accepted", "reason", "counts", "quality")}
    assert first == {
        "docType": "attestation",
        "task": "demo",
        "round": 1,
        "hospital": H1,
        "verifier": order[0],
        "mode": "encrypted",
        "result": result,
        **bound,
    }
    assert demo.read(H1, "ReadVerdict", "demo", 1, H1) == "pending"
    assert attest(demo, order[0], H1, attestation) == first
    assert attest(demo, order[1], H1, attestation) == first | {"verifier": order[1]}
    assert demo.read(H1, "ReadVerdict", "demo", 1, H1) == {
        "docType": "verdict",
        "task": "demo",
        "round": 1,
        "hospital": H1,
        "mode": "encrypted",
        "rule": "strict",
        "transcript": TRANSCRIPT,
        **result,
    }
    assert events(demo) == ["VerdictAttested", "UpdateVerified"]
    status = demo.read(H1, "ReadRoundStatus", "demo", 1)
    assert status["attestations"][H1].keys() == {A, B}
    assert status["verdicts"][H1]["accepted"] and status["verdicts"][H2] == "pending"
    refused("DECIDED", attest, demo, order[1], H1, attestation)
    assert demo.read(A, "ReadScores", "demo")[H1]["quality"] == 0, "the round is not closed"


@pytest.mark.parametrize(
    "change",
    [
        {"accepted": False, "reason": "RULE"},
        {"accepted": False, "reason": "DISPUTED", "claimants": [A]},
        {"counts": {"total": 40, "base": 10, "mixed": 31}},
        {"counts": None},
        {"quality": 21},
        {"transcript": "8" * 64},
    ],
)
def test_findings_that_differ_are_no_verdict(make: Make, refused: Refused, change: dict[str, Any]) -> None:
    demo = verifying(make)
    attest(demo, A, H1, demo.evaluated(H1))
    attest(demo, B, H1, demo.evaluated(H1, **change))
    assert events(demo) == ["VerdictAttested", "VerdictAttested"]
    assert demo.read(H1, "ReadVerdict", "demo", 1, H1) == "pending"
    demo.verify(H2)
    ended = demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert ended["outcomes"] == {H1: "no_quorum", H2: "accepted"}
    assert (ended["accepted"], ended["state"], ended["reason"]) == ([H2], "closed", "TOO_FEW")


def test_a_party_that_verified_again_replaces_its_finding(make: Make) -> None:
    """A party killed before it attested begins anew: the other one then attests the new attempt's transcript."""
    demo = verifying(make)
    again = {"transcript": "8" * 64}
    attest(demo, A, H1, demo.evaluated(H1))
    attest(demo, A, H1, demo.evaluated(H1, **again))
    assert events(demo) == ["VerdictAttested", "VerdictAttested"]
    attest(demo, B, H1, demo.evaluated(H1, **again))
    assert demo.read(H1, "ReadVerdict", "demo", 1, H1)["transcript"] == "8" * 64


def test_one_attestation_is_never_an_acceptance(make: Make, refused: Refused) -> None:
    demo = verifying(make)
    for hospital in (H1, H2):
        attest(demo, A, hospital, demo.evaluated(hospital))
    refused("VERDICTS_PENDING", demo.submit, A, "CloseVerdicts", "demo", 1, "")
    ended = demo.submit(A, "CloseVerdicts", "demo", 1, "the other party is away")
    assert (ended["outcomes"], ended["model"]) == ({H1: "missing", H2: "missing"}, ended["base"])
    refused("ROUND_STATE", attest, demo, B, H1, demo.evaluated(H1))


def test_attestations_beside_each_other_conflict(make: Make) -> None:
    """Each reads the key the other writes, so that no block holds both without a verdict."""
    demo = verifying(make)
    attestation = json.dumps(demo.evaluated(H1))
    keys = {party: demo.ledger_key("attestation", "demo", "000001", H1, party) for party in (A, B)}
    for party, other in ((A, B), (B, A)):
        first, second = (
            demo.ledger.simulate(peer, creator(party), "AttestVerdict", "demo", "1", H1, attestation) for peer in (A, B)
        )
        assert first == second
        assert list(first.writes) == [keys[party]]
        assert keys[other] in first.reads and keys[other] not in first.writes


def test_written_verdict_and_attestation_together(make: Make) -> None:
    demo = verifying(make)
    attest(demo, A, H1, demo.evaluated(H1))
    attestation = json.dumps(demo.evaluated(H1))
    simulation = demo.ledger.simulate(A, creator(B), "AttestVerdict", "demo", "1", H1, attestation)
    assert sorted(key.split("\0")[1] for key in simulation.writes) == ["attestation", "verdict"]
    assert not simulation.ranges and not simulation.private_reads


def test_finding_is_bound_to_the_round(make: Make, refused: Refused) -> None:
    demo = verifying(make)
    attestation = demo.evaluated(H1)
    frozen = demo.read(A, "ReadRound", "demo", 1)["commitments"]
    for wrong in ({"update": frozen[H2]}, {"update": "0" * 64}, {"dataset": "0" * 64}):
        refused("ATTESTATION_MISMATCH", attest, demo, A, H1, attestation | wrong)
    for name in ("update", "dataset", "transcript"):
        refused("BAD_ATTESTATION", attest, demo, A, H1, {n: v for n, v in attestation.items() if n != name})
        for value in (None, "", "A" * 64, 7):
            refused("BAD_ATTESTATION", attest, demo, A, H1, attestation | {name: value})
    refused("UPDATE_MISSING", attest, demo, A, H3, attestation)
    for msp, unit in ((H1, "client"), (DEALER, "client"), (A, "peer")):
        refused("ACCESS_DENIED", demo.submit, msp, "AttestVerdict", "demo", 1, H1, attestation, unit=unit)


@pytest.mark.parametrize(
    "wrong",
    [
        {"accepted": True, "reason": "RULE"},
        {"accepted": True, "reason": "DATASET"},
        {"accepted": False, "reason": None},
        {"accepted": False, "reason": "SHARE_MISSING"},
        {"accepted": False, "reason": "DISPUTED"},
        {"accepted": False, "reason": "DISPUTED", "claimants": []},
        {"accepted": False, "reason": "DISPUTED", "claimants": [C]},
        {"accepted": False, "reason": "DISPUTED", "claimants": [B, A]},
        {"accepted": False, "reason": "DISPUTED", "claimants": [A, A]},
        {"accepted": False, "reason": "IMPOSSIBLE", "claimants": [A]},
        {"accepted": False, "reason": "RULE", "claimants": [A]},
        {"claimants": [A]},
        {"accepted": 1},
        {"surplus": 1},
        {"result": {}},
    ],
)
def test_finding_that_contradicts_itself(make: Make, refused: Refused, wrong: dict[str, Any]) -> None:
    demo = verifying(make)
    refused("BAD_ATTESTATION", attest, demo, A, H1, demo.evaluated(H1) | wrong)
    refused("BAD_ATTESTATION", demo.submit, A, "AttestVerdict", "demo", 1, H1, [])


REASONS = ["RULE", "FLOOR", "NORM", "RANGE", "DISPUTED", "NO_MATERIAL", "DATASET", "IMPOSSIBLE"]


def refusing(reason: str) -> dict[str, Any]:
    """Return a refusal, with P1 as claimant where one is due."""
    claimed = {"claimants": [B]} if reason in ("DISPUTED", "NO_MATERIAL", "DATASET") else {}
    return {"accepted": False, "reason": reason} | claimed


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(make: Make, reason: str) -> None:
    demo = verifying(make)
    attestation = demo.evaluated(H1) | refusing(reason) | BIT
    for party in (A, B):
        attest(demo, party, H1, attestation)
    verdict = demo.read(H1, "ReadVerdict", "demo", 1, H1)
    assert (verdict["accepted"], verdict["reason"], verdict["transcript"]) == (False, reason, TRANSCRIPT)
    assert not {"counts", "quality"} & verdict.keys()
    assert verdict.get("claimants") == refusing(reason).get("claimants")


@pytest.mark.parametrize("reason", REASONS[4:])
def test_who_says_so_is_counted(make: Make, reason: str) -> None:
    """One party's word can cost an update its verdict: it is no refusal of the update, and is not nobody's."""
    demo = verifying(make)
    for hospital, result in ((H1, refusing(reason)), (H2, {"accepted": True, "reason": None})):
        for party in (A, B):
            attest(demo, party, hospital, demo.evaluated(hospital) | BIT | result)
    ended = demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert ended["outcomes"] == {H1: "unjudged", H2: "accepted"}
    score = demo.read(A, "ReadScores", "demo")[H1]
    said = {B: 1} if reason != "IMPOSSIBLE" else {}
    assert (score["refused"], score["unjudged"], score["claimants"]) == (0, 1, said)


@pytest.mark.parametrize("reason", ["DISPUTED", "NO_MATERIAL", "DATASET"])
def test_bit_discloses_one_bit(make: Make, refused: Refused, reason: str) -> None:
    demo = verifying(make, disclosure="bit")
    secret = demo.evaluated(H1)
    for wrong in ({}, {"counts": None}, {"quality": None}, BIT | {"accepted": False, "reason": "FLOOR"}):
        refused("BAD_ATTESTATION", attest, demo, A, H1, secret | wrong)
    for hospital, attestation in ((H1, BIT), (H2, BIT | refusing(reason))):
        for party in (A, B):
            attest(demo, party, hospital, demo.evaluated(hospital) | attestation)
    verdicts = demo.read(H1, "ReadRoundStatus", "demo", 1)["verdicts"]
    assert [(verdicts[h]["accepted"], verdicts[h]["reason"]) for h in (H1, H2)] == [(True, None), (False, reason)]


def test_plain_tasks_attestations_are_bound_to_nothing(make: Make, refused: Refused) -> None:
    """Equal attestations of a plain task write no verdict: its verifiers endorse VerifyUpdate instead."""
    demo = make()
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.good_update())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    for name in ("update", "dataset", "transcript"):
        refused("BAD_ATTESTATION", attest, demo, A, H1, {"accepted": True, "reason": None, name: "1" * 64})
    for party in (A, B, A):
        answer = attest(demo, party, H1, {"accepted": True, "reason": None})
        assert not {"update", "dataset", "transcript", "mode"} & answer.keys()
    assert demo.read(H1, "ReadVerdict", "demo", 1, H1) == "pending"


def test_verdict_key_is_restricted_to_the_parties(make: Make) -> None:
    demo = make(EncryptedConsortium, verifiers=[A, B, C])
    demo.begin(verifiers=[A, B])
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, b"")
    policy = policies_pb2.SignaturePolicyEnvelope.FromString(
        demo.ledger.policies[demo.ledger_key("verdict", "demo", "000001", H1)]
    )
    assert (policy.rule.n_out_of.n, len(policy.identities)) == (2, 2)
