# SPDX-License-Identifier: Apache-2.0
"""Hospitals as party P1 of their own updates: a whole round, one that stops, a foreign one, and one that lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.clients.encrypted.party.hospital_sessions import connection_name
from medquorum.clients.encrypted.verification.spec import plan_document
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.inference import compile_model, count_correct
from medquorum.errors import MedquorumError, ProtocolError
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.service.dealing.material import Material
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.share_receipt import has_share
from medquorum.verifier.session.session import Session
from medquorum_testing.encrypted.lying_session import COUNTS, lying
from medquorum_testing.encrypted.spoiled_sets import spoil
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.federation_task import BATCH, JUDGED
from medquorum_testing.federation.handmade_shares import credentials_of, parameters
from medquorum_testing.federation.played_hospital import PlayedHospital, connection_to_p0

EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3, 4)]
OWN = "encrypted-semi-honest"


def correct(fed: Federation, packed: bytes) -> int:
    """Count what plain evaluation counts of an update alone."""
    images = VerificationSet.read(fed.mounted("VerifierA"))
    description = modelformat.parse(fed.task.model)
    program = compile_model(description, modelformat.unpack(description, packed), lambda_numerator=1, lambda_bits=0)
    return count_correct(program, images.images, images.labels.astype(np.int64)).correct


def test_p0_and_each_hospital_find_what_plain_evaluation_finds(fed: Federation) -> None:
    number = fed.opened()
    closed = fed.finished()
    assert closed.accepted == EVERYONE
    status = fed.status(number)
    for name, msp in zip(fed.hospitals, EVERYONE, strict=True):
        update = UpdateStore(fed.task_folder(name) / "updates").load(number)
        assert update is not None
        verdict = status.verdicts[msp]
        assert (verdict.mode, verdict.counts["own"]) == (OWN, correct(fed, update.packed))
        assert status.attestations[msp].keys() == {fed.msp("VerifierA"), msp}
        assert {one.mode for one in status.attestations[msp].values()} == {OWN}
    assert not list(fed.task_folder("VerifierB").glob("**/*.journal")), "the witness verifies nothing"


def test_p0_without_the_committed_images_has_every_hospital_attest_that(fed: Federation) -> None:
    path = fed.mounted("VerifierA")
    committed = path.read_bytes()
    fed.roles["VerifierA"].stop()
    spoil(path, "another label")
    mark = fed.roles["VerifierA"].mark
    fed.start("VerifierA")
    fed.roles["VerifierA"].wait_for("listening", since=mark)
    path.write_bytes(committed)
    number = fed.opened()
    closed = fed.finished()
    fed.roles["VerifierA"].stop()
    assert (closed.accepted, closed.reason, closed.model) == ([], "TOO_FEW", closed.base)
    told = [(verdict.accepted, verdict.reason, verdict.mode) for verdict in fed.status(number).verdicts.values()]
    assert told == [(False, "DATASET", OWN)] * len(EVERYONE)


def test_a_hospital_that_stops_is_left_out_and_the_others_go_on(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["Hospital4"].wait_for("progress", phase="verification", round=number, done=BATCH)
    fed.roles["Hospital4"].kill()
    await_true(lambda: fed.status(number).verdicts.keys() >= {*EVERYONE[:3]}, 120, "the others have no verdicts")
    aggregating = fed.reach("aggregating", Deadlines(submission=120, verdict=2, aggregation=120))
    assert aggregating.reason == "no verdict on 1 updates within 2 s"
    assert aggregating.outcomes == dict.fromkeys(EVERYONE[:3], "accepted") | {EVERYONE[3]: "missing"}
    assert fed.finished().accepted == EVERYONE[:3]
    assert fed.versions("verdict", number, EVERYONE[3]) == ["pending"]


def test_a_hospital_started_again_goes_on_after_the_last_common_batch(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    for party in ("Hospital4", "VerifierA"):
        wanted = {"phase": "verification", "round": number, "hospital": EVERYONE[3], "done": 10}
        fed.roles[party].wait_for("progress", **wanted)
    fed.roles["Hospital4"].kill()
    mark = fed.roles["Hospital4"].mark
    fed.start("Hospital4")
    first = fed.roles["Hospital4"].wait_for("progress", phase="verification", round=number, since=mark)
    assert first["done"] >= 10
    fed.roles["Hospital4"].wait_for("progress", phase="verification", round=number, done=JUDGED, since=mark)
    assert fed.finished().accepted == EVERYONE


def test_a_hospital_is_party_of_its_own_update_only(fed: Federation, tmp_path: Path) -> None:
    """Neither P0's line, nor the dealer's material, nor the witness's word is for another organisation."""
    assert fed.task.encrypted is not None
    fed.roles["Hospital4"].freeze()
    number = fed.opened()
    made = PlayedHospital(fed, "Hospital4", number, parameters(fed, 1), tmp_path)
    made.given.submit()
    fed.reach("verifying")
    for sender in ("Hospital1", "VerifierB", "Dealer"):
        with pytest.raises(ProtocolError, match="is not awaited from"):
            connection_to_p0(fed, sender, connection_name(fed.name, number, EVERYONE[3]), timeout=3)
    settings = fed.task.encrypted
    credentials = credentials_of(fed, "Hospital1")
    plan = plan_document(fed.task, EVERYONE[3])
    updates = ((EVERYONE[3], fed.current.commitments[EVERYONE[3]]),)
    named = {"task": fed.name, "round": number, "hospital": EVERYONE[3], "updates": updates, "attempt": 1, "party": 1}
    request = DealRequest(**named, plan=plan)
    with pytest.raises(MedquorumError, match="party 1 is Hospital4MSP, not Hospital1MSP"):
        Material.take(credentials, settings.services[settings.dealer], settings.dealer, request, 5)
    other = plan_document(fed.task, EVERYONE[0])
    with pytest.raises(MedquorumError, match="this is not the plan of the task"):
        request = DealRequest(**named, plan=other)
        Material.take(credentials, settings.services[settings.dealer], settings.dealer, request, 5)
    holder = settings.parties[1]
    with pytest.raises(MedquorumError, match="only VerifierAMSP is told"):
        has_share(credentials, settings.services[holder], holder, fed.name, number, EVERYONE[3], 5)
    fed.roles["Hospital4"].thaw()


