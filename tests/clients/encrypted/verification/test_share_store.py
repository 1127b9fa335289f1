# SPDX-License-Identifier: Apache-2.0
"""A party's shares on its disk: what it answers a hospital while its own peer is away, and what it forgets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.encrypted.verification.share_store import ShareStore
from medquorum.clients.ledger.ledger import Ledger
from medquorum.errors import ShareError
from medquorum.gateway import GatewayError
from medquorum.verifier.binding.commitment import ShareContext
from medquorum.verifier.binding.masked_update import commit_update
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium
from medquorum_testing.ledger.ledger_contract import LedgerContract


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EncryptedConsortium:
    """A round of three hospitals, one of which can leave."""
    monkeypatch.setattr("medquorum.chaincode.transactions.task.LEAST_IN_A_SUM", 2)
    made = EncryptedConsortium(tmp_path / "ledger")
    made.begin(rounds=1, minimum_accepted=2)
    made.submit(A, "OpenRound", "demo", 1)
    return made


def store(demo: EncryptedConsortium, folder: Path) -> ShareStore:
    ledger = Ledger(LedgerContract(demo, A), A)
    return ShareStore(folder, ledger, ledger.task("demo"), 1)


@pytest.mark.parametrize("read", ["task", "status"])
def test_a_hospital_is_told_to_come_again_while_the_partys_peer_is_away(
    demo: EncryptedConsortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    """Any other error than ShareError would end the hospital's process."""
    shares = store(demo, tmp_path)

    def away(*_: object) -> None:
        raise GatewayError("the peer cannot be reached", "Start it", code="UNAVAILABLE")

    monkeypatch.setattr(Ledger, read, away)
    with pytest.raises(ShareError, match="a GatewayError of its own"):
        shares.take("demo", 1, HOSPITALS[0], b"value")


@pytest.mark.parametrize("index", [0, 1])
def test_only_a_hospitals_share_of_this_task_is_read(demo: EncryptedConsortium, tmp_path: Path, index: int) -> None:
    ledger = Ledger(LedgerContract(demo, A), A)
    task = ledger.task("demo")
    shares = ShareStore(tmp_path, ledger, task, index)
    assert shares.longest("demo", 1, HOSPITALS[0]) == 32 + 2 * task.length, "the same for both parties"
    for name, msp in (("other", HOSPITALS[0]), ("demo", A)):
        with pytest.raises(ShareError, match=f"{msp} is no hospital of a task {name}"):
            shares.longest(name, 1, msp)


def test_rounds_that_ended_are_forgotten(demo: EncryptedConsortium, tmp_path: Path) -> None:
    shares = store(demo, tmp_path)
    for number in (1, 2):
        (tmp_path / f"{number:06d}").mkdir()
    shares.prune(2)
    assert not shares.holds(1, HOSPITALS[0])
    assert sorted(place.name for place in tmp_path.glob("0*")) == ["000002"]


def test_the_share_of_a_hospital_that_left_is_taken(demo: EncryptedConsortium, tmp_path: Path) -> None:
    """What it handed in stays; it hands in nothing in later rounds."""
    left, base = HOSPITALS[0], demo.base()
    values = np.frombuffer(demo.good_update(), dtype="<i4").astype(np.int64)
    context, seeds = ShareContext("demo", 1, left, base, demo.layout), (os.urandom(32), os.urandom(32))
    given = commit_update(context, (B, A), values, seeds, os.urandom(32))
    bound = {"masked": given.masked, "masks": dict(given.masks), "nonce": "9" * 64}
    update = {"base": base, "layout": demo.layout} | bound
    demo.submit(left, "SubmitUpdate", "demo", 1, update)
    demo.submit(A, "UpdateHospitals", "demo", HOSPITALS[1:])
    shares = store(demo, tmp_path)
    shares.take("demo", 1, left, given.value)
    assert shares.holds(1, left)
    with pytest.raises(ShareError, match="is no hospital of a task demo"):
        shares.take("demo", 2, left, given.value)
