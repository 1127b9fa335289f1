# SPDX-License-Identifier: Apache-2.0
"""Nodes are ended before the disk is full, not started again until there is room, and then go on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.errors import NetworkError
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.control import bring_down, supervise
from medquorum.network.supervision.disk import room
from medquorum.network.supervision.processes import Process, alive, records
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.network.small_disk import SmallDisk, small_disk

SIZE = 20 << 20
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", SIZE) as made:
        yield made


@pytest.fixture
def folder(disk: SmallDisk) -> Iterator[NetworkFolder]:
    found = NetworkFolder(disk.folder)
    yield found
    bring_down(found)


def states(folder: NetworkFolder) -> dict[str, str]:
    return {name: record.state for name, record in records(folder).items() if record.organisation}


@pytest.mark.parametrize("left", [0, 1 << 20])
def test_nodes_end_while_they_can_and_go_on_when_there_is_room(
    left: int, disk: SmallDisk, folder: NetworkFolder
) -> None:
    Process("node", "A", "peer", SLEEP).save(folder)
    Process("program", "A", "chaincode", SLEEP).save(folder)
    supervise(folder)
    program = records(folder)["program"].pid
    before = records(folder)["node"]
    disk.fill(left)
    await_true(lambda: alive(before) is None, 10, "the node has not ended")
    if left:  # else its record cannot be written
        await_true(lambda: states(folder) == {"node": "full", "program": "running"}, 10, "the state is not told")
    with pytest.raises(NetworkError, match="the disk is full") as caught:
        supervise(folder)
    assert "Make space" in caught.value.remedy
    disk.empty()
    await_true(lambda: alive(records(folder)["node"]) is not None, 10, "the node does not go on")
    assert states(folder) == {"node": "running", "program": "running"}
    assert records(folder)["node"].restarts == 0
    assert records(folder)["program"].pid == program
    text = folder.log("supervisor").read_text()
    assert "there is space again; nodes go on" in text
    if left:
        assert "the disk is full; nodes are ended until there is space" in text


def test_a_tenth_of_a_small_disk_is_kept_free(disk: SmallDisk) -> None:
    assert room(disk.folder).reserve == SIZE // 10
    disk.fill(SIZE // 10 - (1 << 16))
    assert room(disk.folder).short
    disk.empty()
    disk.fill(SIZE // 10 + (1 << 16))
    assert not room(disk.folder).short
    assert not room(disk.folder).ample
