# SPDX-License-Identifier: Apache-2.0
"""On whom a round waits, in each of its states."""

from __future__ import annotations

from typing import Any

import pytest

from medquorum.clients.dashboard.views.waiting import Waiting, waiting
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.aggregation.aggregate import Aggregate
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.attestation import Attestation, Result
from medquorum.core.documents.root import Root
from medquorum.core.documents.round import Round
from medquorum.core.documents.update import Update
from medquorum_testing.dashboard.played_rounds import VERIFIERS, digest, play_round, task_of

COORDINATORS = ("CoordinatorMSP", "StandbyMSP")
PLAIN = task_of(3, 2, standby="StandbyMSP")
SETTINGS = {
    "parties": VERIFIERS,
    "dealer": "DealerMSP",
    "aggregators": VERIFIERS,
    "services": {msp: "localhost:1" for msp in [*VERIFIERS, "DealerMSP"]},
    "comparison": "tree",
    "batch": 1,
    "grayscale": False,
    "placement": "outsourced",
}
ENCRYPTED = task_of(3, 2, standby="StandbyMSP", verification="encrypted", encrypted=SETTINGS)
NAMED: dict[str, Any] = {"task": "demo", "round": 1}
ALL = [one for documents in play_round(PLAIN, 1, "Hospital2MSP") for one in documents]
UPDATES = {one.hospital: one for one in ALL if isinstance(one, Update)}


def in_state(state: str, **documents: Any) -> RoundStatus:
    candidates = PLAIN.hospitals if state != "open" else []
    return RoundStatus(Round(**NAMED, state=state, base=digest("w", 0), candidates=candidates), **documents)


def aggregate(verifier: str) -> Aggregate:
    return Aggregate(**NAMED, verifier=verifier, model=digest("w", 1), accepted=["Hospital1MSP"], worse=False)


def attestation(hospital: str, verifier: str) -> Attestation:
    return Attestation(**NAMED, hospital=hospital, verifier=verifier, result=Result(accepted=True, reason=None))


def test_before_the_first_round() -> None:
    assert waiting(PLAIN, RoundStatus(None)) == [Waiting(COORDINATORS, "open the first round", 1)]


def test_hospitals_without_an_update_are_named() -> None:
    some = {"Hospital2MSP": UPDATES["Hospital2MSP"]}
    assert waiting(PLAIN, in_state("open", updates=some)) == [
        Waiting(("Hospital1MSP", "Hospital3MSP"), "submit an update")
    ]
    (one,) = waiting(PLAIN, in_state("open", updates=UPDATES))
    assert one.who == COORDINATORS


def test_a_root_update_is_waited_for_under_direction() -> None:
    task = task_of(3, 2, rule={"name": "direction"})
    first, *_ = waiting(task, in_state("open"))
    assert first == Waiting(tuple(VERIFIERS), "train the root update", 1)
    root = Root(**NAMED, verifier=VERIFIERS[0], base=digest("w", 0), layout=task.layout, chunks=[digest("root")])
    first, *_ = waiting(task, in_state("open", root=root))
    assert first == Waiting((VERIFIERS[1],), "attest the root update")


def test_a_hidden_root_update_is_the_first_partys_to_make() -> None:
    task = task_of(3, 2, rule={"name": "direction"}, verification="encrypted", encrypted=SETTINGS)
    status = in_state("open")
    first, *_ = waiting(task, status)
    assert first == Waiting((VERIFIERS[0],), "train the root update", 1)
    assert status.awaited_verifiers(task) == (VERIFIERS[0],)
    hidden = {"masked": digest("root"), "masks": dict.fromkeys(VERIFIERS, digest("mask")), "nonce": digest("nonce")}
    root = Root(**NAMED, verifier=VERIFIERS[0], base=digest("w", 0), layout=task.layout, **hidden)
    status = in_state("open", root=root)
    assert status.awaited_verifiers(task) == ()
    assert "root update" not in " ".join(one.what for one in waiting(task, status))


def test_verdicts_are_waited_for() -> None:
    (one,) = waiting(PLAIN, in_state("verifying", updates=UPDATES))
    assert one == Waiting(tuple(VERIFIERS), "give the verdict on Hospital1MSP, Hospital2MSP, Hospital3MSP", 2)
    attested = {"Hospital1MSP": {VERIFIERS[0]: attestation("Hospital1MSP", VERIFIERS[0])}}
    first, second, _ = waiting(ENCRYPTED, in_state("verifying", attestations=attested))
    assert first == Waiting((VERIFIERS[1],), "attest the verdict on Hospital1MSP")
    assert second == Waiting(tuple(VERIFIERS), "attest the verdict on Hospital2MSP")


def test_a_new_model_is_waited_for() -> None:
    one = {VERIFIERS[0]: aggregate(VERIFIERS[0])}
    assert waiting(PLAIN, in_state("aggregating", aggregates=one)) == [Waiting((VERIFIERS[1],), "attest the new model")]
    both = {verifier: aggregate(verifier) for verifier in VERIFIERS}
    (last,) = waiting(PLAIN, in_state("aggregating", aggregates=both))
    assert last.who == COORDINATORS
    dealer, *_ = waiting(ENCRYPTED, in_state("aggregating"))
    assert dealer == Waiting(("DealerMSP",), "attest the masks")
    masks = Masks(**NAMED, dealer="DealerMSP", weights={"Hospital1MSP": 1}, hash=digest("masks"))
    (nodes,) = waiting(ENCRYPTED, in_state("aggregating", masks=masks))
    assert nodes.who == tuple(VERIFIERS)


@pytest.mark.parametrize("state", ["closed", "aborted"])
def test_after_a_round_the_next_one_until_the_last(state: str) -> None:
    assert waiting(PLAIN, in_state(state)) == [Waiting(COORDINATORS, "open round 2", 1)]
    assert waiting(task_of(3, 1), in_state(state)) == []
