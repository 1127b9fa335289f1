# SPDX-License-Identifier: Apache-2.0
"""Updates that were evaluated stay in the chaincode's memory until the new model is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum.chaincode.contract import Contract
from medquorum.chaincode.evaluation_jobs.evaluator import RoundEvaluator
from medquorum.chaincode.held_updates import HeldUpdates
from medquorum.core.documents.update import Update
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium

Make = Callable[..., Consortium]


def evaluated(demo: Consortium) -> Consortium:
    """Open a round in which every verifier has evaluated every update."""
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    for number, hospital in enumerate(HOSPITALS):
        demo.hand_in(hospital, demo.good_update(number))
        for verifier in demo.verifiers:
            demo.prepare(verifier, "PrepareUpdate", "demo", 1, hospital)
    return demo


def test_a_conclusion_reads_no_update_again(make: Make) -> None:
    demo = evaluated(make())
    demo.ledger.simulations.clear()
    answers = [demo.prepare(verifier, "PrepareConclusion", "demo", 1) for verifier in demo.verifiers]
    assert answers[0]["state"] == "ready" and demo.ledger.simulations
    assert not any(simulation.private_reads for _, simulation in demo.ledger.simulations)
    forgetful = evaluated(make())
    forgetful.restart(B)
    assert forgetful.prepare(B, "PrepareConclusion", "demo", 1) == answers[0]


def test_they_are_dropped_with_the_new_model(make: Make) -> None:
    demo = evaluated(make())
    chaincode = demo.ledger.organisations[A].chaincode
    assert isinstance(chaincode, Contract)
    node = chaincode._node
    update = demo.read(A, "ReadRoundStatus", "demo", 1)["updates"][HOSPITALS[0]]
    commitment = Update.from_plain(update).commitment
    assert node.updates.get(commitment) == demo.good_update(0)
    demo.prepare(A, "PrepareConclusion", "demo", 1)
    assert node.updates.get(commitment) is None


def test_a_new_model_is_evaluated_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = evaluated(make())
    for verifier in demo.verifiers:
        demo.prepare(verifier, "PrepareConclusion", "demo", 1)
    demo.submit(A, "ConcludeRound", "demo", 1)
    demo.hand_in(HOSPITALS[0], demo.good_update(7), 2)
    counted: list[tuple[Any, ...]] = []
    count = RoundEvaluator.count_correct

    def counting(self: RoundEvaluator, *given: Any) -> Any:
        counted.append(given)
        return count(self, *given)

    monkeypatch.setattr(RoundEvaluator, "count_correct", counting)
    demo.prepare(A, "PrepareUpdate", "demo", 2, HOSPITALS[0])
    assert [len(given) for given in counted] == [2]  # base and update: the mixture, and not the base alone


def test_held_bytes_are_bounded() -> None:
    held = HeldUpdates(limit=10)
    held.put("before", "a", b"123456")
    held.put("now", "b", b"123456")
    assert held.get("a") is None
    held.put("now", "c", b"12345")
    assert (held.get("b"), held.get("c")) == (b"123456", None)
    held.put("now", "d", b"1234")
    held.drop("now")
    assert held.get("b") is held.get("d") is None
