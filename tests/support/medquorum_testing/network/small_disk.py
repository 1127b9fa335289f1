# SPDX-License-Identifier: Apache-2.0
"""A small file system for tests that fill it; skips where this machine does not let us mount one."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["SmallDisk", "small_disk"]


STEP = 32 << 20


class SmallDisk:
    """A mounted folder, and one large file in it that leaves as much room as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take the room, but for so many bytes."""
        with self._ballast.open("ab") as file:
            while (free := self._free()) > leave:
                try:  # in steps: one that fails gives back all it took
                    os.posix_fallocate(file.fileno(), file.tell(), min(free - leave, STEP))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    return  # others write too: the last bytes were theirs
                file.seek(0, os.SEEK_END)

    def _free(self) -> int:
        usage = os.statvfs(self.folder)
        return usage.f_bavail * usage.f_frsize

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a file system of so many bytes at a new folder; what runs there has to end before the context does."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
