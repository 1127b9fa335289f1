# SPDX-License-Identifier: Apache-2.0
"""The auditor's questions: every version of a key, scores over rounds."""

from __future__ import annotations

from collections.abc import Callable

from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, Consortium

H1, H2, H3 = HOSPITALS
Refused = Callable[..., str]


def test_versions_newest_first(demo: Consortium) -> None:
    demo.play(1, {H1: demo.good_update()})
    rounds = demo.read(DEALER if DEALER in demo.nodes else H1, "ReadHistory", "round", ["demo", 1])
    assert [v["document"]["state"] for v in rounds] == ["closed", "aggregating", "verifying", "open"]
    assert [v["is_delete"] for v in rounds] == [False] * 4
    stamps = [v["timestamp"] for v in rounds]
    assert stamps == sorted(stamps, reverse=True) and len({v["tx_id"] for v in rounds}) == 4
    verdicts = demo.read(H1, "ReadHistory", "verdict", ["demo", 1, H1])
    assert [v["document"] == "pending" for v in verdicts] == [False, True]
    assert len(demo.read(H1, "ReadHistory", "consortium", [])) == 1
    assert demo.read(H1, "ReadHistory", "update", ["demo", 1, H2]) == []


def test_deleted_version(demo: Consortium) -> None:
    simulation = demo.ledger.simulate(A, b"", "none")
    simulation.writes[demo.ledger_key("task", "demo")] = None
    demo.ledger.commit(simulation)
    newest = demo.read(H1, "ReadHistory", "task", ["demo"])[0]
    assert (newest["is_delete"], newest["document"]) == (True, None)


def test_keys_that_are_none(demo: Consortium, refused: Refused) -> None:
    for kind, attributes in (
        ("chunk", ["demo"]),
        ("round", ["demo"]),
        ("round", ["demo", "1"]),
        ("round", ["demo", True]),
        ("round", [1, 1]),
        ("task", {"task": "demo"}),
        ("consortium", ["x"]),
    ):
        refused("BAD_ARGUMENT", demo.read, A, "ReadHistory", kind, attributes)
    refused("BAD_KEY", demo.read, A, "ReadHistory", "task", ["a\0b"])


def test_scores(demo: Consortium) -> None:
    demo.play(1, {H1: demo.good_update(), H2: demo.good_update(1, shift=1)})
    demo.submit(A, "OpenRound", "demo", 2)
    demo.hand_in(H1, demo.good_update(3), 2)
    demo.submit(A, "CloseSubmissions", "demo", 2, "")
    demo.submit(A, "CloseVerdicts", "demo", 2, "verifiers are down")
    scores = demo.read(H3, "ReadScores", "demo")
    quality = demo.read(H3, "ReadVerdict", "demo", 1, H1)["quality"]
    numbers = ("accepted", "refused", "unjudged", "no_quorum", "missing", "quality", "weight")
    nothing = dict.fromkeys(numbers, 0) | {"claimants": {}}
    assert quality > 0
    assert scores == {
        H1: nothing | {"accepted": 1, "missing": 1, "quality": quality},
        H2: nothing | {"refused": 1},
        H3: nothing,
    }
