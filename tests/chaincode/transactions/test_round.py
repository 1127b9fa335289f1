# SPDX-License-Identifier: Apache-2.0
"""The coordinator's steps: order, refusals with what is expected, and rounds that always end."""

from __future__ import annotations

from collections.abc import Callable

from medquorum.core.model import catalogue
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium

H1, H2, H3 = HOSPITALS
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def test_rounds_are_opened_in_order(demo: Consortium, refused: Refused) -> None:
    assert demo.read(A, "ReadCurrentRound", "demo") is None
    assert demo.read(A, "ReadRoundStatus", "demo", 1)["round"] is None
    refused("ROUND_ORDER", demo.submit, A, "OpenRound", "demo", 2)
    opened = demo.submit(A, "OpenRound", "demo", 1)
    assert opened["state"] == "open"
    refused("ROUND_ORDER", demo.submit, A, "OpenRound", "demo", 1)
    text = refused("ROUND_ORDER", demo.submit, A, "OpenRound", "demo", 2)
    assert "round 1 of demo is open" in text
    demo.submit(A, "AbortRound", "demo", 1, "a test")
    for number in (2, 3):
        assert demo.submit(B, "OpenRound", "demo", number)["base"] == opened["base"]
        assert demo.read(A, "ReadCurrentRound", "demo")["round"] == number
        demo.submit(B, "AbortRound", "demo", number, "a test")
    text = refused("ROUND_ORDER", demo.submit, A, "OpenRound", "demo", 4)
    assert "has 3 rounds" in text


def test_initial_model_must_be_there_and_fit(make: Make, refused: Refused) -> None:
    demo = make()
    demo.init()
    demo.submit(A, "CreateTask", demo.task())
    refused("MODEL_MISSING", demo.submit, A, "OpenRound", "demo", 1)
    demo.put_model(demo.model(), "private")
    other = demo.task(task="other", model=catalogue.mlp((1, 2, 2), 4, hidden=5))
    demo.submit(A, "CreateTask", other)
    refused("BAD_LAYOUT", demo.submit, A, "OpenRound", "other", 1)
    assert demo.submit(A, "OpenRound", "demo", 1)["state"] == "open"


def test_initial_model_must_be_whole(make: Make, refused: Refused) -> None:
    demo = make()
    demo.begin()
    note = demo.ledger_key("stored", str(demo.task()["initial_model"]), "000000", "public")
    del demo.ledger.state[note]
    refused("MODEL_MISSING", demo.submit, A, "OpenRound", "demo", 1)


def test_only_the_coordinator_steps(demo: Consortium, refused: Refused) -> None:
    steps = [("CloseSubmissions", ""), ("CloseVerdicts", ""), ("CloseRound", ""), ("AbortRound", "why")]
    for msp, unit in ((H1, "client"), (DEALER, "client"), (A, "peer"), (B, "orderer"), ("StrangerMSP", "client")):
        refused("ACCESS_DENIED", demo.submit, msp, "OpenRound", "demo", 1, unit=unit)
    demo.submit(B, "OpenRound", "demo", 1)
    for msp, unit in ((H1, "client"), (A, "peer"), ("StrangerMSP", "client")):
        for name, reason in steps:
            refused("ACCESS_DENIED", demo.submit, msp, name, "demo", 1, reason, unit=unit)


def test_coordinators_of_other_tasks(make: Make, refused: Refused) -> None:
    demo = make()
    demo.begin(standby=None)
    text = refused("ACCESS_DENIED", demo.submit, B, "OpenRound", "demo", 1)
    assert text.endswith(f"This is for {A}")


