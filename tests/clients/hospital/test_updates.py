# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core.documents.update import chunk_of
from medquorum.errors import DataError

BASE = "0" * 64


def test_an_update_is_the_same_after_a_restart(tmp_path: Path) -> None:
    packed = bytes(range(256)) * (5 << 12)
    saved = UpdateStore(tmp_path).save(1, BASE, packed)
    loaded = UpdateStore(tmp_path).load(1)
    assert loaded == saved
    assert len(saved.values) == 2
    sizes = [4 << 20, 1 << 20]
    assert b"".join(chunk_of(value, size) for value, size in zip(saved.values, sizes, strict=True)) == packed
    assert saved.chunks == [hashlib.sha256(value).hexdigest() for value in saved.values]


def test_salts_are_fresh_and_files_private(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    assert store.save(1, BASE, b"same").chunks != store.save(2, BASE, b"same").chunks
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*/*"))


def test_a_half_written_update_is_none(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    store.save(1, BASE, b"data")
    (tmp_path / "000001" / "update.json").unlink()
    assert store.load(1) is None
    assert store.first() is None


@pytest.mark.parametrize("name", ["parameters.bin", "salts.bin", "update.json"])
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    store = UpdateStore(tmp_path)
    store.save(1, BASE, b"data")
    (tmp_path / "000001" / name).write_bytes(b"{}")
    with pytest.raises(DataError, match="Remove"):
        store.load(1)


def test_old_updates_are_forgotten(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    for number in (1, 2, 3):
        store.save(number, BASE, bytes([number] * 4))
    store.prune(before=3)
    first = store.first()
    assert first is not None
    assert first.packed == b"\3" * 4
