# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from medquorum.clients.coordinator import actions as coordinator
from medquorum.clients.hospital import actions as hospital
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.verifier import actions as verifier
from medquorum.core.documents.aggregation.aggregate import Aggregate
from medquorum.core.documents.attestation import Attestation
from medquorum.core.documents.conclusion import Conclusion
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.documents.verdict import Verdict
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B

BASE, NEW, OTHER = "0" * 64, "1" * 64, "2" * 64
FIRST, SECOND, THIRD = HOSPITALS
DEADLINES = coordinator.Deadlines(60, 50, 40)


def task(**changes: Any) -> Task:
    fields: dict[str, Any] = {
        "task": "demo",
        "model": {},
        "layout": BASE,
        "length": 8 << 20,
        "initial_model": BASE,
        "lambda_numerator": 1,
        "lambda_bits": 1,
        "rule": {"name": "strict"},
        "disclosure": "count",
        "dataset": BASE,
        "dataset_size": 40,
        "fraction_bits": 16,
        "coordinator": A,
        "standby": None,
        "verifiers": [A, B],
        "hospitals": HOSPITALS,
        "quorum": 2,
        "minimum_accepted": 1,
        "model_tolerance": 0,
        "rounds": 3,
        "verification": "plain",
        "model_store": "public",
        "keep_updates": False,
        "created_by": A,
    }
    return Task.model_validate(fields | changes)


READY = frozenset(HOSPITALS)
CONCLUSION = Conclusion(task="demo", round=1, model=NEW, accepted=HOSPITALS, worse=False)
OPEN = Round.model_validate({"task": "demo", "round": 1, "state": "open", "base": BASE})


def status(state: str, number: int = 1, submitted: list[str] = HOSPITALS, **parts: Any) -> RoundStatus:
    candidates = [] if state == "open" else submitted
    model = parts.pop("model", None)
    round_number = Round.model_validate(
        {"task": "demo", "round": number, "state": state, "base": BASE, "candidates": candidates, "model": model}
    )
    updates = {
        name: Update(task="demo", round=number, hospital=name, base=BASE, layout=BASE, chunks=[BASE])
        for name in submitted
    }
    return RoundStatus(round=round_number, updates=updates, chunks=2, **parts)


def verdicts(*names: str) -> dict[str, Verdict]:
    return {
        name: Verdict(task="demo", round=1, hospital=name, accepted=True, reason=None, rule="strict") for name in names
    }


def aggregates(worse: bool = False, **models: str) -> dict[str, Aggregate]:
    named = {"a": A, "b": B}
    return {
        named[key]: Aggregate(task="demo", round=1, verifier=named[key], model=model, accepted=[], worse=worse)
        for key, model in models.items()
    }


def attested(*verifiers: str) -> dict[str, Attestation]:
    return {
        name: Attestation.model_validate(
            {
                "task": "demo",
                "round": 1,
                "hospital": FIRST,
                "verifier": name,
                "result": {"accepted": True, "reason": None},
            }
        )
        for name in verifiers
    }


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (None, hospital.AwaitRound(1)),
        (RoundStatus(round=None), hospital.AwaitRound(1)),
        (status("open", submitted=[]), hospital.Submit(OPEN)),
        (status("open", submitted=[SECOND]), hospital.Submit(OPEN)),
        (status("open", submitted=[FIRST]), hospital.AwaitVerdict(1)),
        (status("verifying", submitted=[FIRST]), hospital.AwaitVerdict(1)),
        (status("verifying", submitted=[SECOND]), hospital.Late(1)),
        (status("aggregating", submitted=[FIRST]), hospital.AwaitVerdict(1)),
        (status("aggregating", submitted=[SECOND]), hospital.Late(1)),
        (status("closed", model=NEW), hospital.AwaitRound(2)),
        (status("aborted", model=BASE), hospital.AwaitRound(2)),
        (status("closed", 3, model=NEW), hospital.Leave(NEW)),
        (status("aborted", 3, model=BASE), hospital.Leave(BASE)),
    ],
)
def test_a_hospitals_duty(seen: RoundStatus | None, expected: hospital.Action) -> None:
    assert hospital.next_action(task(), seen, FIRST) == expected