def test_illegal_steps_name_what_is_expected(demo: Consortium, refused: Refused) -> None:
    refused("ROUND_MISSING", demo.submit, A, "CloseSubmissions", "demo", 1, "")
    demo.submit(A, "OpenRound", "demo", 1)
    text = refused("ROUND_STATE", demo.submit, A, "CloseVerdicts", "demo", 1, "")
    assert text.startswith("ROUND_STATE: round 1 of demo is open, not verifying")
    refused("ROUND_STATE", demo.submit, A, "CloseRound", "demo", 1, "")
    refused("ROUND_STATE", demo.submit, A, "VerifyUpdate", "demo", 1, H1)
    refused("ROUND_STATE", demo.submit, A, "AttestAggregate", "demo", 1, {})
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    refused("ROUND_STATE", demo.submit, A, "CloseSubmissions", "demo", 1, "")
    refused("BAD_ARGUMENT", demo.submit, A, "AbortRound", "demo", 1, "")
    demo.submit(A, "AbortRound", "demo", 1, "a test")
    text = refused("ROUND_STATE", demo.submit, A, "AbortRound", "demo", 1, "again")
    assert "is aborted, not open or verifying or aggregating" in text


def test_candidates_are_frozen_with_their_commitments(demo: Consortium) -> None:
    demo.submit(A, "OpenRound", "demo", 1)
    for hospital in (H3, H1):
        demo.hand_in(hospital, demo.good_update())
    closed = demo.submit(A, "CloseSubmissions", "demo", 1, "the deadline has passed")
    assert closed["candidates"] == [H1, H3]
    assert closed["commitments"].keys() == {H1, H3}
    assert closed["reason"] == "the deadline has passed"


def test_missing_verdict_is_never_an_acceptance(demo: Consortium, refused: Refused) -> None:
    demo.submit(A, "OpenRound", "demo", 1)
    for index, hospital in enumerate(HOSPITALS):
        demo.hand_in(hospital, demo.good_update(index))
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.verify(H1)
    text = refused("VERDICTS_PENDING", demo.submit, A, "CloseVerdicts", "demo", 1, "")
    assert "Hospital2MSP, Hospital3MSP" in text
    closed = demo.submit(A, "CloseVerdicts", "demo", 1, "a verifier is down")
    assert closed["outcomes"] == {H1: "accepted", H2: "missing", H3: "missing"}
    assert (closed["accepted"], closed["state"], closed["reason"]) == ([H1], "aggregating", "a verifier is down")


def test_too_few(make: Make) -> None:
    demo = make()
    demo.begin(minimum_accepted=2)
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.good_update())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.verify(H1)
    closed = demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert (closed["state"], closed["reason"], closed["model"]) == ("closed", "TOO_FEW", closed["base"])
    assert demo.ledger.events[-1] == ("RoundClosed", b'{"round":1,"task":"demo"}')
    assert demo.submit(A, "OpenRound", "demo", 2)["base"] == closed["base"]


def test_round_without_candidates_ends(demo: Consortium) -> None:
    demo.submit(A, "OpenRound", "demo", 1)
    demo.submit(A, "CloseSubmissions", "demo", 1, "nobody came")
    assert demo.submit(A, "CloseVerdicts", "demo", 1, "nobody did")["reason"] == "TOO_FEW: nobody did"


def test_ranges_are_read_by_close_submissions_only(demo: Consortium) -> None:
    demo.play(1, {H1: demo.good_update(), H2: demo.good_update(1)})
    writing = [(function, s) for function, s in demo.ledger.simulations if s.writes or s.private_writes]
    assert len({function for function, _ in writing}) >= 9
    assert {function for function, s in writing if s.ranges} == {"CloseSubmissions"}


def test_the_status_of_an_open_round_reads_nothing_that_comes_later(demo: Consortium) -> None:
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.good_update())
    demo.ledger.simulations.clear()
    assert demo.read(A, "ReadRoundStatus", "demo", 1)["updates"].keys() == {H1}
    ((_, simulation),) = demo.ledger.simulations
    kinds = {key.split("\0")[1] for key in [*simulation.reads, *(start for start, _ in simulation.ranges)]}
    assert kinds == {"task", "round", "update", "verdict"}
