# SPDX-License-Identifier: Apache-2.0
"""What a party writes down before a sum is opened, and what it does with words that are none."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.clients.encrypted.aggregation.record import fix_set, note_opening
from medquorum.clients.encrypted.party.control_messages import receive_json
from medquorum.clients.encrypted.verification.masked_parameters import keep_mask, keep_masked, kept_mask, kept_masked
from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.core.documents.round import Round
from medquorum.errors import MaterialError, ProtocolError


def aggregating(*accepted: str) -> Round:
    commitments = {f"Hospital{number}MSP": f"{number}" * 64 for number in range(1, 5)}
    return Round(
        task="demo",
        round=1,
        state="aggregating",
        base="b" * 64,
        candidates=sorted(commitments),
        commitments=commitments,
        accepted=list(accepted),
    )


def test_one_set_a_round_for_ever(tmp_path: Path) -> None:
    first = aggregating("Hospital1MSP", "Hospital2MSP", "Hospital3MSP")
    fix_set(tmp_path / "sums", first)
    round_folder(tmp_path, 1).mkdir()
    prune_rounds(tmp_path, 2)
    assert not round_folder(tmp_path, 1).exists()
    fix_set(tmp_path / "sums", first)
    with pytest.raises(MaterialError, match="3 other updates of round 1"):
        fix_set(tmp_path / "sums", aggregating("Hospital1MSP", "Hospital2MSP"))


def test_the_weights_are_written_down_with_the_set(tmp_path: Path) -> None:
    first = aggregating("Hospital1MSP", "Hospital2MSP", "Hospital3MSP")
    fix_set(tmp_path / "sums", first)
    weighed = first.model_copy(update={"weights": dict.fromkeys(first.accepted, 1) | {"Hospital2MSP": 2}})
    with pytest.raises(MaterialError, match="3 other updates of round 1"):
        fix_set(tmp_path / "sums", weighed)
    fix_set(tmp_path / "sums", first.model_copy(update={"weights": dict.fromkeys(first.accepted, 1)}))
    note_opening(tmp_path / "opened", first, 3)
    with pytest.raises(MaterialError, match="3 other updates on the base of round 2"):
        note_opening(tmp_path / "opened", weighed.model_copy(update={"round": 2}), 3)


def test_a_node_opens_no_second_sum_that_differs_by_few(tmp_path: Path) -> None:
    """Whatever its peer says; after a restart, and on another base it may."""
    four = aggregating(*(f"Hospital{number}MSP" for number in range(1, 5)))
    three = aggregating(*(f"Hospital{number}MSP" for number in range(2, 5))).model_copy(update={"round": 2})
    for _ in range(2):
        note_opening(tmp_path / "opened", four, 3)
    for _ in range(2):
        with pytest.raises(MaterialError, match="4 other updates on the base of round 2 was opened in round 1"):
            note_opening(tmp_path / "opened", three, 3)
    note_opening(tmp_path / "opened", four.model_copy(update={"round": 3}), 3)
    note_opening(tmp_path / "opened", three.model_copy(update={"round": 4, "base": "c" * 64}), 3)


def test_one_masked_form_of_an_update_in_all_attempts(tmp_path: Path) -> None:
    masked = np.arange(5, dtype=np.int64)
    keep_masked(tmp_path, 1, "Hospital1MSP", masked)
    keep_masked(tmp_path, 1, "Hospital1MSP", masked)
    keep_masked(tmp_path, 1, "Hospital2MSP", masked - 7)
    with pytest.raises(MaterialError, match=r"Hospital1MSP\.masked of round 1 differs from that of an earlier attempt"):
        keep_masked(tmp_path, 1, "Hospital1MSP", masked + 1)
    assert (kept_masked(tmp_path, 1, "Hospital2MSP") == masked - 7).all()
    with pytest.raises(ProtocolError, match=r"Hospital3MSP\.masked of round 1 is gone"):
        kept_masked(tmp_path, 1, "Hospital3MSP")


def test_one_seed_of_a_mask_in_all_attempts(tmp_path: Path) -> None:
    keep_mask(tmp_path, 1, "Hospital1MSP", b"1" * 32)
    keep_mask(tmp_path, 1, "Hospital1MSP", b"1" * 32)
    with pytest.raises(MaterialError, match=r"Hospital1MSP\.mask of round 1 differs") as differing:
        keep_mask(tmp_path, 1, "Hospital1MSP", b"2" * 32)
    assert "111" not in str(differing.value)
    assert kept_mask(tmp_path, 1, "Hospital1MSP") == b"1" * 32
    with pytest.raises(ProtocolError, match=r"Hospital2MSP\.mask of round 1 is gone"):
        kept_mask(tmp_path, 1, "Hospital2MSP")


def test_a_late_write_keeps_a_folder_until_the_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = round_folder(tmp_path, 1)
    ended.mkdir()
    (ended / "first.share").write_bytes(b"1")
    rmdir = os.rmdir

    def late(*given: Any, **named: Any) -> None:
        (ended / "late.share").write_bytes(b"2")
        rmdir(*given, **named)

    with monkeypatch.context() as racing:
        racing.setattr(os, "rmdir", late)
        prune_rounds(tmp_path, 2)
    assert [place.name for place in ended.iterdir()] == ["late.share"]
    prune_rounds(tmp_path, 2)
    assert not ended.exists()


def test_new_folders_are_on_the_disk_before_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("medquorum.core.files.sync_folder", synced.append)
    monkeypatch.setattr("medquorum.core.private_files.sync_folder", synced.append)
    fix_set(tmp_path / "task" / "sums", aggregating("Hospital1MSP", "Hospital2MSP", "Hospital3MSP"))
    assert synced == [tmp_path, tmp_path / "task", tmp_path / "task" / "sums"]
    assert [place.stat().st_mode & 0o777 for place in synced[1:]] == [0o700, 0o700]


class Says:
    """A line whose other end says one thing."""

    bytes_sent = rounds = 0

    def __init__(self, said: bytes) -> None:
        self._said = said

    def exchange(self, message: bytes) -> bytes:
        return self._said


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b'{"do":1}',
        b'{"do":"dance"}',
        b'{"do":"verify"}',
        b'{"do":"verify","hospitals":["A","B"]}',
        b'{"do":"verify","hospitals":[1]}',
        b'{"do":"verify","hospitals":["../A"]}',
        b'{"do":"round","hospitals":["A"],"more":1}',
    ],
)
def test_p0_does_only_what_it_knows(said: bytes) -> None:
    with pytest.raises(ProtocolError, match="no word on what is next"):
        receive_json(Says(said))
