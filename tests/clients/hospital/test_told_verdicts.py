# SPDX-License-Identifier: Apache-2.0
"""A hospital killed after it submitted is told what became of its update, also when the round has ended meanwhile."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.occasion import Behaviour
from medquorum.clients.hospital.agent import Hospital
from medquorum.clients.hospital.masked_uploader import MaskedUploader
from medquorum.clients.hospital.trainer import LocalTraining, Trainer
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime import updates
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.clients.training.train import Recipe
from medquorum.verifier.service.update_masks import UpdateMask
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.encrypted_consortium import NONCE, EncryptedConsortium
from medquorum_testing.ledger.ledger_contract import LedgerContract
from medquorum_testing.ledger.small_federation import Federation, Killed, quarters

FIRST, SECOND, THIRD = HOSPITALS


def submitted(federation: Federation) -> None:
    """Step the first hospital until its update is on the ledger, and kill it."""
    federation.agents["coordinator"].step()
    hospital = federation.agents.pop(FIRST)
    while not federation.events(FIRST, "submitted"):
        hospital.step()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviours", "absent", "told"),
    [
        ({}, None, (True, None)),
        ({FIRST: Adversary("nan")}, None, (False, "RANGE")),
        ({}, B, (False, "missing")),
    ],
    ids=["accepted", "refused", "missing"],
)
def test_a_killed_hospital_is_told_its_verdict_after_the_round(
    federate: Callable[..., Federation],
    behaviours: dict[str, Behaviour],
    absent: str | None,
    told: tuple[bool, str | None],
) -> None:
    federation = federate(behaviours, rounds=1)
    submitted(federation)
    if absent is not None:
        del federation.agents[absent]
    federation.run()
    assert federation.events(FIRST, "verdict") == []
    for restarts in (1, 2):
        federation.start(FIRST)
        federation.run()
        verdicts = federation.events(FIRST, "verdict")
        assert [event["round"] for event in verdicts] == [1] * restarts, "once in each process"
        assert (verdicts[-1]["accepted"], verdicts[-1]["reason"]) == told


@pytest.mark.slow
def test_a_killed_hospital_is_told_its_verdict_when_the_next_round_is_open(federate: Callable[..., Federation]) -> None:
    federation = federate(rounds=2)
    submitted(federation)
    while federation.ledger(A).round("demo", 1).state != "closed":
        for agent in federation.agents.values():
            agent.step()
        federation.clock.now += 5
    federation.start(FIRST)
    federation.run()
    assert [event["round"] for event in federation.events(FIRST, "verdict")] == [1, 2]


def test_a_hospital_killed_before_its_update_is_on_the_ledger_is_told_so(federate: Callable[..., Federation]) -> None:
    federation = federate(rounds=1)

    def kill(call: str) -> None:
        if call.startswith("SubmitUpdate"):
            raise Killed

    federation.contract(FIRST).before = kill
    federation.agents["coordinator"].step()
    with pytest.raises(Killed):
        federation.agents.pop(FIRST).step()
    federation.run()
    federation.start(FIRST)
    federation.run()
    assert [event["round"] for event in federation.events(FIRST, "late")] == [1]
    assert federation.events(FIRST, "verdict") == []


def test_a_hospital_whose_disk_was_lost_goes_on_with_the_next_round(
    federate: Callable[..., Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it put of another update cannot be replaced; nobody else waits, and it does not end."""
    monkeypatch.setattr(updates, "MAX_SUBMITTED", 0)  # a large update is put before it is submitted
    federation = federate(rounds=2)

    def lose(call: str) -> None:
        if call.startswith("SubmitUpdate demo 1"):
            raise Killed

    federation.contract(FIRST).before = lose
    federation.agents["coordinator"].step()
    with pytest.raises(Killed):
        federation.agents[FIRST].step()
    shutil.rmtree(federation.folder / FIRST)
    federation.start(FIRST)
    federation.run()
    rounds = [federation.ledger(A).round("demo", number) for number in (1, 2)]
    assert [FIRST in round_number.outcomes for round_number in rounds] == [False, True]


def test_a_hospital_whose_disk_was_lost_before_it_submitted_takes_part(federate: Callable[..., Federation]) -> None:
    federation = federate(rounds=1)
    lost: list[str] = []

    def lose(call: str) -> None:
        if call.startswith("SubmitUpdate demo 1") and not lost:
            lost.append(call)
            raise Killed

    federation.contract(FIRST).before = lose
    federation.agents["coordinator"].step()
    with pytest.raises(Killed):
        federation.agents[FIRST].step()
    shutil.rmtree(federation.folder / FIRST)
    federation.start(FIRST)
    federation.run()
    assert FIRST in federation.ledger(A).round("demo", 1).outcomes


class Uploader(MaskedUploader):
    """Has a dealer's mask without asking."""

    def _mask(self, round_number: int, base: str) -> UpdateMask:
        return UpdateMask(NONCE, (bytes(32), bytes(range(32))))


class EncryptedHospital:
    """The first hospital of an encrypted task; made anew, it has what is on its disk."""

    def __init__(self, demo: EncryptedConsortium, folder: Path) -> None:
        self.stream = io.StringIO()
        contract = LedgerContract(demo, FIRST)
        nobody_is_dialled: Any = None
        ledger, report = Ledger(contract, FIRST), Report("hospital", FIRST, as_json=True, stream=self.stream)
        task = ledger.task("demo")
        assert task.encrypted is not None
        self.agent = Hospital(
            ledger,
            Transactions(contract, demo.verifiers, 2, FIRST),
            task,
            Trainer(task, FIRST, LocalTraining(quarters(40, 0), Recipe()), report, LoopControl()),
            UpdateStore(folder),
            report,
            Uploader(task, task.encrypted, FIRST, nobody_is_dialled, report, UpdateStore(folder)),
        )

    def verdicts(self) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [event for event in events if event["event"] == "verdict"]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({}, (True, None)),
        ({"accepted": False, "reason": "RULE", "quality": 0}, (False, "RULE")),
        (None, (False, "missing")),
    ],
    ids=["accepted", "refused", "missing"],
)
def test_a_killed_hospital_of_an_encrypted_task_is_told_its_verdict_after_the_round(
    tmp_path: Path, result: dict[str, Any] | None, told: tuple[bool, str | None]
) -> None:
    demo = EncryptedConsortium(tmp_path / "sets")
    demo.begin(rounds=1)
    demo.submit(A, "OpenRound", "demo", 1)
    before = EncryptedHospital(demo, tmp_path / "updates")
    assert before.agent.step() == 0
    for hospital in (SECOND, THIRD):
        demo.hand_in(hospital, hospital.encode())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    demo.verify(SECOND)
    for party in (A, B) if result is not None else ():
        demo.submit(party, "AttestVerdict", "demo", 1, FIRST, demo.evaluated(FIRST) | (result or {}))
    demo.submit(A, "CloseVerdicts", "demo", 1, "one is left out")
    assert demo.read(A, "ReadRound", "demo", 1)["state"] == "closed"
    after = EncryptedHospital(demo, tmp_path / "updates")
    assert after.agent.step() is None
    assert [(event["round"], event["accepted"], event["reason"]) for event in after.verdicts()] == [(1, *told)]
    assert before.verdicts() == []
    demo.close()
