# SPDX-License-Identifier: Apache-2.0
"""PrepareUpdates: an update is evaluated once, when it arrives; beside others it is judged after the close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum.chaincode.evaluation_jobs.evaluator import RoundEvaluator
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.memory_stub import creator

H1, H2, H3 = HOSPITALS
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def opened(demo: Consortium, updates: dict[str, bytes], **changes: Any) -> None:
    demo.begin(**changes)
    demo.submit(A, "OpenRound", "demo", 1)
    for index, (hospital, packed) in enumerate(updates.items()):
        demo.hand_in(hospital, packed, salt=bytes([index] * 32))


def test_an_early_evaluation_is_the_verdicts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = make()
    opened(demo, {H1: demo.good_update(), H2: demo.good_update(9, shift=1)})
    assert demo.prepare(A, "PrepareUpdates", "demo", 1) == {"state": "ready", "evaluated": [H1, H2]}
    counted: list[object] = []
    count = RoundEvaluator.count_correct

    def counting(self: RoundEvaluator, *given: Any) -> Any:
        counted.append(self)
        return count(self, *given)

    monkeypatch.setattr(RoundEvaluator, "count_correct", counting)
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    early = [demo.prepare(A, "PrepareVerdict", "demo", 1, hospital)["result"] for hospital in (H1, H2)]
    assert counted == []
    late = [demo.prepare(B, "PrepareVerdict", "demo", 1, hospital)["result"] for hospital in (H1, H2)]
    assert counted != []
    assert early == late
    assert [result["accepted"] for result in early] == [True, False]
    assert demo.verify(H1)["accepted"]


def test_a_copy_is_found_after_the_close(make: Make) -> None:
    demo = make()
    opened(demo, {H1: demo.good_update(), H2: demo.good_update()})
    demo.prepare(A, "PrepareUpdates", "demo", 1)
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    assert demo.prepare(A, "PrepareVerdict", "demo", 1, H1)["result"]["accepted"]
    assert demo.prepare(A, "PrepareVerdict", "demo", 1, H2)["result"]["reason"] == "DUPLICATE"


def test_a_rule_over_the_round_uses_it_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = make()
    updates = {hospital: demo.good_update(number) for number, hospital in enumerate((H1, H2), start=1)}
    opened(demo, updates, rule={"name": "prefix", "slack": 0})
    demo.prepare(A, "PrepareUpdates", "demo", 1)

    def never(*_: object) -> Any:
        raise AssertionError("evaluated twice")

    monkeypatch.setattr(RoundEvaluator, "_evaluated", never)
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    assert demo.prepare(A, "PrepareRound", "demo", 1)["results"].keys() == {H1, H2}


def test_who_may_ask_for_it_and_when(make: Make, refused: Refused) -> None:
    demo = make()
    opened(demo, {H1: demo.good_update()})
    refused("ACCESS_DENIED", demo.ledger.evaluate, B, creator(A), "PrepareUpdates", "demo", "1")
    ((place, value),) = demo.ledger.organisations[B].private.items()
    del demo.ledger.organisations[B].private[place]
    refused("DATA_MISSING", demo.prepare, B, "PrepareUpdates", "demo", 1)
    demo.ledger.organisations[B].private[place] = value
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.prepare(B, "PrepareUpdates", "demo", 1)
    demo.verify(H1)
    demo.submit(A, "CloseVerdicts", "demo", 1, "")
    refused("ROUND_STATE", demo.read, A, "PrepareUpdates", "demo", 1)
