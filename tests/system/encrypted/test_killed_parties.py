# SPDX-License-Identifier: Apache-2.0
"""The witness, P0's client and the dealer killed in the middle of a verification, and a witness that never comes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest

from medquorum.clients.coordinator.actions import Deadlines
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.session.journal import Journal
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.federation_task import BATCH, JUDGED
from medquorum_testing.federation.role_process import RoleProcess

EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3, 4)]
STATES = ["open", "verifying", "aggregating", "closed"]


def begun(fed: Federation, party: str, number: int, hospital: str) -> list[tuple[int, int]]:
    """Return the attempts a party has begun, each with the batches it began after."""
    lines = (fed.task_folder(party) / f"{number:06d}" / f"{hospital}.journal").read_text().splitlines()
    entries = [entry for entry in map(json.loads, lines) if "attempt" in entry]
    return [(entry["attempt"], entry["kept"]) for entry in entries]


def dealt(fed: Federation, number: int) -> list[tuple[str, int]]:
    """Return the hospitals and attempts that the dealer has dealt in a round, in order."""
    lines = (fed.task_folder("Dealer") / "dealt").read_text().splitlines()
    return [(hospital, attempt) for _, at, hospital, attempt, _ in map(json.loads, lines) if at == number]


def check_nothing_is_doubled(fed: Federation, number: int) -> None:
    assert [version["state"] for version in fed.versions("round", number)] == STATES
    for hospital in EVERYONE:
        assert len(fed.versions("update", number, hospital)) == 1
        pending, verdict = fed.versions("verdict", number, hospital)
        assert (pending, verdict["mode"], verdict["accepted"]) == ("pending", "encrypted", True)
        found = [fed.versions("attestation", number, hospital, fed.msp(party))[-1] for party in fed.verifiers]
        assert {one["transcript"] for one in found} == {verdict["transcript"]}
    attempts = dealt(fed, number)
    assert len(set(attempts)) == len(attempts)
    assert {hospital for hospital, _ in attempts} == set(EVERYONE)
    for node in fed.aggregators:
        assert len(fed.versions("aggregate", number, node)) == 1


@pytest.mark.parametrize(
    ("victim", "end"),
    [("VerifierB", RoleProcess.kill), ("VerifierA", RoleProcess.kill), ("VerifierA", RoleProcess.stop)],
    ids=["witness killed", "P0 killed", "P0 stopped"],
)
def test_a_party_that_ends_goes_on_after_the_last_common_batch(
    fed: Federation, victim: str, end: Callable[[RoleProcess], None]
) -> None:
    number = fed.opened()
    fed.reach("verifying")
    witness = fed.roles["VerifierB"]
    event = witness.wait_for("progress", phase="verification", round=number, done=10)
    end(fed.roles[victim])
    assert fed.roles[victim].exit_code() == (0 if end is RoleProcess.stop else -signal.SIGKILL)
    fed.start(victim)
    fed.reach("aggregating")
    hospital = event["hospital"]
    for party in fed.verifiers:
        (first, nothing), *_, (last, kept) = begun(fed, party, number, hospital)
        assert (first, nothing) == (1, 0)
        assert last > 1
        assert 0 < kept < JUDGED // BATCH
        journal = Journal(fed.task_folder(party) / f"{number:06d}" / f"{hospital}.journal")
        assert len(journal.batches) == JUDGED // BATCH
    assert fed.finished().accepted == EVERYONE
    check_nothing_is_doubled(fed, number)
    folders = [fed.task_folder(party) / f"{number:06d}" for party in fed.verifiers]
    await_true(lambda: not any(folder.exists() for folder in folders), 20, "both parties forget the round")


def test_stopped_whole_at_a_random_moment_the_round_goes_on(fed: Federation) -> None:
    number = fed.opened()
    fed.reach_a_random_moment()
    fed.restart()
    assert fed.finished().accepted == EVERYONE
    check_nothing_is_doubled(fed, number)


def test_a_killed_dealer_deals_what_is_left_after_its_restart(fed: Federation) -> None:
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["VerifierB"].wait_for("progress", phase="verification", round=number, done=BATCH)
    fed.roles["Dealer"].kill()
    before = dealt(fed, number)
    fed.start("Dealer")
    assert fed.finished().accepted == EVERYONE
    check_nothing_is_doubled(fed, number)
    after = dealt(fed, number)
    assert after[: len(before)] == before
    assert len(after) > len(before)


@pytest.mark.parametrize("silent", ["VerifierB", "Dealer"])
def test_a_party_that_waits_for_a_silent_peer_ends_on_the_first_signal(fed: Federation, silent: str) -> None:
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["VerifierA"].wait_for("progress", phase="verification", round=number, done=BATCH)
    fed.roles[silent].freeze()
    asked = time.monotonic()
    fed.roles["VerifierA"].stop()
    assert fed.roles["VerifierA"].exit_code() == 0
    assert time.monotonic() - asked < 12
    fed.roles[silent].thaw()
    fed.start("VerifierA")
    assert fed.finished().accepted == EVERYONE
    check_nothing_is_doubled(fed, number)


def test_without_its_witness_a_round_ends_with_nothing_accepted(fed: Federation) -> None:
    fed.roles["VerifierB"].kill()
    number = fed.opened()
    closed = fed.reach("closed", Deadlines(submission=120, verdict=5, aggregation=120))
    assert closed.outcomes == dict.fromkeys(EVERYONE, "missing")
    assert closed.reason == "TOO_FEW: no verdict on 4 updates within 5 s"
    assert (closed.model, closed.accepted) == (closed.base, [])
    for hospital in EVERYONE:
        assert fed.versions("verdict", number, hospital) == ["pending"]
