# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fabric_protos.common.common_pb2 import Block
from hypothesis import given
from hypothesis import strategies as st

from medquorum.core.block_header import header_bytes, header_hash
from medquorum.network.devnet.ledger.block import assemble
from medquorum.network.devnet.ledger.block_file import BlockFiles


def blocks(count: int) -> list[bytes]:
    made: list[bytes] = []
    previous = b""
    for number in range(count):
        block = assemble(number, previous, [b"envelope %d" % number], bytes([0]), [])
        previous = header_hash(block.header)
        made.append(block.SerializeToString())
    return made


def recovered(folder: Path) -> list[int]:
    files = BlockFiles(folder)
    found = [block.header.number for _, block in files.recover(None)]
    files.close()
    return found


def test_blocks_come_back_and_files_rotate(tmp_path: Path) -> None:
    files = BlockFiles(tmp_path, rotate_at=200)
    places = [files.append(data) for data in blocks(10)]
    assert [files.read(place).header.number for place in places] == list(range(10))
    assert len(list(tmp_path.glob("blockfile_*"))) > 1
    files.close()
    reopened = BlockFiles(tmp_path, rotate_at=200)
    assert [block.header.number for _, block in reopened.recover(places[3])] == list(range(4, 10))
    reopened.append(blocks(11)[10])
    reopened.close()
    assert recovered(tmp_path) == list(range(11))


@given(st.data())
def test_a_torn_write_is_dropped_and_nothing_else(data: st.DataObject) -> None:
    made = blocks(4)
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = BlockFiles(folder)
        places = [files.append(one) for one in made]
        files.close()
        end, whole = places[2].end, places[3].end
        cut = data.draw(st.integers(end + 1, whole - 1))
        os.truncate(folder / "blockfile_000000", cut)
        assert recovered(folder) == [0, 1, 2]
        assert (folder / "blockfile_000000").stat().st_size == end
        files = BlockFiles(folder)
        assert len(list(files.recover(places[2]))) == 0
        assert files.append(made[3]) == places[3]
        files.close()
        assert recovered(folder) == [0, 1, 2, 3]


def test_zeros_and_damage_at_the_end_are_dropped(tmp_path: Path) -> None:
    files = BlockFiles(tmp_path)
    place = [files.append(data) for data in blocks(3)][2]
    files.close()
    path = tmp_path / "blockfile_000000"
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"envelope 2")] ^= 1
    path.write_bytes(damaged + bytes(100))
    assert recovered(tmp_path) == [0, 1]
    assert path.stat().st_size == place.offset - 8


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (256, "02020100"), (2**63, "0209008000000000000000")],
)
def test_header_is_encoded_as_der(number: int, encoded: str) -> None:
    header = assemble(number, b"p" * 32, [b"x"], bytes([0]), []).header
    data = header_bytes(header).hex()
    body = encoded + "0420" + (b"p" * 32).hex() + "0420" + header.data_hash.hex()
    assert data == f"30{len(body) // 2:02x}{body}"
    assert Block(header=header).header.number == number
