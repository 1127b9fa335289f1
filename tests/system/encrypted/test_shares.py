# SPDX-License-Identifier: Apache-2.0
"""Masked updates that come late, to one party or never, or are not what was committed to; updates out of range."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from medquorum.errors import ProtocolError, ShareError
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.handmade_shares import HandmadeShares, parameters

EVERYONE = [f"Hospital{number}MSP" for number in (1, 2, 3, 4)]
SMALLEST, LARGEST = -(2**31), 2**31 - 1
NOT_COMMITTED = "the masked update of Hospital4MSP in round {} is not the one it committed to"


def kill_between_submission_and_upload(fed: Federation) -> int:
    """Open a round; Hospital4's commitments are on the ledger, its shares nowhere; return the round."""
    for party in fed.verifiers:
        fed.roles[party].freeze()
    number = fed.opened()
    for hospital in fed.hospitals:
        fed.roles[hospital].wait_for("submitted", round=number)
    fed.roles["Hospital4"].kill()
    for party in fed.verifiers:
        fed.roles[party].thaw()
    for hospital in fed.hospitals[:3]:
        fed.roles[hospital].wait_for("phase", phase="upload", round=number)
    return number


def test_a_hospital_started_again_in_time_hands_its_shares_over(fed: Federation) -> None:
    number = kill_between_submission_and_upload(fed)
    fed.reach("verifying")
    fed.roles["VerifierB"].wait_for("phase", phase="verification", round=number)
    fed.start("Hospital4")
    assert fed.finished().accepted == EVERYONE
    assert len(fed.versions("update", number, EVERYONE[3])) == 1


@contextmanager
def impatient(fed: Federation) -> Iterator[None]:
    """Both parties wait three seconds for a share."""
    for party in fed.verifiers:
        fed.roles[party].stop()
        mark = fed.roles[party].mark
        fed.start(party, "--share-timeout", "3")
        fed.roles[party].wait_for("listening", since=mark)
    yield
    for party in fed.verifiers:
        fed.roles[party].stop()


def test_a_share_that_never_comes_is_disputed_by_both_parties(fed: Federation) -> None:
    with impatient(fed):
        number = kill_between_submission_and_upload(fed)
        assert fed.finished().accepted == EVERYONE[:3]
    verdict = fed.status(number).verdicts[EVERYONE[3]]
    assert (verdict.accepted, verdict.reason) == (False, "DISPUTED")
    assert verdict.claimants == [fed.msp(party) for party in fed.verifiers]
    assert fed.current.outcomes[EVERYONE[3]] == "unjudged"
    [a], [b] = (fed.versions("attestation", number, EVERYONE[3], fed.msp(party)) for party in fed.verifiers)
    assert a["result"] == b["result"]
    assert (a["result"]["accepted"], a["result"]["reason"], a["result"]["counts"]) == (False, "DISPUTED", None)
    assert a["transcript"] == b["transcript"]


@pytest.mark.parametrize("given", [0, 1])
def test_one_party_gives_the_other_what_it_alone_was_handed(fed: Federation, given: int) -> None:
    """A party that says it has nothing is answered by the bytes, which only fit the ledger's commitment."""
    fed.roles["Hospital4"].freeze()
    with impatient(fed):
        number = fed.opened()
        made = HandmadeShares(fed, "Hospital4", number, parameters(fed, 1))
        made.submit()
        made.give(given)
        closed = fed.finished()
    fed.roles["Hospital4"].thaw()
    assert closed.accepted == EVERYONE
    assert fed.status(number).verdicts[EVERYONE[3]].accepted


@pytest.fixture
def hidden(fed: Federation) -> Iterator[HandmadeShares]:
    """An open round in which the test plays Hospital4, whose commitments are on the ledger."""
    fed.roles["Hospital4"].freeze()
    number = fed.opened()
    made = HandmadeShares(fed, "Hospital4", number, parameters(fed, 1))
    made.submit()
    for hospital in fed.hospitals[:3]:
        fed.roles[hospital].wait_for("phase", phase="upload", round=number)
    yield made
    fed.roles["Hospital4"].thaw()