@pytest.mark.parametrize(
    ("seen", "waited", "expected"),
    [
        (None, 0, coordinator.Open(1)),
        (status("open", submitted=[FIRST]), 10, coordinator.Wait(50)),
        (status("open"), 0, coordinator.Conclude(1)),
        (status("open", submitted=[FIRST]), 60, coordinator.CloseSubmissions(1, "2 of 3 hospitals missing after 60 s")),
        (status("open", submitted=[]), 60, coordinator.Abort(1, "no update within 60 s")),
        (status("verifying"), 10, coordinator.Conclude(1)),
        (status("verifying", verdicts=verdicts(FIRST, SECOND)), 10, coordinator.Wait(40)),
        (status("verifying", verdicts=verdicts(*HOSPITALS)), 0, coordinator.CloseVerdicts(1, "")),
        (
            status("verifying", verdicts=verdicts(SECOND, THIRD), attestations={FIRST: attested(A, B)}),
            0,
            coordinator.CloseVerdicts(1, "verifiers differ on 1 updates"),
        ),
        (
            status("verifying", verdicts=verdicts(SECOND, THIRD), attestations={FIRST: attested(A)}),
            0,
            coordinator.Wait(50),
        ),
        (status("verifying", verdicts={}), 50, coordinator.CloseVerdicts(1, "no verdict on 3 updates within 50 s")),
        (status("aggregating"), 0, coordinator.Wait(40)),
        (status("aggregating", aggregates=aggregates(a=NEW, b=NEW), stored_chunks=(0,)), 0, coordinator.Wait(40)),
        (
            status("aggregating", aggregates=aggregates(a=NEW, b=OTHER), stored_chunks=(0, 1)),
            0,
            coordinator.Abort(1, "no majority of equal models: VerifierAMSP 111111111111, VerifierBMSP 222222222222"),
        ),
        (status("aggregating", aggregates=aggregates(a=NEW), stored_chunks=(0, 1)), 0, coordinator.Wait(40)),
        (
            status("aggregating", aggregates=aggregates(a=NEW, b=NEW), stored_chunks=(0, 1)),
            0,
            coordinator.CloseRound(1, ""),
        ),
        (status("aggregating", aggregates=aggregates(a=NEW, b=NEW, worse=True)), 0, coordinator.CloseRound(1, "")),
        (status("aggregating", conclusion=CONCLUSION, stored_chunks=(0,)), 0, coordinator.Wait(40)),
        (status("aggregating", conclusion=CONCLUSION, stored_chunks=(0, 1)), 0, coordinator.CloseRound(1, "")),
        (
            status("aggregating"),
            40,
            coordinator.Abort(
                1, "no majority of equal stored models within 40 s (VerifierAMSP, VerifierBMSP attested none)"
            ),
        ),
        (status("closed", model=NEW), 0, coordinator.Open(2)),
        (status("aborted", model=BASE), 0, coordinator.Open(2)),
        (status("closed", 3, model=NEW), 0, coordinator.Leave()),
    ],
)
def test_the_coordinators_duty(seen: RoundStatus | None, waited: float, expected: coordinator.Action) -> None:
    assert coordinator.next_action(task(), seen, waited, DEADLINES) == expected


def test_a_round_that_cannot_be_concluded_goes_on_step_by_step() -> None:
    frozen = coordinator.CloseSubmissions(1, "all submitted")
    assert coordinator.next_action(task(), status("open"), 0, DEADLINES, given_up=True) == frozen
    assert coordinator.next_action(task(), status("verifying"), 10, DEADLINES, given_up=True) == coordinator.Wait(40)


