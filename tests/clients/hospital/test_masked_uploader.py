# SPDX-License-Identifier: Apache-2.0
"""A hospital that is killed, loses its disk or trains anew never shows two updates under one mask."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.hospital.masked_uploader import MaskedUploader
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.errors import DataError, ProtocolError, ShareError
from medquorum.verifier.service.update_masks import UpdateMask
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B
from medquorum_testing.ledger.encrypted_consortium import NONCE, EncryptedConsortium
from medquorum_testing.ledger.ledger_contract import LedgerContract

OWN = HOSPITALS[0]
BASE = "b" * 64
MASK = UpdateMask(NONCE, (bytes(32), bytes(range(32))))


class Uploader(MaskedUploader):
    """A dealer that gives the same mask whenever it is asked, or is away."""

    asked = 0
    away = False

    def _mask(self, round_number: int, base: str) -> UpdateMask:
        if self.away:
            raise ProtocolError("the dealer cannot be reached")
        self.asked += 1
        return MASK


@pytest.fixture
def task(tmp_path: Path) -> Task:
    demo = EncryptedConsortium(tmp_path / "sets")
    demo.begin(rounds=1)
    return Ledger(LedgerContract(demo, OWN), OWN).task("demo")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """What parties were handed, by party."""
    handed: list[tuple[str, bytes]] = []

    def upload(_own: Any, _address: str, party: str, _task: str, _round: int, value: bytes, _timeout: float) -> None:
        handed.append((party, value))

    monkeypatch.setattr("medquorum.clients.hospital.uploader.upload_share", upload)
    return handed


def uploader(task: Task, folder: Path) -> Uploader:
    """Return a process' uploader with what is on its disk."""
    assert task.encrypted is not None
    nobody: Any = None
    quiet = Report("hospital", OWN, as_json=True, stream=io.StringIO())
    return Uploader(task, task.encrypted, OWN, nobody, quiet, UpdateStore(folder))


def submitted(task: Task, bound: Any) -> Update:
    named = {"task": "demo", "round": 1, "hospital": OWN, "base": BASE, "layout": task.layout}
    return Update.model_validate(named | bound)


def packed(task: Task, value: int) -> bytes:
    return bytes([value]) * task.length


def test_a_killed_hospital_hands_over_what_it_submitted(
    task: Task, tmp_path: Path, given: list[tuple[str, bytes]]
) -> None:
    update = UpdateStore(tmp_path).save(1, BASE, packed(task, 1))
    first = uploader(task, tmp_path)
    bound = first.submission(1, update)
    for killed in range(3):
        after = uploader(task, tmp_path)
        after.away = True  # what is needed is on the disk
        assert after.submission(1, update) == bound
        after.send(1, update, submitted(task, bound))
        assert len(given) == 2 * (killed + 1)
    assert {party for party, _ in given} == {A, B}
    assert len({value for _, value in given}) == 1, "the same to both, every time"
    assert first.asked == 1


def test_another_update_than_the_submitted_one_stays_at_home(
    task: Task, tmp_path: Path, given: list[tuple[str, bytes]]
) -> None:
    """The disk is lost after the upload, the dealer gives the same mask again: two values would show r - r'."""
    store = UpdateStore(tmp_path / "before")
    update = store.save(1, BASE, packed(task, 1))
    before = uploader(task, tmp_path / "before")
    on_ledger = submitted(task, before.submission(1, update))
    before.send(1, update, on_ledger)
    handed = list(given)
    anew = UpdateStore(tmp_path / "after").save(1, BASE, packed(task, 2))
    after = uploader(task, tmp_path / "after")
    assert after.submission(1, anew)["masked"] != on_ledger.masked
    for _ in range(2):
        with pytest.raises(ShareError, match="is not the one it submitted in round 1"):
            after.send(1, anew, on_ledger)
    assert given == handed


def test_a_mask_is_kept_for_one_update(task: Task, tmp_path: Path, given: list[tuple[str, bytes]]) -> None:
    store = UpdateStore(tmp_path)
    update = store.save(1, BASE, packed(task, 1))
    made = uploader(task, tmp_path)
    first = submitted(task, made.submission(1, update))
    other = store.save(1, BASE, packed(task, 2))
    with pytest.raises(ShareError, match="is not the one it submitted"):
        made.send(1, other, first)
    assert made.submission(1, other)["masked"] != first.masked
    assert made.asked == 2, "what is kept is the first one's"
    with pytest.raises(ShareError, match="is not the one it submitted"):
        made.send(1, other, first)
    assert given == []


def test_without_the_dealer_nothing_is_submitted_and_a_spoiled_mask_is_said(task: Task, tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    update = store.save(1, BASE, packed(task, 1))
    made = uploader(task, tmp_path)
    made.away = True
    with pytest.raises(ProtocolError, match="cannot be reached"):
        made.submission(1, update)
    store.attach(1, "mask.json", b"{")
    with pytest.raises(DataError, match="the mask of round 1 cannot be read"):
        made.submission(1, update)