def other_hospitals_value(fed: Federation, number: int) -> bytes:
    """Return what Hospital1 has handed to P0 and P1."""
    return kept_of(fed, number, EVERYONE[0]).read_bytes()


def kept_of(fed: Federation, number: int, hospital: str) -> Path:
    """Return where P0 keeps what a hospital has handed over."""
    return fed.task_folder("VerifierA") / "shares" / f"{number:06d}" / f"{hospital}.share"


def refused(give: Callable[..., None], cause: str, *arguments: object, **more: object) -> None:
    with pytest.raises(ShareError, match=cause) as error:
        give(*arguments, **more)
    assert error.value.remedy


def test_another_share_than_committed_is_refused_and_not_kept(fed: Federation, hidden: HandmadeShares) -> None:
    number = fed.current.round
    await_true(lambda: kept_of(fed, number, EVERYONE[0]).exists(), 30, "Hospital1 hands over")
    strange = other_hospitals_value(fed, number)
    cause = NOT_COMMITTED.format(number)
    for index in (0, 1):
        own = hidden.values[index]
        turned = own[:-1] + bytes([own[-1] ^ 1])
        salted = bytes([own[0] ^ 1]) + own[1:]
        for value in (turned, salted, own[:-8], b"", strange):
            refused(hidden.give, cause, index, value)
        # What is too long is not even read.
        with pytest.raises(ProtocolError, match=f"At most {len(own)} bytes are taken"):
            hidden.give(index, own + bytes(8))
        assert not hidden.is_kept(index)
        hidden.give(index)
        hidden.give(index)
        refused(hidden.give, cause, index, turned)
        assert hidden.is_kept(index)
    assert fed.finished().accepted == EVERYONE


def test_an_ended_rounds_share_is_refused(fed: Federation, hidden: HandmadeShares) -> None:
    for index in (0, 1):
        hidden.give(index)
    number = fed.finished().round
    later = fed.opened()
    again = HandmadeShares(fed, "Hospital4", later, parameters(fed, 1))
    again.submit()
    for index in (0, 1):
        refused(hidden.give, f"round {number} has ended", index)
        refused(hidden.give, NOT_COMMITTED.format(later), index, number=later)
        assert not again.is_kept(index)
        again.give(index)
    refused(hidden.give, "no update of Hospital4MSP is on the ledger", 0, number=later + 1)
    assert fed.finished().accepted == EVERYONE


def test_only_a_hospital_hands_over_and_only_its_own(fed: Federation, hidden: HandmadeShares) -> None:
    number = fed.current.round
    for index in (0, 1):
        for sender in ("Hospital1", "Hospital2"):
            refused(hidden.give, f"the masked update of {sender}MSP in round {number} is not", index, sender=sender)
        for sender in ("Dealer", "VerifierA", "VerifierB"):
            refused(hidden.give, f"{sender}MSP is no hospital of a task", index, sender=sender)
        assert not hidden.is_kept(index)
        hidden.give(index)
    assert fed.finished().accepted == EVERYONE


@pytest.mark.parametrize("extremes", [(SMALLEST, SMALLEST), (LARGEST, LARGEST), (SMALLEST, LARGEST)])
def test_an_update_out_of_range_is_refused(fed: Federation, extremes: tuple[int, int]) -> None:
    fed.roles["Hospital4"].freeze()
    number = fed.opened()
    update = parameters(fed, extremes[0])
    update[1::2] = extremes[1]
    made = HandmadeShares(fed, "Hospital4", number, update)
    made.submit()
    for index in (0, 1):
        made.give(index)
    assert fed.finished().accepted == EVERYONE[:3]
    verdict = fed.status(number).verdicts[EVERYONE[3]]
    assert (verdict.accepted, verdict.reason) == (False, "RANGE")
