# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash: whole or not at all, and on disk when the call returns."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["make_private_folder", "remove_durably", "write_durably"]


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, each closed to others whatever the umask.

    ``medquorum.core`` has one too; this package needs none of the others.
    """
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file by new content, atomically; readable by its owner only.

    Raises
    ------
    OSError
        The folder cannot be written; the old file is untouched.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file; one that is gone already is fine."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
