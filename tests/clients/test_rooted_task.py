# SPDX-License-Identifier: Apache-2.0
"""Whole tasks under the rule ``direction``: roots made, repeated, attested, late, refused, and their makers killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.runtime import updates
from medquorum.clients.runtime.updates import StoredUpdate
from medquorum.clients.training.root import same_root
from medquorum.clients.verifier.root import RootMaker
from medquorum.core.documents.round import Round
from medquorum.core.documents.update import MAX_SUBMITTED
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.small_federation import Federation, Killed

Federate = Callable[..., Federation]
FIRST, SECOND, THIRD = HOSPITALS
DIRECTION: dict[str, Any] = {"rule": {"name": "direction", "epochs": 40, "batch": 8}, "model_tolerance": 1000}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def submissions(federation: Federation, transaction: str) -> dict[str, list[str]]:
    """Return who submitted a transaction, in which calls."""
    calls = {
        msp: [call for call in contract.submitted if call.startswith(f"{transaction} ")]
        for msp, contract in federation.contracts.items()
    }
    return {msp: found for msp, found in calls.items() if found}


def fields(event: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Return those fields of an event that another one has."""
    return {name: event.get(name) for name in like}


@pytest.mark.slow
def test_a_task_gets_better_with_roots_by_turns_and_refuses_what_points_elsewhere(federate: Federate) -> None:
    federation = federate({THIRD: Adversary("sign-flip", strength=1.0)}, **DIRECTION, rounds=3)
    federation.run()
    closed = federation.events("coordinator", "round_closed")
    assert [event["round"] for event in closed] == [1, 2, 3]
    assert closed[0]["refused"] == {THIRD: "DIRECTION"}
    models = federation.events(FIRST, "global_model")
    assert models[-1]["accuracy"] > 0.8 > models[0]["accuracy"]
    makers = [federation.ledger(A).status("demo", number).root for number in (1, 2, 3)]
    assert [root.verifier for root in makers if root] == [B, A, B]
    attested = federation.events(A, "root_attested") + federation.events(B, "root_attested")
    assert sorted(event["round"] for event in attested) == [1, 2, 3]
    assert all(event["holds"] for event in attested)
    current = federation.ledger(A).round("demo", 1)
    assert current.weights and sum(current.weights.values()) in (256, 128, 64, 32, 16)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coordinator", A, B, FIRST])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_at_every_transaction_makes_one_root(federate: Federate, name: str, when: str) -> None:
    federation = federate(**DIRECTION, rounds=2)
    contract = federation.contract(A if name == "coordinator" else name)
    killed: set[str] = set()

    def kill(call: str) -> None:
        if call not in killed:
            killed.add(call)
            raise Killed

    setattr(contract, when, kill)
    federation.run()
    assert len(killed) >= 2
    assert all(federation.ledger(A).round("demo", number).state == "closed" for number in (1, 2))
    assert sum(map(len, submissions(federation, "SubmitRoot").values())) == 2
    assert sum(map(len, submissions(federation, "AttestRoot").values())) == 2


@pytest.mark.parametrize(("limit", "puts"), [(MAX_SUBMITTED, 0), (0, 1)])
def test_a_root_comes_with_its_submission_unless_it_is_large(
    federate: Federate, monkeypatch: pytest.MonkeyPatch, limit: int, puts: int
) -> None:
    monkeypatch.setattr(updates, "MAX_SUBMITTED", limit)
    federation = federate(**DIRECTION, rounds=1)
    federation.run()
    assert federation.ledger(A).round("demo", 1).accepted
    assert sum(map(len, submissions(federation, "PutRootChunk").values())) == puts


def test_a_root_maker_that_is_away_is_replaced_after_a_while(federate: Federate) -> None:
    third = "VerifierCMSP"
    federation = federate(**DIRECTION, members={"verifiers": [A, B, third], "quorum": 2}, rounds=1)
    del federation.agents[B]
    for contract in federation.contracts.values():
        contract.down = {B}
    federation.run()
    status = federation.ledger(A).status("demo", 1)
    assert status.root is not None and status.root.verifier == third
    assert status.round is not None and status.round.state == "closed" and status.round.accepted
    assert federation.clock.now >= 5


