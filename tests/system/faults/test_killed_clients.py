# SPDX-License-Identifier: Apache-2.0
"""Hospitals, verifiers' clients and the coordinator killed in the middle of a round, and started again or not."""

from __future__ import annotations

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.federation_task import COORDINATOR, STANDBY

EVERYONE = ["Hospital1MSP", "Hospital2MSP", "Hospital3MSP"]


def test_a_killed_hospital_submits_once_after_its_restarts(fed: Federation) -> None:
    hospital = fed.roles["Hospital1"]
    number = fed.opened()
    hospital.wait_for("progress", phase="training", round=number)
    hospital.kill()
    assert EVERYONE[0] not in fed.status(number).updates
    fed.start("Hospital1")
    hospital.wait_for("phase", phase="training", round=number)  # the update is on its way
    hospital.kill()
    mark = hospital.mark
    fed.start("Hospital1")
    assert fed.finished().accepted == EVERYONE
    [update] = fed.versions("update", number, EVERYONE[0])
    assert update["chunks"] == fed.uploaded("Hospital1", number)
    assert hospital.wait_for("verdict", since=mark, round=number)["accepted"]


def test_verifiers_clients_killed_while_they_verify_decide_once_after_their_restart(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["VerifierB"].wait_for("phase", phase="verification", round=number)
    for verifier in fed.verifiers:
        fed.roles[verifier].kill()
    for verifier in fed.verifiers:
        fed.start(verifier)
    assert fed.finished().accepted == EVERYONE
    for hospital in EVERYONE:
        pending, verdict = fed.versions("verdict", number, hospital)
        assert pending == "pending"
        assert verdict["accepted"]


def test_a_round_goes_on_without_one_verifiers_client(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["VerifierB"].kill()
    assert fed.finished().accepted == EVERYONE
    assert set(fed.status(number).aggregates) >= {"VerifierAMSP", "VerifierCMSP"}
    fed.start("VerifierB")
    number = fed.opened()
    fed.reach("aggregating")
    fed.roles["VerifierB"].wait_for("model_attested", round=number)
    fed.finished()


def test_a_killed_coordinator_goes_on_from_the_ledger_alone_and_its_standby_takes_over(fed: Federation) -> None:
    coordinator = fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    opened = coordinator.wait_for("round_opened", since=coordinator.mark)
    for verifier in fed.verifiers:  # only the coordinator's own attempts have their chaincodes evaluate the updates
        fed.roles[verifier].freeze()
    coordinator.kill()
    number = opened["round"]
    for hospital in fed.hospitals:
        fed.roles[hospital].wait_for("submitted", round=number)
    mark = coordinator.mark
    fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    coordinator.wait_for("started", since=mark)  # and tries to conclude the round
    coordinator.kill()
    for verifier in fed.verifiers:
        fed.roles[verifier].thaw()
    standby = fed.start(STANDBY, "--standby", "--takeover", "1", kind="coordinator", name="standby")
    taken_over = standby.wait_for("round_closed", since=standby.mark, accepted=EVERYONE)["round"]
    assert taken_over in (number, number + 1)  # the next one where the killed process had concluded its own
    standby.wait_for("round_opened", round=taken_over + 1)
    mark = coordinator.mark
    fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    coordinator.wait_for("round_closed", since=mark, accepted=EVERYONE)  # that round, if its standby is not quicker
    coordinator.stop()
    standby.stop()
    for done in (number, taken_over, taken_over + 1):
        assert [version["state"] for version in fed.versions("round", done)] == ["open", "closed"]


def test_a_hospital_that_does_not_submit_is_left_out_and_told_so(fed: Federation) -> None:
    late = fed.roles["Hospital3"]
    late.freeze()
    number = fed.opened()
    await_true(lambda: fed.status(number).updates.keys() >= {*EVERYONE[:2]}, 120, "the others have not submitted")
    verifying = fed.reach("verifying", Deadlines(submission=2, verdict=120, aggregation=120))
    assert verifying.candidates == EVERYONE[:2]
    assert verifying.reason == "1 of 3 hospitals missing after 2 s"
    late.thaw()
    late.wait_for("late", round=number)
    assert fed.finished().accepted == EVERYONE[:2]
    assert late.running
    assert EVERYONE[2] not in fed.status(number).updates
