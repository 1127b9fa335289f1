# SPDX-License-Identifier: Apache-2.0
"""P0 with a file that is not the committed set: DATASET on the ledger, nothing evaluated; with its own it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from medquorum.network.supervision.waiting import await_true
from medquorum_testing.encrypted.spoiled_sets import spoil
from medquorum_testing.federation.federation import Federation

EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3, 4)]


def start_again(fed: Federation) -> int:
    """Restart P0; return the mark from which its lines are the new process'."""
    party = fed.roles["VerifierA"]
    party.stop()
    mark = party.mark
    fed.start("VerifierA")
    party.wait_for("listening", since=mark)
    return mark


@pytest.fixture
def spoiled(fed: Federation) -> Iterator[Callable[[str], int]]:
    """Restart P0 with a spoiled file; return the mark of its lines. Its own file is back when the test ends."""
    path = fed.mounted("VerifierA")
    committed = path.read_bytes()

    def give(how: str) -> int:
        spoil(path, how)
        mark = start_again(fed)
        path.write_bytes(committed)
        return mark

    yield give
    path.write_bytes(committed)
    fed.roles["VerifierA"].stop()


@pytest.mark.parametrize("how", ["another label", "missing"])
def test_a_round_without_the_committed_images_says_so_and_the_next_goes_on(
    fed: Federation, spoiled: Callable[[str], int], how: str
) -> None:
    mark = spoiled(how)
    told = fed.roles["VerifierA"].wait_for("dataset_missing", since=mark)
    assert str(fed.mounted("VerifierA")) in told["cause"] and told["remedy"]
    dealt = (fed.task_folder("Dealer") / "dealt").read_bytes()
    number = fed.opened()
    closed = fed.finished()
    assert fed.roles["VerifierA"].wait_for("dataset_missing", round=number, since=mark)["cause"] == told["cause"]
    assert (closed.accepted, closed.reason, closed.model) == ([], "TOO_FEW", closed.base)
    status = fed.status(number)
    for hospital in EVERYONE:
        verdict = status.verdicts[hospital]
        assert (verdict.accepted, verdict.reason, verdict.counts) == (False, "DATASET", None)
        assert verdict.claimants == [fed.msp("VerifierA")]
        first, second = status.attestations[hospital].values()
        assert (first.result, first.transcript) == (second.result, second.transcript)
    assert (fed.task_folder("Dealer") / "dealt").read_bytes() == dealt, "nothing was dealt"
    start_again(fed)
    fed.opened()
    assert fed.finished().accepted == EVERYONE


def test_p0_that_cannot_say_how_the_new_model_does_waits_for_its_images(
    fed: Federation, spoiled: Callable[[str], int]
) -> None:
    number = fed.opened()
    fed.reach("verifying")
    await_true(lambda: len(fed.status(number).verdicts) == len(EVERYONE), 120, "all updates are verified")
    spoiled("missing")
    fed.reach("aggregating")
    await_true(lambda: "aggregation_waits" in fed.roles["VerifierA"].log, 60, "P0's node waits")
    start_again(fed)
    closed = fed.finished()
    assert (closed.round, closed.accepted) == (number, EVERYONE)
    assert closed.model != closed.base
