# SPDX-License-Identifier: Apache-2.0
"""The coordinator in an encrypted task: the same steps as in a plain one, and nothing to purge."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.clients.coordinator.agent import Coordinator
from medquorum.clients.coordinator.conclusion import Conclusion
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium
from medquorum_testing.ledger.ledger_contract import LedgerContract

FIRST, *OTHERS = HOSPITALS


def coordinating(demo: EncryptedConsortium) -> tuple[Coordinator, LedgerContract]:
    contract = LedgerContract(demo, A)
    ledger = Ledger(contract, A)
    report = Report("coordinator", A, as_json=True, stream=io.StringIO())
    writing = Transactions(contract, demo.verifiers, 2, A)
    conclusion = Conclusion(ledger, writing, 60)
    deadlines, control = Deadlines(60, 60, 60), LoopControl()
    return Coordinator(ledger, writing, ledger.task("demo"), deadlines, report, conclusion, control), contract


def summing(coordinator: Coordinator, demo: EncryptedConsortium) -> None:
    """Take a round to where its accepted set is fixed."""
    assert coordinator.step() == 0
    for hospital in HOSPITALS:
        demo.hand_in(hospital, hospital.encode())
    assert coordinator.step() == 0
    for hospital in HOSPITALS:
        demo.verify(hospital)
    assert coordinator.step() == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accuracy": {"worse": True, "counts": {"base": 30, "model": 10}}}, "MODEL_WORSE"),
        ({"mismatch": "MASKS"}, "SUM_MISMATCH"),
    ],
)
def test_a_model_that_is_not_taken_is_not_waited_for(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    demo = EncryptedConsortium(tmp_path)
    demo.begin()
    coordinator, _ = coordinating(demo)
    summing(coordinator, demo)
    demo.masks()
    for party in (A, B):
        result = demo.attestation_result(party) | (change if reason == "MODEL_WORSE" and party == B else {})
        if reason == "SUM_MISMATCH":
            result = {"model": demo.base()} | change
        demo.submit(party, "AttestAggregate", "demo", 1, result)
    assert coordinator.step() == 0
    first = demo.read(A, "ReadRound", "demo", 1)
    assert (first["state"], first["model"], first["reason"]) == ("closed", first["base"], reason)
    assert coordinator.step() == 0, "training goes on"
    assert demo.read(A, "ReadRound", "demo", 2)["base"] == first["base"]
    demo.close()


def test_parties_that_differ_end_the_round_at_once(tmp_path: Path) -> None:
    demo = EncryptedConsortium(tmp_path)
    demo.begin()
    coordinator, _ = coordinating(demo)
    summing(coordinator, demo)
    demo.masks()
    demo.submit(A, "AttestAggregate", "demo", 1, {"model": demo.base(), "mismatch": "MASKS"})
    assert coordinator.step() != 0
    demo.submit(B, "AttestAggregate", "demo", 1, demo.attestation_result(B))
    assert coordinator.step() == 0
    ended = demo.read(A, "ReadRound", "demo", 1)
    assert (ended["state"], ended["model"]) == ("aborted", ended["base"])
    assert ended["reason"].startswith(f"no majority of equal models: {A} MASKS, {B} ")
    demo.close()


def test_too_few_accepted_keep_the_model_and_training_goes_on(tmp_path: Path) -> None:
    demo = EncryptedConsortium(tmp_path)
    demo.begin(minimum_accepted=3)
    coordinator, contract = coordinating(demo)
    assert coordinator.step() == 0
    for hospital in OTHERS:
        demo.hand_in(hospital, hospital.encode())
    demo.submit(A, "CloseSubmissions", "demo", 1, "one is away")
    for hospital in OTHERS:
        demo.verify(hospital)
    assert coordinator.step() == 0
    first = demo.read(A, "ReadRound", "demo", 1)
    assert (first["state"], first["reason"], first["model"]) == ("closed", "TOO_FEW", first["base"])
    assert coordinator.step() == 0
    assert demo.read(A, "ReadRound", "demo", 2)["state"] == "open"
    assert [call.partition(" ")[0] for call in contract.submitted] == ["OpenRound", "CloseVerdicts", "OpenRound"]
    demo.close()


@pytest.mark.parametrize("alike", [True, False])
def test_whole_task(tmp_path: Path, alike: bool) -> None:
    """The first hospital's update is accepted, or left out where the parties differ on it: then too few are left."""
    demo = EncryptedConsortium(tmp_path)
    demo.begin(rounds=1)
    coordinator, contract = coordinating(demo)
    assert coordinator.step() == 0
    for hospital in HOSPITALS:
        demo.hand_in(hospital, hospital.encode())
    assert coordinator.step() == 0
    for hospital in OTHERS:
        demo.verify(hospital)
    for party, transcript in ((A, "1" * 64), (B, ("1" if alike else "2") * 64)):
        assert coordinator.step() != 0, "a verdict is missing"
        result = demo.evaluated(FIRST, transcript=transcript)
        demo.submit(party, "AttestVerdict", "demo", 1, FIRST, result)
    assert coordinator.step() == 0
    if alike:
        demo.attest()
        demo.store()
        assert coordinator.step() == 0
    assert coordinator.step() is None, "the task has ended"
    assert demo.read(A, "ReadRound", "demo", 1)["accepted"] == (HOSPITALS if alike else OTHERS)
    steps = [call.partition(" ")[0] for call in contract.submitted]
    assert steps == ["OpenRound", "CloseSubmissions", "CloseVerdicts", *(["CloseRound"] if alike else [])]
    demo.close()
