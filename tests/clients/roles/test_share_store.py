# SPDX-License-Identifier: Apache-2.0
"""A party's shares on its disk: what it answers a hospital while its own peer is away, and what it forgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from consortium_ledger import HOSPITALS, A
from encrypted_consortium import EncryptedConsortium
from ledger_contract import LedgerContract

from clients.ledger import Ledger
from clients.party.shares import ShareStore
from medquorum import GatewayError, ShareError


@pytest.fixture
def demo(tmp_path: Path) -> EncryptedConsortium:
    made = EncryptedConsortium(tmp_path / "ledger")
    made.begin(rounds=1)
    made.submit(A, "OpenRound", "demo", 1)
    return made


def store(demo: EncryptedConsortium, folder: Path) -> ShareStore:
    ledger = Ledger(LedgerContract(demo, A), A)
    return ShareStore(folder, ledger, ledger.task("demo"), 1)


def test_a_hospital_is_told_to_come_again_while_the_partys_peer_is_away(
    demo: EncryptedConsortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other error than ShareError would end the hospital's process."""
    shares = store(demo, tmp_path)

    def away(*_: object) -> None:
        raise GatewayError("the peer cannot be reached", "Start it", code="UNAVAILABLE")

    monkeypatch.setattr(Ledger, "status", away)
    with pytest.raises(ShareError, match="the peer cannot be reached"):
        shares.take("demo", 1, HOSPITALS[0], b"value")


def test_rounds_that_ended_are_forgotten(demo: EncryptedConsortium, tmp_path: Path) -> None:
    shares = store(demo, tmp_path)
    for number in (1, 2):
        (tmp_path / f"{number:06d}").mkdir()
    shares.forget(2)
    assert not shares.holds(1, HOSPITALS[0])
    assert sorted(place.name for place in tmp_path.glob("0*")) == ["000002"]