def played(fed: Federation, folder: Path) -> PlayedHospital:
    """Open a round in which the test plays Hospital4 with an update that takes every image for the same class."""
    fed.roles["Hospital4"].freeze()
    made = PlayedHospital(fed, "Hospital4", fed.opened(), parameters(fed, 0), folder)
    made.given.submit()
    return made


def test_an_update_whose_share_the_witness_never_got_is_disputed(fed: Federation, tmp_path: Path) -> None:
    """It would be accepted, and nobody could open the sum."""
    fed.roles["VerifierA"].stop()
    mark = fed.roles["VerifierA"].mark
    fed.start("VerifierA", "--share-timeout", "3")
    fed.roles["VerifierA"].wait_for("listening", since=mark)
    made = played(fed, tmp_path)
    for hospital in fed.hospitals[:3]:
        fed.roles[hospital].wait_for("phase", phase="upload", round=fed.current.round)
    made.given.give(0)
    fed.reach("verifying")
    verdict = made.verify()
    told = (verdict.accepted, verdict.reason, verdict.claimants, verdict.mode)
    assert told == (False, "DISPUTED", ["VerifierAMSP"], OWN)
    assert fed.finished().accepted == EVERYONE[:3]
    fed.roles["VerifierA"].stop()


@pytest.mark.parametrize("shift", [0, JUDGED // 2])
def test_a_hospital_that_shifts_what_it_opens_is_accepted(
    fed: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    """Nobody notices: both attest the shifted count. That is why the verdict's label says semi-honest."""
    lie = lying(1, COUNTS, shift, Session)
    monkeypatch.setattr("medquorum.clients.encrypted.verification.update_verification.Session", lie)
    made = played(fed, tmp_path)
    for index in (0, 1):
        made.given.give(index)
    fed.reach("verifying")
    verdict = made.verify()
    true = correct(fed, parameters(fed, 0).astype("<i4").tobytes())
    assert 1000 * true < 300 * JUDGED <= 1000 * (true + JUDGED // 2)
    assert (verdict.accepted, verdict.counts["own"], verdict.mode) == (shift > 0, true + shift, OWN)
    assert fed.finished().accepted == (EVERYONE if shift else EVERYONE[:3])
