# SPDX-License-Identifier: Apache-2.0
"""The coordinator in an encrypted task: the same steps as in a plain one, and nothing to purge."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from consortium_ledger import HOSPITALS, A, B
from encrypted_consortium import EncryptedConsortium
from ledger_contract import LedgerContract

from clients.coordinator.agent import Coordinator
from clients.coordinator.duty import Deadlines
from clients.ledger import Ledger
from clients.report import Report
from clients.transactions import Transactions

FIRST, *OTHERS = HOSPITALS


@pytest.mark.parametrize("alike", [True, False])
def test_whole_task(tmp_path: Path, alike: bool) -> None:
    """The first hospital's update is accepted, or left out where the parties differ on it."""
    demo = EncryptedConsortium(tmp_path)
    demo.begin(rounds=1)
    contract = LedgerContract(demo, A)
    ledger = Ledger(contract, A)
    coordinator = Coordinator(
        ledger,
        Transactions(contract, demo.verifiers, 2, A),
        ledger.task("demo"),
        Deadlines(60, 60, 60),
        Report("coordinator", A, as_json=True, stream=io.StringIO()),
    )
    assert coordinator.step() == 0
    for hospital in HOSPITALS:
        demo.hand_in(hospital, hospital.encode())
    assert coordinator.step() == 0
    for hospital in OTHERS:
        demo.verify(hospital)
    for party, transcript in ((A, "1" * 64), (B, ("1" if alike else "2") * 64)):
        assert coordinator.step() != 0, "a verdict is missing"
        finding = demo.evaluated(FIRST, transcript=transcript)
        demo.submit(party, "AttestVerdict", "demo", 1, FIRST, finding)
    assert coordinator.step() == 0
    demo.attest()
    demo.store()
    assert coordinator.step() == 0
    assert coordinator.step() is None, "the task has ended"
    assert demo.read(A, "ReadRound", "demo", 1)["accepted"] == (HOSPITALS if alike else OTHERS)
    steps = [call.partition(" ")[0] for call in contract.submitted]
    assert steps == ["OpenRound", "CloseSubmissions", "CloseVerdicts", "CloseRound"]
    demo.close()
