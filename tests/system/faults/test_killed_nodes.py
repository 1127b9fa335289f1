# SPDX-License-Identifier: Apache-2.0
"""Chaincode processes, peers, orderers and the whole network killed or restarted in the middle of a round."""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from medquorum.gateway import connect_profile
from medquorum.network.fabric.client import document_in
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation

EVERYONE = ["Hospital1MSP", "Hospital2MSP", "Hospital3MSP"]
STATES = ["open", "verifying", "aggregating", "closed"]
LONGEST_STALL = 30.0
"""Half of what a dead leader would cost if only its heartbeats were waited for."""
NOTICED = 8.0
"""Seconds without a block from which on a pause counts as a stall."""
LEADER = re.compile(r"(\d{4}-\d\d-\d\d [\d:.]+) UTC.*current leader: (\d+)")


def check_nothing_is_doubled(fed: Federation, number: int) -> None:
    assert [version["state"] for version in fed.versions("round", number)] == STATES
    for role, hospital in zip(fed.hospitals, EVERYONE, strict=True):
        [update] = fed.versions("update", number, hospital)
        assert update["chunks"] == fed.uploaded(role, number)
        assert len(fed.versions("verdict", number, hospital)) == 2


@contextmanager
def one_submitted(fed: Federation) -> Iterator[int]:
    """Open a round and hold it when one hospital has submitted; the others go on at the end of the context."""
    for role in fed.hospitals[1:]:
        fed.roles[role].freeze()
    number = fed.opened()
    fed.roles["Hospital1"].wait_for("submitted", round=number)
    # Its own peer has committed the update; the verifier's, which the tests ask, may be a block behind.
    await_true(lambda: EVERYONE[0] in fed.status(number).updates, 15, "the update is not at the verifier's peer")
    yield number
    for role in fed.hospitals[1:]:
        fed.roles[role].thaw()


def test_a_chaincode_killed_after_it_has_judged_judges_again(fed: Federation) -> None:
    for verifier in ("VerifierA", "VerifierC"):
        fed.roles[verifier].freeze()
    number = fed.opened()
    fed.reach("verifying")
    fed.roles["VerifierB"].wait_for("phase", phase="verification", round=number)
    fed.kill_node(fed.node("VerifierB", "chaincode"))
    fed.running.stop(fed.node("VerifierC", "chaincode"))  # the verdicts need the one who has forgotten
    try:
        fed.roles["VerifierA"].thaw()
        assert fed.finished().accepted == EVERYONE
    finally:
        fed.running.start(fed.node("VerifierC", "chaincode"))
    check_nothing_is_doubled(fed, number)


def test_killed_peers_are_started_again_and_the_round_goes_on(fed: Federation) -> None:
    """The devnet is one process: all its peers go at once."""
    devnet = fed.running.kind == "devnet"
    with one_submitted(fed) as number:
        for name in ["devnet"] if devnet else [fed.node("VerifierC"), fed.node("Hospital2")]:
            fed.kill_node(name)
    assert fed.finished().accepted == EVERYONE
    check_nothing_is_doubled(fed, number)


def test_a_task_goes_on_after_the_whole_network_was_restarted(fed: Federation) -> None:
    with one_submitted(fed) as number:
        before = fed.status(number)
        fed.running.network.restart()
    assert before.round is not None
    assert fed.finished().accepted == EVERYONE
    assert fed.status(number).updates[EVERYONE[0]] == before.updates[EVERYONE[0]]
    check_nothing_is_doubled(fed, number)


def test_stopped_whole_at_a_random_moment_it_goes_on_from_the_ledger_alone(fed: Federation) -> None:
    """Only hospitals keep something besides: the update that is theirs alone, until it is judged."""
    number = fed.opened()
    fed.reach_a_random_moment()
    fed.restart(without_state=fed.verifiers)
    assert fed.finished().accepted == EVERYONE
    check_nothing_is_doubled(fed, number)


def need_bft(fed: Federation) -> None:
    if fed.running.kind == "devnet" or fed.running.consortium.consensus != "BFT":
        pytest.skip("neither the devnet nor Fabric 2 has BFT orderers")


def leader(fed: Federation, without: str = "") -> str:
    """Return the ordering leader's node, from what the orderers, one left out, have logged last."""
    orderers = fed.running.consortium.orderers
    asked = [fed.running.folder.log(one.node) for one in orderers if one.node != without]
    said = [LEADER.findall(log.read_text(errors="replace")) for log in asked]
    _, last = max(line for lines in said for line in lines)
    return orderers[int(last) - 1].node


@contextmanager
def blocks_watched(fed: Federation) -> Iterator[list[float]]:
    """Return the times at which blocks arrive at VerifierA's peer."""
    times: list[float] = []
    with connect_profile(fed.running.profile("VerifierA"), "User1") as gateway:
        with gateway.get_network("mychannel").block_events(start_block=None) as blocks:

            def watch() -> None:
                for _ in blocks:
                    times.append(time.monotonic())

            watcher = threading.Thread(target=watch)
            watcher.start()
            yield times
        watcher.join()


def height(fed: Federation, node: str) -> int:
    """Return how many blocks an orderer has."""
    orderer = next(one for one in fed.running.consortium.orderers if one.node == node)
    listed = fed.running.network.client.osnadmin(orderer, "channel", "list", "--channelID", "mychannel")
    return int(document_in(listed)["height"])


def test_an_orderer_that_was_away_fetches_what_it_missed(fed: Federation) -> None:
    """Else the next one that fails leaves too few for a Byzantine-fault-tolerant channel."""
    need_bft(fed)
    nodes = [one.node for one in fed.running.consortium.orderers]
    there = leader(fed)
    away = next(node for node in nodes if node != there)
    missed = height(fed, there)
    fed.running.stop(away)
    try:
        fed.opened()
        fed.finished()
    finally:
        fed.running.start(away)
    assert height(fed, there) > missed
    fed.opened()  # the next blocks tell it what it lacks
    fed.finished()
    await_true(lambda: height(fed, away) == height(fed, there), 60, f"{away} does not catch up")


@pytest.mark.parametrize("victim", ["follower", "leader", "leader that stays away"])
def test_a_killed_orderer_costs_one_stall_at_most(fed: Federation, victim: str) -> None:
    need_bft(fed)
    first = leader(fed)
    others = [one.node for one in fed.running.consortium.orderers if one.node != first]
    node = others[0] if victim == "follower" else first
    with blocks_watched(fed) as times:
        with one_submitted(fed) as number:
            if victim == "leader that stays away":
                os.kill(fed.record(node).pid, signal.SIGKILL)
                fed.running.stop(node)
            else:
                fed.kill_node(node)
            killed = time.monotonic()
        try:
            assert fed.finished().accepted == EVERYONE
        finally:
            fed.running.start(node)
    check_nothing_is_doubled(fed, number)
    after = [killed, *(arrival for arrival in times if arrival > killed)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(after)]
    print(f"{victim} killed: pauses between blocks", [round(pause, 1) for pause in pauses])
    assert len([pause for pause in pauses if pause > NOTICED]) <= 1, pauses
    assert max(pauses) < LONGEST_STALL, pauses
    if victim == "leader that stays away":
        assert leader(fed, without=node) != first  # started again it takes itself for the leader at first
