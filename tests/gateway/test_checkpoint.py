# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from medquorum.gateway import ChaincodeEvent, DataError, FileCheckpointer, InMemoryCheckpointer

EVENT = ChaincodeEvent(7, "t7", "asset", "Made", b"")


@pytest.fixture(params=["memory", "file"])
def checkpointer(request: pytest.FixtureRequest, tmp_path: Path) -> InMemoryCheckpointer:
    return InMemoryCheckpointer() if request.param == "memory" else FileCheckpointer(tmp_path / "checkpoint.json")


def test_a_new_checkpoint_is_nowhere(checkpointer: InMemoryCheckpointer) -> None:
    assert (checkpointer.block_number, checkpointer.transaction_id) == (None, None)


def test_a_done_block_leads_to_the_next(checkpointer: InMemoryCheckpointer) -> None:
    checkpointer.checkpoint_transaction(3, "t")
    checkpointer.checkpoint_block(3)
    assert (checkpointer.block_number, checkpointer.transaction_id) == (4, None)


def test_a_done_transaction_stays_in_its_block(checkpointer: InMemoryCheckpointer) -> None:
    checkpointer.checkpoint_transaction(3, "t")
    assert (checkpointer.block_number, checkpointer.transaction_id) == (3, "t")


def test_a_done_event_is_a_done_transaction(checkpointer: InMemoryCheckpointer) -> None:
    checkpointer.checkpoint_chaincode_event(EVENT)
    assert (checkpointer.block_number, checkpointer.transaction_id) == (7, "t7")


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    FileCheckpointer(path).checkpoint_chaincode_event(EVENT)
    again = FileCheckpointer(path)
    assert (again.block_number, again.transaction_id) == (7, "t7")
    again.checkpoint_block(7)
    third = FileCheckpointer(path)
    assert (third.block_number, third.transaction_id) == (8, None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.json"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "position"),
    [
        ('{"blockNumber":"12","transactionId":"t"}', (12, "t")),  # as the Node client writes
        ('{"blockNumber":12,"transactionId":""}', (12, None)),  # as the Go client writes
        ("{}", (None, None)),
        ("", (None, None)),
    ],
)
def test_the_official_clients_files_are_read(
    tmp_path: Path, content: str, position: tuple[int | None, str | None]
) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_text(content)
    checkpointer = FileCheckpointer(path)
    assert (checkpointer.block_number, checkpointer.transaction_id) == position


@pytest.mark.parametrize("content", ["[]", "{", '{"blockNumber":-1}', '{"blockNumber":"x"}', '{"other":1}'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_text(content)
    with pytest.raises(DataError, match="not a checkpoint file"):
        FileCheckpointer(path)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    checkpointer = FileCheckpointer(folder / "checkpoint.json")
    checkpointer.checkpoint_block(1)
    content = (folder / "checkpoint.json").read_bytes()
    folder.rename(tmp_path / "moved")
    with pytest.raises(OSError, match="checkpoint"):
        checkpointer.checkpoint_block(2)
    assert checkpointer.block_number == 2
    assert json.loads(content) == {"blockNumber": 2, "transactionId": ""}
    assert (tmp_path / "moved" / "checkpoint.json").read_bytes() == content
