# SPDX-License-Identifier: Apache-2.0
"""Append-only files of serialized blocks; a record is its length in 8 bytes, big-endian, and the block's bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any

import structlog
from fabric_protos.common.common_pb2 import Block
from google.protobuf.message import DecodeError

from medquorum.core.files import sync_folder
from medquorum.core.private_files import make_private_folder
from medquorum.network.devnet.ledger.block import data_hash

__all__ = ["BlockFiles", "Location"]

LENGTH_SIZE = 8
ROTATE_AT = 64 << 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Location:
    """Where a block lies: file number, offset of its bytes, length."""

    file: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Offset after the block."""
        return self.offset + self.length


class BlockFiles:
    """The files ``blockfile_000000`` ... of a folder. Appends come from one thread, reads from any."""

    def __init__(self, folder: Path, rotate_at: int = ROTATE_AT) -> None:
        make_private_folder(folder)
        self._folder = folder
        self._rotate_at = rotate_at
        existing = sorted(folder.glob("blockfile_*"))
        self._number = int(existing[-1].name.rpartition("_")[2]) if existing else 0
        self._file = self._appended()

    def _appended(self) -> BufferedWriter:
        path = self._path(self._number)
        path.touch(mode=0o600)
        return path.open("ab")

    def close(self) -> None:
        """Close the file that is appended to."""
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self._folder.glob("blockfile_*"))

    def append(self, data: bytes) -> Location:
        """Write one block and force it to disk."""
        if self._file.tell() >= self._rotate_at:
            self._file.close()
            self._number += 1
            self._file = self._appended()
            sync_folder(self._folder)
        offset = self._file.tell() + LENGTH_SIZE
        self._file.write(len(data).to_bytes(LENGTH_SIZE, "big") + data)
        self._file.flush()
        os.fsync(self._file.fileno())
        return Location(self._number, offset, len(data))

    def read(self, location: Location) -> Any:
        """Read a block (``common.Block``)."""
        with self._path(location.file).open("rb") as file:
            file.seek(location.offset)
            return Block.FromString(file.read(location.length))

    def recover(self, after: Location | None) -> Iterator[tuple[Location, Any]]:
        """Yield the whole blocks behind a location; a half-written one at the end is cut off.

        Must be exhausted before the first ``append``.
        """
        number, offset = (after.file, after.end) if after else (0, 0)
        while number <= self._number:
            size = self._path(number).stat().st_size
            while (record := self._record(number, offset, size)) is not None:
                yield record
                offset = record[0].end
            if offset != size:
                self._cut(number, offset, size)
            number, offset = number + 1, 0

    def _record(self, number: int, offset: int, size: int) -> tuple[Location, Any] | None:
        with self._path(number).open("rb") as file:
            file.seek(offset)
            length = int.from_bytes(file.read(LENGTH_SIZE), "big")
            location = Location(number, offset + LENGTH_SIZE, length)
            if length == 0 or location.end > size:
                return None
            try:
                block = Block.FromString(file.read(length))
            except DecodeError:
                return None
        return (location, block) if block.header.data_hash == data_hash(block.data.data) else None

    def _cut(self, number: int, offset: int, size: int) -> None:
        log.warning("half-written block dropped", file=self._path(number).name, offset=offset, bytes=size - offset)
        with self._path(number).open("r+b") as file:
            file.truncate(offset)
            os.fsync(file.fileno())
        self._file.seek(0, os.SEEK_END)

    def _path(self, number: int) -> Path:
        return self._folder / f"blockfile_{number:06d}"
