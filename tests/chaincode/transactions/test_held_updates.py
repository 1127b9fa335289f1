# SPDX-License-Identifier: Apache-2.0
"""Updates that were evaluated stay in the chaincode's memory until the new model is made of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from medquorum.chaincode.contract import Contract
from medquorum.chaincode.evaluation_jobs.evaluator import RoundEvaluator
from medquorum.chaincode.held_updates import HeldUpdates
from medquorum.core.documents.update import Update, private_value
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.memory_stub import creator

H1, H2, _ = HOSPITALS
Make = Callable[..., Consortium]
BEFORE, NOW = ("other", 3), ("demo", 2)


def evaluated(demo: Consortium) -> Consortium:
    """Open a round in which every verifier has evaluated every update."""
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    for number, hospital in enumerate(HOSPITALS):
        demo.hand_in(hospital, demo.good_update(number))
        for verifier in demo.verifiers:
            demo.prepare(verifier, "PrepareUpdates", "demo", 1)
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
    update = demo.read(A, "ReadRoundStatus", "demo", 1)["updates"][H1]
    held = ("demo", 1), H1, Update.from_plain(update).commitment
    assert node.updates.get(*held) == demo.good_update(0)
    demo.prepare(A, "PrepareConclusion", "demo", 1)
    assert node.updates.get(*held) is None


def test_they_are_dropped_where_their_chunks_are_purged(make: Make) -> None:
    demo = evaluated(make())
    demo.submit(A, "AbortRound", "demo", 1, "a test")
    chaincode = demo.ledger.organisations[A].chaincode
    assert isinstance(chaincode, Contract)
    updates = chaincode._node.updates
    assert updates._held
    demo.submit(A, "PurgeUpdates", "demo", 1)
    assert not updates._held


def test_a_later_rounds_update_takes_an_earlier_rounds_place() -> None:
    held = HeldUpdates()
    held.put(("demo", 1), H1, "a", b"1")
    held.put(BEFORE, H1, "a", b"1")
    held.put(NOW, H2, "b", b"2")
    assert (held.get(("demo", 1), H1, "a"), held.get(BEFORE, H1, "a"), held.get(NOW, H2, "b")) == (None, b"1", b"2")


def test_an_update_that_came_with_its_submission_is_not_read(make: Make) -> None:
    demo = make()
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    value = private_value(bytes(32), demo.good_update())
    document = {"base": demo.base(1), "layout": demo.layout, "chunks": [sha256(value).hexdigest()]}
    demo.submit(H1, "SubmitUpdate", "demo", 1, document, chunk0=value)
    demo.ledger.simulations.clear()
    demo.prepare(A, "PrepareUpdates", "demo", 1)
    assert not any(simulation.private_reads for _, simulation in demo.ledger.simulations)


def test_an_update_that_comes_with_its_submission_is_evaluated_meanwhile_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = evaluated(make())
    for verifier in demo.verifiers:
        demo.prepare(verifier, "PrepareConclusion", "demo", 1)
    demo.submit(A, "ConcludeRound", "demo", 1)
    counted: list[str] = []
    count = RoundEvaluator.count_correct

    def counting(self: RoundEvaluator, *given: Any) -> Any:
        counted.append(self.node.msp_id)
        return count(self, *given)

    monkeypatch.setattr(RoundEvaluator, "count_correct", counting)

    def submission(update: bytes) -> tuple[Any, ...]:
        value = private_value(bytes(32), update)
        return value, {"base": demo.base(2), "layout": demo.layout, "chunks": [sha256(value).hexdigest()]}

    demo.ledger.simulations.clear()
    for number in (5, 6):  # the same hospital proposes two, and orders none: the second one is not evaluated
        value, document = submission(demo.good_update(number))
        proposal = ("SubmitUpdate", "demo", "2", json.dumps(document))
        for verifier in (A, B):
            demo.ledger.simulate(verifier, creator(H1), *proposal, transient={"chunk0": value})
        deadline = time.monotonic() + 60
        while len(counted) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert not any(simulation.private_reads for _, simulation in demo.ledger.simulations)
    assert sorted(counted) == [A, B]
    value, document = submission(demo.good_update(5))
    demo.submit(H1, "SubmitUpdate", "demo", 2, document, chunk0=value)
    assert demo.prepare(A, "PrepareUpdates", "demo", 2)["evaluated"] == [H1]
    assert sorted(counted) == [A, B]


def test_a_new_model_is_evaluated_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = evaluated(make())
    for verifier in demo.verifiers:
        demo.prepare(verifier, "PrepareConclusion", "demo", 1)
    demo.submit(A, "ConcludeRound", "demo", 1)
    demo.hand_in(H1, demo.good_update(7), 2)
    counted: list[tuple[Any, ...]] = []
    count = RoundEvaluator.count_correct

    def counting(self: RoundEvaluator, *given: Any) -> Any:
        counted.append(given)
        return count(self, *given)

    monkeypatch.setattr(RoundEvaluator, "count_correct", counting)
    demo.prepare(A, "PrepareUpdates", "demo", 2)
    assert [len(given) for given in counted] == [2]  # base and update: the mixture, and not the base alone


def test_held_bytes_are_bounded() -> None:
    held = HeldUpdates(limit=10)
    held.put(BEFORE, H1, "a", b"123456")
    held.put(NOW, H1, "b", b"123456")
    assert held.get(BEFORE, H1, "a") is None
    held.put(NOW, H2, "c", b"12345")
    assert (held.get(NOW, H1, "b"), held.get(NOW, H2, "c")) == (b"123456", None)
    held.put(NOW, H2, "d", b"1234")
    assert held.get(NOW, H2, "d") == b"1234"
    held.drop(NOW)
    assert held.get(NOW, H1, "b") is held.get(NOW, H2, "d") is None


def test_a_hospital_has_one_place() -> None:
    """Proposals that are never committed do not crowd out the other hospitals' updates."""
    held = HeldUpdates(limit=10)
    for number in range(100):
        held.put(NOW, H1, str(number), b"12345")
    held.put(NOW, H2, "other", b"12345")
    assert (held.get(NOW, H1, "98"), held.get(NOW, H1, "99")) == (None, b"12345")
    assert held.get(NOW, H2, "other") == b"12345"
