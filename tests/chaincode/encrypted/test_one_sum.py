# SPDX-License-Identifier: Apache-2.0
"""One sum for a base: two sums whose sets differ by few hospitals would tell these hospitals' updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from medquorum_testing.ledger.consortium_ledger import DEALER, MEMBERS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import MASKS, NONCE, TRANSCRIPT, EncryptedConsortium, hidden

H = [f"Hospital{number}MSP" for number in range(1, 9)]
Refused = Callable[..., str]


@pytest.fixture
def demo(make: Callable[..., Consortium]) -> EncryptedConsortium:
    """A task of eight hospitals of whose updates three are summed at least."""
    made = make(EncryptedConsortium)
    assert isinstance(made, EncryptedConsortium)
    made.init()
    made.vote(MEMBERS | {hospital: ["hospital"] for hospital in H})
    made.put_model(made.model())
    made.submit(A, "CreateTask", made.task(hospitals=H))
    return made


def judged(demo: EncryptedConsortium, number: int, accepted: Sequence[str], task: str = "demo") -> dict[str, Any]:
    """Play a round up to CloseVerdicts, in which these updates are accepted."""
    demo.submit(A, "OpenRound", task, number)
    base = demo.read(A, "ReadRound", task, number)["base"]
    for hospital in H:
        update = {"base": base, "layout": demo.layout, "nonce": NONCE} | hidden(b"%d" % number)
        demo.submit(hospital, "SubmitUpdate", task, number, update)
    frozen = demo.submit(A, "CloseSubmissions", task, number, "")["commitments"]
    for hospital in H:
        passed = hospital in accepted
        result = {"accepted": passed, "reason": None if passed else "RULE", "update": frozen[hospital]}
        result |= {"dataset": demo.set.commitment(), "transcript": TRANSCRIPT}
        for party in (A, B):
            demo.submit(party, "AttestVerdict", task, number, hospital, result)
    closed: dict[str, Any] = demo.submit(A, "CloseVerdicts", task, number, "")
    return closed


def opened(demo: Consortium, number: int, task: str = "demo") -> None:
    demo.submit(DEALER, "AttestMasks", task, number, MASKS)


def aborted(demo: EncryptedConsortium, number: int, accepted: Sequence[str]) -> None:
    """Abort a round after its masks were attested: its nodes may know the sum."""
    assert judged(demo, number, accepted)["state"] == "aggregating"
    opened(demo, number)
    demo.submit(A, "AbortRound", "demo", number, "again")


def test_a_set_that_leaves_one_out_is_not_summed_after_an_abort(demo: EncryptedConsortium, refused: Refused) -> None:
    aborted(demo, 1, H)
    second = judged(demo, 2, H[1:])
    assert (second["state"], second["reason"], second["model"]) == ("closed", "OVERLAP", second["base"])
    assert second["accepted"] == H[1:], "what was found stays"
    refused("ROUND_STATE", opened, demo, 2)
    assert judged(demo, 3, H)["state"] == "aggregating", "the same set tells nothing new"


@pytest.mark.parametrize("reason", ["MODEL_WORSE", "SUM_MISMATCH"])
def test_nor_after_a_round_that_kept_its_base(demo: EncryptedConsortium, reason: str) -> None:
    judged(demo, 1, H)
    opened(demo, 1)
    base = demo.base()
    for node in (A, B):
        result: dict[str, Any] = (
            {"model": base, "mismatch": "MASKS"} if reason == "SUM_MISMATCH" else demo.attestation_result(node)
        )
        if "accuracy" in result:
            result["accuracy"] = {"worse": True, "counts": {"base": 30, "model": 10}}
        demo.submit(node, "AttestAggregate", "demo", 1, result)
    first = demo.submit(A, "CloseRound", "demo", 1, "")
    assert (first["reason"], first["model"]) == (reason, base)
    assert judged(demo, 2, H[:-2])["reason"] == "OVERLAP"


def test_a_sum_that_nobody_can_have_opened_does_not_count(demo: EncryptedConsortium) -> None:
    judged(demo, 1, H)
    demo.submit(A, "AbortRound", "demo", 1, "before the masks")
    assert judged(demo, 2, H[1:])["state"] == "aggregating"


def test_sets_that_differ_by_as_many_as_a_sum_needs_are_two_at_most(demo: EncryptedConsortium) -> None:
    """Of three, a combination can be one hospital's: {1..6}, {1..3} and {4..7} give 7."""
    aborted(demo, 1, H[:6])
    aborted(demo, 2, H[:3])
    assert judged(demo, 3, H[3:7])["reason"] == "OVERLAP"


def test_a_new_base_begins_anew(demo: EncryptedConsortium) -> None:
    judged(demo, 1, H)
    demo.attest(1)
    demo.store(1)
    assert demo.submit(A, "CloseRound", "demo", 1, "")["reason"] is None
    assert judged(demo, 2, H[1:])["state"] == "aggregating"


def test_another_task_on_the_same_base_is_no_way_round(demo: EncryptedConsortium, refused: Refused) -> None:
    """Also where both have fixed their sets before either is opened; the larger minimum counts."""
    demo.submit(A, "CreateTask", demo.task(task="other", hospitals=H, minimum_accepted=5))
    judged(demo, 1, H)
    assert judged(demo, 1, H[:5], "other")["state"] == "aggregating"
    opened(demo, 1, "other")
    text = refused("OVERLAP", opened, demo, 1)
    assert "5 other updates on this base was opened in round 1 of other" in text
    demo.submit(A, "AbortRound", "demo", 1, "that")
    assert judged(demo, 2, H[1:])["reason"] == "OVERLAP"


def test_rules_over_rounds_too(make: Callable[..., Consortium]) -> None:
    demo = make(EncryptedConsortium)
    assert isinstance(demo, EncryptedConsortium)
    demo.init()
    demo.vote(MEMBERS | {hospital: ["hospital"] for hospital in H})
    demo.put_model(demo.model())
    demo.submit(A, "CreateTask", demo.task(hospitals=H, rule={"name": "prefix", "slack": 0}))
    for number, accepted, state in ((1, H, "aggregating"), (2, H[:-1], "closed")):
        demo.submit(A, "OpenRound", "demo", number)
        for hospital in H:
            demo.hand_in(hospital, hospital.encode(), number)
        demo.submit(A, "CloseSubmissions", "demo", number, "")
        results: dict[str, Any] = {}
        for hospital in H:
            passed = {} if hospital in accepted else {"accepted": False, "reason": "RULE"}
            found = demo.evaluated(hospital, number, **passed)
            bound = {name: found.pop(name) for name in ("dataset", "transcript")}
            results[hospital] = found
        for party in (A, B):
            demo.submit(party, "AttestRound", "demo", number, {"results": results} | bound)
        closed = demo.submit(A, "CloseVerdicts", "demo", number, "")
        assert closed["state"] == state
        if number == 1:
            opened(demo, 1)
            demo.submit(A, "AbortRound", "demo", 1, "again")
    assert closed["reason"] == "OVERLAP"
