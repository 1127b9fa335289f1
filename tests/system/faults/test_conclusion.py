# SPDX-License-Identifier: Apache-2.0
"""Rounds that end in one transaction: what else is in the block, who is killed when, who endorses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, HeaderType, Payload

from medquorum.core.files import write_durably
from medquorum.errors import ContractError
from medquorum.gateway import CommitError, GatewayError, Transaction
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation import Federation, federation
from medquorum_testing.federation.federation_task import COORDINATOR, STANDBY

EVERYONE = ["Hospital1MSP", "Hospital2MSP", "Hospital3MSP"]
QUORUM = ("VerifierA", "VerifierB")
ATTEMPTS = 20
"""How often two transactions are sent until they are in one block."""


def submitted(fed: Federation, number: int, *hospitals: str, at: tuple[str, ...] = ()) -> None:
    """Wait until these hospitals' updates, all by default, are at these verifiers' peers, all by default."""
    wanted = {fed.msp(one) for one in hospitals or fed.hospitals}
    for verifier in at or fed.verifiers:
        await_true(lambda at=verifier: fed.status(number, at).updates.keys() >= wanted, 120, f"{verifier}: no {wanted}")


def conclusion(fed: Federation, number: int, by: str = COORDINATOR, endorsers: tuple[str, ...] = QUORUM) -> Transaction:
    """Return a conclusion that verifiers have endorsed, once they have computed it."""
    for verifier in endorsers:
        await_true(lambda at=verifier: is_ready(fed, at, number), 60, f"{verifier} is not ready")
    return fed.endorsed(by, "ConcludeRound", str(number), endorsers=endorsers)


def is_ready(fed: Federation, verifier: str, number: int) -> bool:
    """Ask a verifier's chaincode whether it has computed a round's conclusion."""
    return bool(fed.ledger(verifier).value("PrepareConclusion", fed.name, str(number))["state"] == "ready")


def answers(fed: Federation, verifier: str) -> bool:
    """Ask whether a verifier's peer reaches its chaincode."""
    try:
        fed.ledger(verifier).tasks()
    except GatewayError:
        return False
    return True


