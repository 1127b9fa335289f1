# SPDX-License-Identifier: Apache-2.0
"""Files and folders for their owner alone, whatever the umask; and whether others may change one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from medquorum.core.files import sync_folder

__all__ = ["create_private", "make_private_folder", "others_may_write", "write_private"]

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, each closed to others and on the disk at the return.

    One that is there stays as it is.
    """
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        sync_folder(folder.parent)


def create_private(path: Path) -> BinaryIO:
    """Return a new file open for writing, in place of an old one: nobody who had that one open sees the new content."""
    make_private_folder(path.parent)
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb")


def write_private(path: Path, text: str) -> None:
    """Write a text file anew; its folder, if new, is closed to others too."""
    with create_private(path) as file:
        file.write(text.encode())


def others_may_write(path: Path) -> bool:
    """Return whether another user than this one and root owns a file or folder, or may write to it."""
    stat_result = path.stat()
    if stat_result.st_uid not in (os.geteuid(), 0):
        return True
    sticky = stat.S_ISDIR(stat_result.st_mode) and bool(
        stat_result.st_mode & stat.S_ISVTX
    )  # as /tmp: nobody else's files
    return bool(stat_result.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) and not sticky
