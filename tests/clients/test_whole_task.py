# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.catalogue import Attack
from medquorum.gateway import EndorseError
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.small_federation import Federation, Killed

Federate = Callable[..., Federation]
FIRST, SECOND, THIRD = HOSPITALS


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_a_task_runs_to_its_end_and_gets_better(federate: Federate) -> None:
    federation = federate()
    federation.run()
    closed = federation.events("coordinator", "round_closed")
    assert [event["round"] for event in closed] == [1, 2, 3]
    models = federation.events(FIRST, "global_model")
    assert [event["round"] for event in models] == [0, 1, 2, 3]
    assert models[-1]["accuracy"] > 0.8 > models[0]["accuracy"]
    assert [event["model"] for event in models[1:]] == [event["model"] for event in closed]
    verdicts = federation.events(SECOND, "verdict")
    assert [event["round"] for event in verdicts] == [1, 2, 3]
    assert [event["accepted"] for event in verdicts] == [SECOND in event["accepted"] for event in closed]


@pytest.mark.parametrize(
    "task",
    [
        {"rule": {"name": "prefix", "slack": 0}},
        {"disclosure": "bit"},
        {"model_store": "private", "keep_updates": True},
        {"rule": {"name": "none"}, "model_tolerance": 1000},
    ],
    ids=["prefix", "bit", "private", "none"],
)
def test_every_kind_of_task_ends(federate: Federate, task: dict[str, Any]) -> None:
    federation = federate(**task, rounds=1)
    federation.run()
    (closed,) = federation.events("coordinator", "round_closed")
    assert closed["accepted"]
    assert federation.events(FIRST, "global_model")[-1]["model"] == closed["model"]
    purged = any(call.startswith("PurgeUpdates") for call in federation.contract(A).submitted)
    assert purged != task.get("keep_updates", False)


def test_a_task_keeps_as_many_models_as_it_says(federate: Federate) -> None:
    federation = federate(rounds=3, model_store="private", keep_models=1)
    federation.run()
    models = [federation.task.initial_model]
    models += [event["model"] for event in federation.events("coordinator", "round_closed")]
    purged = [model for event in federation.events("coordinator", "models_purged") for model in event["models"]]
    assert purged == list(dict.fromkeys(model for model in models if model != models[-1]))
    told = federation.events(FIRST, "global_model") + federation.events(FIRST, "model_purged")
    assert sorted(event["round"] for event in told) == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_hospital_that_comes_back_goes_on_where_models_are_purged(federate: Federate) -> None:
    federation = federate(rounds=3, model_store="private", keep_models=1)
    federation.agents["coordinator"].step()
    away = federation.agents.pop(FIRST)
    away.step()
    federation.run()
    federation.agents[FIRST] = away
    federation.run()
    closed = federation.events("coordinator", "round_closed")
    gone = [event["round"] for event in closed if event["model"] != closed[-1]["model"]]
    assert gone
    assert [event["round"] for event in federation.events(FIRST, "model_purged")] == gone
    assert federation.events(FIRST, "global_model")[-1]["round"] == 3


@pytest.mark.parametrize(
    ("attack", "reasons"),
    [
        ("static-label", {"RULE"}),
        ("sign-flip", {"RULE", "RANGE"}),
        ("scale", {"RULE", "RANGE"}),
        ("nan", {"RANGE"}),
        ("copy", {"DUPLICATE"}),
    ],
)
def test_adversaries_are_refused(federate: Federate, attack: Attack, reasons: set[str]) -> None:
    federation = federate({THIRD: Adversary(attack, strength=20.0)}, rounds=1)
    federation.run()
    (closed,) = federation.events("coordinator", "round_closed")
    assert closed["refused"][THIRD] in reasons
    assert FIRST in closed["accepted"]


@pytest.mark.slow
def test_a_replayed_update_is_the_first_ones_bytes(federate: Federate) -> None:
    federation = federate({THIRD: Adversary("replay")}, rounds=2)
    federation.run()
    store = federation.folder / THIRD / "updates"
    first, second = ((store / f"{number:06d}" / "parameters.bin").read_bytes() for number in (1, 2))
    assert first == second


def differ(call: str) -> None:
    """Refuse what two verifiers would have to agree on."""
    if call.startswith(("ConcludeRound", "VerifyUpdate")):
        raise EndorseError("ProposalResponsePayloads do not match", code="ABORTED")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("coordinator", 4), (B, 4), (FIRST, 2)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_at_every_transaction_doubles_and_misses_nothing(
    federate: Federate, name: str, least: int, when: str
) -> None:
    federation = federate(rounds=2)
    contract = federation.contract(A if name == "coordinator" else name)
    if name == B:  # a verifier's client writes nothing in a round that is concluded
        federation.contract(A).before = lambda call: differ(call) if call.startswith("Conclude") else None
    killed: set[str] = set()

    def kill(call: str) -> None:
        if call not in killed:
            killed.add(call)
            raise Killed

    setattr(contract, when, kill)
    federation.run()
    assert len(killed) >= least
    closed = [federation.ledger(A).round("demo", number) for number in (1, 2)]
    assert [round_number.state for round_number in closed] == ["closed", "closed"]
    assert all(len(round_number.candidates) == 3 for round_number in closed)
    # Chunks and purges may be written again, with the same bytes; every other step is on the ledger once.
    repeatable = ("Put", "Purge", "StoreModelChunk")
    for contract in federation.contracts.values():
        steps = [call for call in contract.submitted if not call.startswith(repeatable)]
        assert sorted(steps) == sorted(set(steps))
    submits = [call for c in federation.contracts.values() for call in c.submitted if call.startswith("SubmitUpdate")]
    assert len(submits) == 6


def test_a_hospital_that_comes_late_goes_on_in_the_next_round(federate: Federate) -> None:
    federation = federate(rounds=2)
    late = federation.agents.pop(FIRST)
    for _ in range(40):
        for name, agent in federation.agents.items():
            agent.step()
            federation.clock.now += 5 if name == "coordinator" else 0
        if federation.ledger(A).round("demo", 1).state == "verifying":
            break
    assert late.step() is not None
    assert federation.events(FIRST, "late")[0]["round"] == 1
    federation.agents[FIRST] = late
    federation.run()
    assert federation.ledger(A).round("demo", 1).candidates == [SECOND, THIRD]
    assert federation.ledger(A).round("demo", 2).candidates == HOSPITALS


def test_verifiers_that_differ_attest_and_nothing_is_accepted(federate: Federate) -> None:
    federation = federate(rounds=1)
    for verifier in (A, B):
        federation.contract(verifier).before = differ
    federation.run()
    closed = federation.ledger(A).round("demo", 1)
    assert set(closed.outcomes.values()) == {"no_quorum"}
    assert closed.model == closed.base
    assert {event["reason"] for event in federation.events(FIRST, "verdict")} == {"no_quorum"}


def test_a_verifier_that_is_down_is_replaced(federate: Federate) -> None:
    third = "VerifierCMSP"
    federation = federate(members={"verifiers": [A, B, third], "quorum": 2}, rounds=1)
    del federation.agents[B]
    for contract in federation.contracts.values():
        contract.down = {B}
    federation.run()
    closed = federation.ledger(A).round("demo", 1)
    assert closed.state == "closed"
    assert closed.accepted


@pytest.mark.slow
def test_without_enough_verifiers_the_round_still_ends(federate: Federate) -> None:
    federation = federate(rounds=1)
    del federation.agents[B]
    federation.run()
    closed = federation.ledger(A).round("demo", 1)
    assert set(closed.outcomes.values()) == {"missing"}
    assert closed.model == closed.base