def straggler(fed: Federation, number: int) -> Transaction:
    """Return an update of the third hospital, endorsed while the round is open."""
    document, value = fed.update(np.zeros(fed.task.length // 4, "<i4").tobytes())
    arguments = (str(number), json.dumps(document))
    return fed.endorsed("Hospital3", "SubmitUpdate", *arguments, endorsers=QUORUM, chunk0=value)


@contextmanager
def without_the_third(fed: Federation) -> Iterator[int]:
    """Open a round in which the third hospital's process is frozen and the two others have submitted."""
    fed.roles["Hospital3"].freeze()
    number = fed.opened()
    submitted(fed, number, "Hospital1", "Hospital2")
    yield number
    fed.roles["Hospital3"].thaw()


def outcomes(first: Transaction, second: Transaction) -> tuple[str, str, bool]:
    """Send two transactions in a row; return what became of them, and whether they were in one block."""
    sent = [first.submit(), second.submit()]
    one, other = (transaction.status() for transaction in sent)
    assert one.block_number <= other.block_number
    return one.code, other.code, one.block_number == other.block_number


def test_a_round_is_one_transaction_of_each_hospital_and_one_more(fed: Federation) -> None:
    number = fed.opened() + 2
    coordinator = fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    coordinator.wait_for("round_closed", round=number, accepted=EVERYONE)
    coordinator.stop()
    opening, ending = transactions_of(fed, number)
    assert opening == transactions_of(fed, number - 1)[-1]
    names: list[str] = []
    with fed.network("VerifierA").block_events(start_block=0) as blocks:
        while ending not in names:
            names += endorser_transactions(next(blocks))
    assert names.index(ending) - names.index(opening) == len(fed.hospitals) + 1


def transactions_of(fed: Federation, number: int) -> list[str]:
    """Return the transactions that opened and ended a round, as the history of its key has them."""
    keys = json.dumps([fed.name, number])
    versions = fed.ledger().value("ReadHistory", "round", keys)
    return [version["tx_id"] for version in reversed(versions)]


def endorser_transactions(block: Any) -> list[str]:
    """Return the ids of a block's chaincode transactions."""
    headers = [
        ChannelHeader.FromString(Payload.FromString(Envelope.FromString(entry).payload).header.channel_header)
        for entry in block.data.data
    ]
    return [header.tx_id for header in headers if header.type == HeaderType.ENDORSER_TRANSACTION]


@pytest.mark.parametrize("late", [False, True], ids=["straggler first", "straggler second"])
def test_a_straggler_and_the_freeze_in_one_block_exclude_each_other(fed: Federation, late: bool) -> None:
    for _ in range(ATTEMPTS):
        with without_the_third(fed) as number:
            update = straggler(fed, number)
            freeze = fed.endorsed(COORDINATOR, "CloseSubmissions", str(number), "2 of 3", endorsers=QUORUM)
            first, second, together = outcomes(*((freeze, update) if late else (update, freeze)))
            assert first == "VALID"
            assert second == ("MVCC_READ_CONFLICT" if late else "PHANTOM_READ_CONFLICT")
            assert fed.concluded().candidates == (EVERYONE[:2] if late else EVERYONE)
        fed.settle()
        if together:
            return
    raise AssertionError("never in one block")


@pytest.mark.parametrize("late", [False, True], ids=["straggler first", "straggler second"])
def test_a_straggler_that_meets_the_conclusion_does_not_count(fed: Federation, late: bool) -> None:
    """Endorsed while the round was open, ordered beside its conclusion: it has read a round that is no more."""
    for _ in range(ATTEMPTS):
        with without_the_third(fed) as number:
            update = straggler(fed, number)
            fed.transactions(COORDINATOR).submit("CloseSubmissions", fed.name, number, "2 of 3")
            concluding = conclusion(fed, number)
            found = outcomes(*((concluding, update) if late else (update, concluding)))
            assert {*found[:2]} == {"VALID", "MVCC_READ_CONFLICT"}
            closed = fed.ledger().round(fed.name, number)
            assert (closed.state, closed.candidates) == ("closed", EVERYONE[:2])
        fed.settle()
        if found[2]:
            return
    raise AssertionError("never in one block")


def test_a_coordinator_killed_before_it_sends_what_was_endorsed_finds_the_round_concluded(fed: Federation) -> None:
    """Its envelope is on its disk: after its restart it is sent, is invalid, and nobody minds."""
    number = fed.opened()
    submitted(fed, number)
    endorsed = conclusion(fed, number)
    kept = fed.state("coordinator") / "submissions" / f"{endorsed.transaction_id}.transaction"
    other = conclusion(fed, number, by=STANDBY)
    other.submit().status().require_valid()
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_durably(kept, endorsed.signed_bytes())
    coordinator = fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    coordinator.wait_for("round_closed", round=number + 1, accepted=EVERYONE)
    coordinator.stop()
    assert not kept.exists()
    for done in (number, number + 1):
        assert [version["state"] for version in fed.versions("round", done)] == ["open", "closed"]


def test_a_coordinator_killed_after_it_has_sent_a_conclusion_goes_on_with_the_next_round(fed: Federation) -> None:
    number = fed.opened()
    submitted(fed, number)
    conclusion(fed, number).submit()  # and asks for no outcome
    coordinator = fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    coordinator.wait_for("round_closed", round=number + 1, accepted=EVERYONE)
    coordinator.stop()
    assert [version["state"] for version in fed.versions("round", number)] == ["open", "closed"]


def test_coordinator_and_standby_at_once_conclude_a_round_once(fed: Federation) -> None:
    number = fed.opened()
    submitted(fed, number)
    both = [conclusion(fed, number, by) for by in (COORDINATOR, STANDBY)]
    sent = [one.submit() for one in both]
    assert sorted(one.status().code for one in sent) == ["MVCC_READ_CONFLICT", "VALID"]
    assert [version["state"] for version in fed.versions("round", number)] == ["open", "closed"]


def test_coordinator_and_standby_of_equal_patience_end_every_round_once(fed: Federation) -> None:
    started = fed.opened()
    coordinator = fed.start(COORDINATOR, kind="coordinator", name="coordinator")
    standby = fed.start(STANDBY, "--standby", "--takeover", "0", kind="coordinator", name="standby")
    for role in (coordinator, standby):
        role.wait_for("round_closed", round=started + 2)
        role.stop()
    for number in range(started, started + 3):
        assert [version["state"] for version in fed.versions("round", number)] == ["open", "closed"]
        for hospital in EVERYONE:
            assert len(fed.versions("verdict", number, hospital)) == 2
    assert "error" not in {event["event"] for role in (coordinator, standby) for event in role.events}


def test_an_endorser_killed_before_the_commit_changes_nothing(fed: Federation) -> None:
    """Three verifiers, k = 2: the private data that it endorsed are at the third one as well."""
    fed.roles["Hospital3"].freeze()
    number = fed.opened()
    submitted(fed, number, "Hospital1", "Hospital2")
    document, value = fed.update(np.zeros(fed.task.length // 4, "<i4").tobytes())
    arguments = (str(number), json.dumps(document))
    late = fed.endorsed("Hospital3", "SubmitUpdate", *arguments, endorsers=("VerifierB", "VerifierC"), chunk0=value)
    if fed.running.kind == "devnet":
        late.submit().status().require_valid()
        submitted(fed, number, at=("VerifierB", "VerifierC"))
        concluding = conclusion(fed, number, endorsers=("VerifierB", "VerifierC"))
        concluding.submit().status().require_valid()
    else:
        fed.running.stop("VerifierC")
        try:
            late.submit().status().require_valid()
            submitted(fed, number, at=QUORUM)  # one peer has committed the update's block, the other may not have yet
            concluding = conclusion(fed, number)
            fed.running.stop("VerifierB")
            concluding.submit().status().require_valid()
        finally:
            for verifier in ("VerifierC", "VerifierB"):
                fed.running.start(verifier)
            fed.running.await_acquaintance("medquorum")
    closed = fed.ledger().round(fed.name, number)
    assert (closed.state, closed.candidates) == ("closed", EVERYONE)
    fed.roles["Hospital3"].thaw()


def test_an_endorser_that_was_restarted_is_not_ready_until_it_has_computed_again(fed: Federation) -> None:
    number = fed.opened()
    submitted(fed, number)
    fed.roles["VerifierB"].freeze()
    conclusion(fed, number, endorsers=(*QUORUM, "VerifierC"))
    fed.kill_node(fed.node("VerifierB", "chaincode"))
    await_true(lambda: answers(fed, "VerifierB"), 60, "VerifierB's chaincode does not answer")
    with pytest.raises(ContractError, match="NOT_READY"):
        fed.transactions(COORDINATOR).endorsed_by(3).submit("ConcludeRound", fed.name, number)
    fed.roles["VerifierB"].thaw()  # it asks its chaincode every second whether it still knows
    fed.concluded()
    assert [version["state"] for version in fed.versions("round", number)] == ["open", "closed"]


def test_a_stricter_task_is_concluded_by_as_many_as_it_asks_for(fed: Federation, tmp_path: Path) -> None:
    for role in fed.everyone:
        fed.roles[role].freeze()
    with federation(fed.running, tmp_path, "strict", quorum=3) as strict:
        number = strict.opened()
        submitted(strict, number)
        with pytest.raises(CommitError) as refused:
            conclusion(strict, number).submit().status().require_valid()
        assert refused.value.code == "ENDORSEMENT_POLICY_FAILURE"
        closed = strict.concluded()
        assert (closed.state, closed.accepted) == ("closed", EVERYONE)
        assert strict.versions("conclusion", number)[0] == "pending"