def test_hospitals_wait_for_a_late_root(federate: Federate) -> None:
    federation = federate(**DIRECTION, rounds=1)
    late = {name: federation.agents.pop(name) for name in (A, B)}
    for _ in range(5):
        for agent in federation.agents.values():
            agent.step()
    assert not submissions(federation, "PutUpdateChunk")
    assert len(federation.events(FIRST, "phase")) >= 1  # it has trained meanwhile
    told = [{"event": "root_awaited", "round": 1, "maker": None, "verifiers": [A, B]}]
    assert [fields(event, told[0]) for event in federation.events("coordinator", "root_awaited")] == told
    federation.agents |= late
    del federation.agents[A]  # whose turn it is not: it has to attest
    for _ in range(3):
        for agent in federation.agents.values():
            agent.step()
    told.append({"event": "root_awaited", "round": 1, "maker": B, "verifiers": [A]})
    assert [fields(event, told[0]) for event in federation.events("coordinator", "root_awaited")] == told
    federation.agents[A] = late[A]
    federation.run()
    assert federation.ledger(A).round("demo", 1).accepted
    assert len(federation.events("coordinator", "root_awaited")) == 2


def test_without_a_root_the_round_ends_and_the_model_stays(federate: Federate) -> None:
    federation = federate(**DIRECTION, rounds=1)
    for name in (A, B):
        del federation.agents[name]
    federation.run()
    current = federation.ledger(A).round("demo", 1)
    assert (current.state, current.model) == ("aborted", current.base)
    assert current.reason == "no root update within 60 s"


class Liar(RootMaker):
    """Hands over a root update that turns away from its own training."""

    def make(self, current: Round) -> StoredUpdate:
        honest = super().make(current)
        base = np.frombuffer(self._model(current.base), "<i4")
        turned = 2 * base - np.frombuffer(honest.packed, "<i4")
        return StoredUpdate(honest.base, turned.astype("<i4").tobytes(), honest.salts)


def test_a_false_root_is_refused_by_the_other_and_no_update_is_blamed(
    federate: Federate, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = federate(**DIRECTION, rounds=2)
    monkeypatch.setattr("medquorum_testing.ledger.small_federation.RootMaker", Liar)
    federation.start(B)
    federation.run()
    first, second = (federation.ledger(A).round("demo", number) for number in (1, 2))
    assert (first.state, first.model, first.reason) == ("closed", first.base, "TOO_FEW")
    assert set(first.outcomes.values()) == {"unjudged"}
    assert {event["reason"] for event in federation.events(FIRST, "verdict")} == {"ROOT"}
    # The next round is the other's turn; the liar attests against it, and alone stops it too.
    assert set(second.outcomes.values()) == {"unjudged"}
    assert [event["holds"] for event in federation.events(A, "root_attested")] == [False]


def test_two_roots_are_the_same_within_bounds() -> None:
    random = np.random.default_rng(1)
    base, step = (random.integers(-(1 << 16), 1 << 16, 500) for _ in range(2))

    def packed(values: np.ndarray[Any, Any]) -> bytes:
        return np.rint(values).astype("<i4").tobytes()

    root = packed(base + step)
    across = random.integers(-(1 << 16), 1 << 16, 500)
    across = across - step * (across @ step) / (step @ step)
    across = across * np.linalg.norm(step) / np.linalg.norm(across)
    assert same_root(packed(base), root, root)
    assert same_root(packed(base), root, packed(base + 1.015 * step))
    assert not same_root(packed(base), root, packed(base + 1.025 * step))
    assert same_root(packed(base), root, packed(base + np.cos(0.13) * step + np.sin(0.13) * across))
    assert not same_root(packed(base), root, packed(base + np.cos(0.15) * step + np.sin(0.15) * across))
    assert not same_root(packed(base), root, packed(base))
    assert same_root(packed(base), packed(base), packed(base))
    assert not same_root(packed(base), root, root[:-4])