@pytest.mark.parametrize(
    ("seen", "memory", "expected"),
    [
        (None, verifier.Memory(), verifier.Wait(5)),
        (status("open", submitted=[]), verifier.Memory(), verifier.Wait(5)),
        (status("open", submitted=[SECOND]), verifier.Memory(), verifier.PrepareEarly(1)),
        (status("open", submitted=[SECOND]), verifier.Memory(early={SECOND}), verifier.Wait(5)),
        (status("open"), verifier.Memory(), verifier.PrepareConclusion(1)),
        (status("open"), verifier.Memory(early=READY, concluding=True), verifier.Wait(1)),
        (status("verifying"), verifier.Memory(), verifier.PrepareConclusion(1)),
        (status("verifying"), verifier.Memory(concluding=True, waited=4.5), verifier.Wait(0.5)),
        (status("verifying"), verifier.Memory(concluding=True, waited=5), verifier.Prepare(1, tuple(HOSPITALS))),
        (status("verifying"), verifier.Memory(frozenset({FIRST})), verifier.Prepare(1, (SECOND, THIRD))),
        (status("verifying", verdicts=verdicts(SECOND)), verifier.Memory(), verifier.Prepare(1, (FIRST, THIRD))),
        (status("verifying"), verifier.Memory(READY), verifier.Verify(1, (FIRST, THIRD))),
        (status("verifying"), verifier.Memory(READY, waited=5), verifier.Verify(1, tuple(HOSPITALS))),
        (status("verifying", verdicts=verdicts(FIRST, THIRD)), verifier.Memory(READY), verifier.Wait(5)),
        (status("verifying", verdicts=verdicts(*HOSPITALS)), verifier.Memory(READY), verifier.Wait(5)),
        (status("verifying"), verifier.Memory(READY, frozenset({SECOND})), verifier.Attest(1, (SECOND,))),
        (
            status("verifying", attestations={SECOND: attested(B)}),
            verifier.Memory(READY),
            verifier.Verify(1, tuple(HOSPITALS)),
        ),
        (
            status("verifying", attestations={SECOND: attested(B)}),
            verifier.Memory(READY, READY),
            verifier.Attest(1, tuple(HOSPITALS)),
        ),
        (status("verifying", attestations={FIRST: attested(A)}), verifier.Memory(READY), verifier.Verify(1, (THIRD,))),
        (status("aggregating"), verifier.Memory(), verifier.Aggregate(1)),
        (status("aggregating"), verifier.Memory(chunks=2), verifier.AttestModel(1)),
        (
            status("aggregating", aggregates=aggregates(a=NEW)),
            verifier.Memory(chunks=2, waited=5),
            verifier.StoreChunks(1, (0, 1)),
        ),
        (
            status("aggregating", aggregates=aggregates(a=NEW), stored_chunks=(0, 1)),
            verifier.Memory(chunks=2, waited=9),
            verifier.Wait(5),
        ),
        (status("aggregating", aggregates=aggregates(a=NEW)), verifier.Memory(chunks=0), verifier.Wait(5)),
        (status("aggregating", conclusion=CONCLUSION), verifier.Memory(chunks=2), verifier.StoreChunks(1, (1,))),
        (status("closed", model=NEW), verifier.Memory(), verifier.Wait(5)),
        (status("closed", 3, model=NEW), verifier.Memory(), verifier.Leave()),
    ],
)
def test_a_verifiers_duty(seen: RoundStatus | None, memory: verifier.Memory, expected: verifier.Action) -> None:
    assert verifier.next_action(task(), seen, A, memory, 5) == expected


def test_every_chunk_and_update_has_exactly_one_designated_verifier() -> None:
    stored = status("aggregating", aggregates=aggregates(a=NEW, b=NEW))
    chunks = [verifier.next_action(task(), stored, name, verifier.Memory(chunks=2), 5) for name in (A, B)]
    assert sorted(
        index for action in chunks if isinstance(action, verifier.StoreChunks) for index in action.chunks
    ) == [0, 1]
    updates = [verifier.next_action(task(), status("verifying"), name, verifier.Memory(READY), 5) for name in (A, B)]
    named = [name for action in updates if isinstance(action, verifier.Verify) for name in action.hospitals]
    assert sorted(named) == HOSPITALS


def test_a_rule_over_the_round_is_prepared_and_verified_whole() -> None:
    rule = task(rule={"name": "prefix", "slack": 0})
    seen = status("verifying")
    assert verifier.next_action(rule, seen, A, verifier.Memory(concluding=True, waited=5), 5) == verifier.PrepareRound(
        1
    )
    assert verifier.next_action(rule, seen, B, verifier.Memory(READY), 5) == verifier.VerifyRound(1)
    assert verifier.next_action(rule, seen, A, verifier.Memory(READY), 5) == verifier.Wait(5)
    claimed = status("verifying", attestations={FIRST: attested(B)})
    assert verifier.next_action(rule, claimed, A, verifier.Memory(READY), 5) == verifier.VerifyRound(1)
    assert verifier.next_action(rule, seen, A, verifier.Memory(READY, waited=5), 5) == verifier.VerifyRound(1)
