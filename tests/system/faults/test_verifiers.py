# SPDX-License-Identifier: Apache-2.0
"""Verifiers that lie, judge on other images or lack the data, and hospitals that all collude."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from medquorum.core import canonical
from medquorum.core.dataset import VerificationSet
from medquorum.errors import ContractError
from medquorum.gateway import CommitError
from medquorum_testing.federation.federation import Federation

EVERYONE = ["Hospital1MSP", "Hospital2MSP", "Hospital3MSP"]
LARGEST = 2**31 - 1
Forgery = tuple[str, list[str], bytes, str]
"""Kind and attributes of a key, its value, and its collection or nothing."""


def test_one_lying_verifier_changes_neither_verdict_nor_model(fed: Federation) -> None:
    fed.roles["Hospital3"].freeze()
    with fed.tampered(["VerifierC"], "turned", "averaged"):
        number = fed.opened()
        fed.submit_raw("Hospital3", number, np.full(fed.task.length // 4, LARGEST, "<i4").tobytes())
        fed.reach("verifying")
        fed.roles["VerifierC"].wait_for("phase", phase="verification", round=number)
        lie = fed.ledger("VerifierC").value("PrepareVerdict", fed.name, str(number), EVERYONE[2])
        fed.reach("aggregating")
        fed.roles["VerifierC"].wait_for("model_attested", round=number)
        closed = fed.finished()
    status = fed.status(number)
    assert lie["result"]["accepted"]
    assert closed.accepted == EVERYONE[:2]
    assert status.verdicts[EVERYONE[2]].reason == "RANGE"
    assert closed.model == status.aggregates["VerifierAMSP"].model == status.aggregates["VerifierBMSP"].model
    assert closed.model != status.aggregates["VerifierCMSP"].model


def test_a_verifier_that_attests_before_the_others_have_judged_prevents_no_verdict(fed: Federation) -> None:
    for verifier in fed.verifiers:
        fed.roles[verifier].freeze()
    number = fed.opened()
    fed.reach_everywhere("verifying")
    for hospital in EVERYONE:
        result = {"accepted": False, "reason": "RULE", "counts": {}}
        fed.transactions("VerifierC").submit("AttestVerdict", fed.name, number, hospital, result)
    for verifier in fed.verifiers:
        fed.roles[verifier].thaw()
    assert fed.finished().accepted == EVERYONE


def test_verifiers_of_whom_no_two_agree_accept_nothing_and_their_findings_stay_visible(fed: Federation) -> None:
    with fed.tampered(["VerifierB"], "counted"), fed.tampered(["VerifierC"], "turned"):
        number = fed.opened()
        closed = fed.finished()
    assert closed.outcomes == dict.fromkeys(EVERYONE, "no_quorum")
    assert closed.reason == f"TOO_FEW: verifiers differ on {len(EVERYONE)} updates"
    assert (closed.model, closed.accepted) == (closed.base, [])
    for hospital in EVERYONE:
        assert fed.versions("verdict", number, hospital) == ["pending"]
        [a], [b], [c] = (fed.versions("attestation", number, hospital, fed.msp(one)) for one in fed.verifiers)
        assert a["result"]["accepted"] and b["result"]["accepted"] and not c["result"]["accepted"]
        assert a["result"]["counts"] != b["result"]["counts"]


@pytest.fixture
def other_images(fed: Federation) -> Iterator[None]:
    """VerifierC mounts a file in which one label is another."""
    path = fed.mounted("VerifierC")
    committed = VerificationSet.read(path)
    labels = committed.labels.copy()
    labels[0] = (labels[0] + 1) % 10
    replace(committed, labels=labels).write(path)
    yield
    committed.write(path)


@pytest.mark.usefixtures("other_images")
def test_a_verification_file_that_differs_from_the_commitment_is_not_used(fed: Federation) -> None:
    fed.opened()
    closed = fed.finished()
    assert fed.roles["VerifierC"].exit_code() == ContractError.exit_code
    said = fed.roles["VerifierC"].log
    assert f"DATASET: no verification set has the task's commitment {fed.task.dataset}" in said
    assert "Mount the committed file" in said
    assert closed.accepted == EVERYONE


def test_a_verifier_whose_peer_was_away_fetches_the_updates_and_judges_them(fed: Federation) -> None:
    fed.running.stop("VerifierC")
    number = fed.opened()
    for hospital in fed.hospitals:
        fed.roles[hospital].wait_for("submitted", round=number)
    fed.running.start("VerifierC")
    fed.running.stop("VerifierB")  # now nothing is decided without the one who was away
    try:
        closed = fed.finished()
    finally:
        fed.running.start("VerifierB")
    assert closed.accepted == EVERYONE
    assert fed.status(number).aggregates["VerifierCMSP"].model == closed.model


def forgeries(fed: Federation, number: int) -> list[Forgery]:
    """What colluding organisations would want on the ledger."""
    place = [fed.name, f"{number:06d}"]
    current = fed.current.plain()
    final = {
        "state": "closed",
        "accepted": EVERYONE,
        "outcomes": dict.fromkeys(EVERYONE, "accepted"),
        "model": "0" * 64,
    }
    verdict = {"task": fed.name, "round": number, "hospital": EVERYONE[0], "accepted": True, "reason": None}
    verdict |= {"docType": "verdict", "mode": "plain", "rule": "slack", "counts": {"total": 60, "base": 1, "mixed": 60}}
    members = {EVERYONE[0]: ["coordinator"], EVERYONE[1]: ["verifier"]}
    consortium = {"docType": "consortium", "ledger_format": 2, "sequence": 2, "quorum": 1, "members": members}
    return [
        ("verdict", [*place, EVERYONE[0]], canonical.encode(verdict), ""),
        ("round", place, canonical.encode(current | final), ""),
        ("consortium", [], canonical.encode(consortium), ""),
        ("task", [fed.name], canonical.encode(fed.task.plain() | {"quorum": 1, "rule": {"name": "none"}}), ""),
        ("chunk", fed.ledger().manifest(fed.current.base).chunks, bytes(fed.task.length), ""),
        ("update", [*place, EVERYONE[1], "000000"], bytes(32 + fed.task.length), "updates"),
    ]


def test_all_hospitals_and_too_few_verifiers_write_nothing(fed: Federation) -> None:
    for verifier in fed.verifiers:
        fed.roles[verifier].freeze()
    number = fed.opened()
    fed.reach("verifying")
    before = fed.status(number)

    def forge(user: str, forgery: Forgery, *endorsing: str) -> None:
        kind, attributes, value, collection = forgery
        fed.outbox("Hospital1", user).submit(
            "Forge",
            arguments=[kind, json.dumps(attributes), value, collection],
            endorsing_organizations=[fed.msp(one) for one in endorsing],
        )

    with fed.tampered([*fed.hospitals, "VerifierB", "VerifierC"], "forging"):
        for user in ("Admin", "User1"):
            for forgery in forgeries(fed, number):
                for few in ((), ("VerifierC",)):
                    with pytest.raises(CommitError) as refused:
                        forge(user, forgery, *fed.hospitals, *few)
                    assert refused.value.code == "ENDORSEMENT_POLICY_FAILURE"
        forge("User1", ("forged", [fed.name], b"k verifiers can", ""), "VerifierB", "VerifierC")
    assert fed.status(number) == before
    assert fed.ledger().task(fed.name) == fed.task
    for verifier in fed.verifiers:
        fed.roles[verifier].thaw()
    assert fed.finished().accepted == EVERYONE
