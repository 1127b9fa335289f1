# SPDX-License-Identifier: Apache-2.0
"""AttestRound: a rule over the whole round in an encrypted task; all verdicts at once, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import TRANSCRIPT, EncryptedConsortium, settings

H1, H2, H3 = HOSPITALS
PREFIX = {"name": "prefix", "slack": 0}
Refused = Callable[..., str]


@pytest.fixture
def demo(make: Callable[..., Consortium]) -> EncryptedConsortium:
    """Round 1 is being verified, with two candidates."""
    made = make(EncryptedConsortium)
    assert isinstance(made, EncryptedConsortium)
    made.begin(rule=PREFIX)
    made.submit(A, "OpenRound", "demo", 1)
    for hospital in (H1, H2):
        made.hand_in(hospital, hospital.encode())
    made.submit(A, "CloseSubmissions", "demo", 1, "")
    return made


def whole(demo: EncryptedConsortium, **changes: Any) -> dict[str, Any]:
    """Return what a party attests: the first candidate is accepted."""
    results = {}
    for hospital, accepted in ((H1, True), (H2, False)):
        found = demo.evaluated(hospital, accepted=accepted, reason=None if accepted else "RULE")
        results[hospital] = {name: found[name] for name in ("accepted", "reason", "counts", "quality", "update")}
    return {"results": results, "dataset": demo.set.commitment(), "transcript": TRANSCRIPT} | changes


def attest(demo: EncryptedConsortium, party: str, round_result: Any) -> dict[str, Any]:
    answer: dict[str, Any] = demo.submit(party, "AttestRound", "demo", 1, round_result)
    return answer


def test_the_second_equal_finding_writes_every_verdict(demo: EncryptedConsortium, refused: Refused) -> None:
    round_result = whole(demo)
    first = attest(demo, A, round_result)
    assert first.keys() == {H1, H2}
    assert demo.read(A, "ReadRoundStatus", "demo", 1)["verdicts"] == dict.fromkeys((H1, H2), "pending")
    attest(demo, B, round_result)
    assert [name for name, _ in demo.ledger.events[-2:]] == ["VerdictAttested", "RoundVerified"]
    verdicts = demo.read(A, "ReadRoundStatus", "demo", 1)["verdicts"]
    assert [(verdicts[h]["accepted"], verdicts[h]["mode"], verdicts[h]["rule"]) for h in (H1, H2)] == [
        (True, "encrypted", "prefix"),
        (False, "encrypted", "prefix"),
    ]
    assert {verdict["transcript"] for verdict in verdicts.values()} == {TRANSCRIPT}
    refused("DECIDED", attest, demo, A, round_result)


@pytest.mark.parametrize("hospital", [H1, H2])
def test_one_difference_is_no_verdict_at_all(demo: EncryptedConsortium, refused: Refused, hospital: str) -> None:
    round_result = whole(demo)
    attest(demo, A, round_result)
    other = whole(demo)
    other["results"][hospital]["counts"]["mixed"] += 1
    attest(demo, B, other)
    assert demo.read(A, "ReadRoundStatus", "demo", 1)["verdicts"] == dict.fromkeys((H1, H2), "pending")
    ended = demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert ended["outcomes"] == dict.fromkeys((H1, H2), "no_quorum")
    refused("ROUND_STATE", attest, demo, B, round_result)


def test_a_finding_is_about_exactly_the_round(demo: EncryptedConsortium, refused: Refused) -> None:
    round_result = whole(demo)
    results = round_result["results"]
    for wrong in (
        [],
        {"results": results},
        round_result | {"surplus": 1},
        round_result | {"results": []},
        round_result | {"results": {}},
        round_result | {"results": {H1: results[H1]}},
        round_result | {"results": results | {H3: results[H1]}},
        round_result | {"results": results | {H1: None}},
        round_result | {"results": results | {H1: results[H1] | {"transcript": ""}}, "transcript": ""},
        round_result | {"results": results | {H1: results[H1] | {"reason": "RULE"}}},
        round_result | {"results": results | {H1: results[H1] | {"reason": "DATASET"}}},
    ):
        refused("BAD_ATTESTATION", attest, demo, A, wrong)
    for wrong in ({"results": results | {H1: results[H1] | {"update": "0" * 64}}}, {"dataset": "0" * 64}):
        refused("ATTESTATION_MISMATCH", attest, demo, A, round_result | wrong)
    for msp in (H1, DEALER):
        refused("ACCESS_DENIED", attest, demo, msp, round_result)
    refused("WRONG_RULE", demo.submit, A, "AttestVerdict", "demo", 1, H1, demo.evaluated(H1))


def test_a_rule_over_single_updates_has_no_such_finding(encrypted: EncryptedConsortium, refused: Refused) -> None:
    encrypted.begin()
    refused("WRONG_RULE", attest, encrypted, A, {})


def test_a_plain_task_has_no_such_finding(make: Callable[..., Consortium], refused: Refused) -> None:
    demo = make()
    demo.begin(encrypted=None, rule=PREFIX)
    refused("WRONG_MODE", demo.submit, A, "AttestRound", "demo", 1, {})


@pytest.mark.parametrize(
    "change",
    [
        {"disclosure": "bit"},
        {"encrypted": settings(placement="smv-semi-honest")},
    ],
)
def test_what_a_rule_over_rounds_needs(
    encrypted: EncryptedConsortium, refused: Refused, change: dict[str, Any]
) -> None:
    encrypted.init()
    text = refused("BAD_TASK", encrypted.submit, A, "CreateTask", encrypted.task(rule=PREFIX, **change))
    assert "opens counts, and needs both shares" in text
